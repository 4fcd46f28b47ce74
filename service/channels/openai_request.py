"""What the chat endpoint accepts: the OpenAI chat completions request, less what an answer by quotes cannot honour.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, WithJsonSchema

from service.schemas import WholeNumber
from service.settings import Settings

# Without effect on quotes: how words are drawn, how long a text is made, and who asks. Quotes are never cut, so that
# `stop` and the token limits have none either.
_HARMLESS = """
    frequency_penalty logit_bias max_completion_tokens max_tokens metadata parallel_tool_calls prediction
    presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning reasoning_effort
    safety_identifier seed service_tier stop store temperature top_logprobs top_p user verbosity
    keep_alive length_penalty min_p min_tokens mirostat mirostat_eta mirostat_tau num_ctx num_keep num_predict
    repeat_last_n repeat_penalty repetition_penalty tfs_z top_a top_k typical_p
"""
_HARMLESS_NAMES = frozenset(_HARMLESS.split())
_INSTRUCTIONS = ("system", "developer")
_OTHERS = ("assistant", "tool", "function")


class ChatError(Exception):
    """Said to the client in this API's own shape; `code` and `param` are the names that OpenAI's API uses."""

    def __init__(self, status: int, message: str, param: str | None, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


class ChatErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ChatErrorResponse(BaseModel):
    """The one shape of errors on the chat paths: that of OpenAI's API."""

    error: ChatErrorDetail


class ChatMessage(BaseModel):
    """One turn. `content` is a text, or a list of parts of which the text ones are read."""

    model_config = ConfigDict(extra="allow")

    role: Annotated[str, WithJsonSchema({"type": "string", "enum": [*_INSTRUCTIONS, "user", *_OTHERS]})]
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(BaseModel):
    """A conversation. The last message is the question; those before it resolve "and for the others?"."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"model": "gpai-faq", "messages": [{"role": "user", "content": "Who has to sign the form?"}]},
            ]
        },
    )

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    stream: StrictBool | None = None
    stream_options: dict[str, Any] | None = None
    n: Annotated[WholeNumber | None, WithJsonSchema({"enum": [1, None]})] = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk that counts."""
        return bool((self.stream_options or {}).get("include_usage"))


def questions(request: ChatRequest, settings: Settings) -> list[str]:
    """The user's questions in order, the one asked last. Raises ChatError for what cannot be honoured."""
    if request.model != settings.chat_model:
        found = f"The model {request.model!r} does not exist. Use {settings.chat_model!r}."
        raise ChatError(404, found, "model", "model_not_found")
    _check_parameters(request)
    if len(request.messages) > settings.max_chat_messages:
        found = f"The conversation has {len(request.messages)} messages. Send at most {settings.max_chat_messages}"
        raise ChatError(400, f"{found}: leave out the oldest.", "messages", "context_length_exceeded")
    asked: list[str] = []
    for place, message in enumerate(request.messages):
        where = f"messages.{place}"
        if message.role == "user":
            asked.append(_text(message, where))
        elif message.role not in _INSTRUCTIONS + _OTHERS:
            known = ", ".join((*_INSTRUCTIONS, "user", *_OTHERS))
            found = f"The role {message.role!r} is unknown. Use one of {known}."
            raise ChatError(400, found, f"{where}.role", "invalid_value")
    last = f"messages.{len(request.messages) - 1}"
    if request.messages[-1].role != "user":
        found = f"The last message has the role {request.messages[-1].role!r}. End with the user's question."
        raise ChatError(400, found, f"{last}.role", "invalid_value")
    if not asked[-1].strip():
        raise ChatError(400, "The last message is empty. Put a question in it.", f"{last}.content", "invalid_value")
    if len(asked[-1]) > settings.max_question_chars:
        found = f"The question has {len(asked[-1])} characters. Use at most {settings.max_question_chars}."
        raise ChatError(400, found, f"{last}.content", "string_above_max_length")
    # Earlier ones that could not have been asked are no context either.
    stripped = [text.strip() for text in asked]
    return [text for text in stripped[:-1] if 0 < len(text) <= settings.max_question_chars] + stripped[-1:]


def _check_parameters(request: ChatRequest) -> None:
    """Refuse what would have to change the answer, and what we do not know."""
    if request.n not in (None, 1):
        raise ChatError(400, f"n is {request.n}. There is one answer to a question: use 1.", "n", "unsupported_value")
    for name, value in (request.model_extra or {}).items():
        if name in _HARMLESS_NAMES or value in (None, False, [], {}):
            continue
        if value in _AS_WE_DO.get(name, ()):
            continue
        if name in _UNSUPPORTED:
            raise ChatError(400, f"{name} is not supported: {_UNSUPPORTED[name]}", name, "unsupported_parameter")
        raise ChatError(400, f"The parameter {name!r} is unknown. Leave it out.", name, "unknown_parameter")


_AS_WE_DO: dict[str, tuple[Any, ...]] = {
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
}
_UNSUPPORTED = {
    "tools": "this model quotes a fixed collection of texts and calls nothing. Leave it out.",
    "tool_choice": "this model calls no tools. Leave it out.",
    "functions": "this model calls no functions. Leave it out.",
    "function_call": "this model calls no functions. Leave it out.",
    "response_format": 'answers are Markdown, with the citations in `citations`. Use {"type": "text"} or leave it out.',
    "modalities": 'answers are text. Use ["text"] or leave it out.',
    "audio": "answers are text. Leave it out.",
    "logprobs": "quotes have no token probabilities. Leave it out.",
    "web_search_options": "this model searches its own collection only. Leave it out.",
    "moderation": "nothing is generated that could be moderated. Leave it out.",
}


def _text(message: ChatMessage, where: str) -> str:
    """A user's message as one text. Raises ChatError for parts that are no text."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    texts: list[str] = []
    for place, part in enumerate(message.content):
        kind, text = part.get("type"), part.get("text")
        if kind != "text" or not isinstance(text, str):
            found = f"A part of type {kind!r} cannot be read. Send parts of type 'text', with a text."
            raise ChatError(400, found, f"{where}.content.{place}", "invalid_value")
        texts.append(text)
    return "\n".join(texts)
