"""Chat clients: `POST /v1/chat/completions` and `GET /v1/models`, compatible with OpenAI's API.

The answer is Markdown with numbered links; the full citations ride along as `citations`, with the schema of the
passages of `POST /v1/answers`, on the message, or on the last delta of a stream. Links are also given as
`annotations`, which is where clients look for web sources.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from corpus.detection import detector
from service.answers import Answer
from service.channels.dialogue import converse
from service.channels.openai_request import ChatError, ChatErrorResponse, ChatMessage, ChatRequest, questions
from service.channels.rendering import link_target, markdown, reply
from service.desk import desk_of
from service.pipeline import Ask
from service.problems import sayable
from service.schemas import AnswerResponse

_log = logging.getLogger(__name__)


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ChatErrorResponse, "description": HTTPStatus(status).phrase} for status in statuses}


router = APIRouter(tags=["chat"])

_EVENT: dict[str, Any] = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
_ANSWERED = {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": _EVENT}}

_CREATED = 1753920000  # when the model came to be: any fixed moment will do, clients only show it
_PATHS = ("/v1/chat/", "/v1/models")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_PIECE = re.compile(r"\S+\s*|\s+")
_PIECE_WORDS = 8
_CODES = {
    401: "invalid_api_key",
    403: "insufficient_permissions",
    413: "context_length_exceeded",
    422: "invalid_value",
    429: "rate_limit_exceeded",
}


@router.post(
    "/v1/chat/completions",
    summary="Answer the last question of a conversation (OpenAI-compatible)",
    responses={200: {"content": _ANSWERED}, **_errors(400, 404, 413, 503)},
)
async def chat_completions(body: ChatRequest, request: Request) -> Response:
    """Errors have the shape of OpenAI's API: `{"error": {"message", "type", "param", "code"}}`."""
    desk = desk_of(request.app)
    try:
        asked = questions(body, desk.settings)
    except ChatError as error:
        return _error(error.status, error.message, error.param, error.code)

    async def ask(question: Ask) -> Answer:
        return await desk.answer(question)

    chosen = detector(desk.settings.language_detector)
    # All errors come before the first byte: a stream, once begun, cannot take its status back.
    limit, mailbox = desk.settings.max_question_chars, desk.settings.mailbox
    answer = await desk.written(await converse(ask, asked, chosen, limit, mailbox))
    content = markdown(reply(answer))
    if body.stream:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(body, answer, content), media_type="text/event-stream", headers=headers)
    message = {"role": "assistant", "content": content, "refusal": None, **_extras(answer, content)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = _head(body, answer, "chat.completion")
    return JSONResponse({**head, "choices": [choice], "usage": _usage(body, content)})


@router.get("/v1/models", summary="The one model there is (OpenAI-compatible)")
async def models(request: Request) -> dict[str, Any]:
    return {"object": "list", "data": [_model(request.app.state.settings.chat_model)]}


@router.get("/v1/models/{model}", summary="One model (OpenAI-compatible)", responses=_errors(404))
async def model(model: str, request: Request) -> Response:
    known = request.app.state.settings.chat_model
    if model != known:
        return _error(404, f"The model {model!r} does not exist. Use {known!r}.", "model", "model_not_found")
    return JSONResponse(_model(known))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "gpai-faq"}


def _head(request: ChatRequest, answer: AnswerResponse, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": int(time.time()),
        "model": request.model,
        "system_fingerprint": f"fp_{answer.index.version}",
    }


def _extras(answer: AnswerResponse, content: str) -> dict[str, Any]:
    """What the text says, for programs: the passages of `POST /v1/answers`, its outcome and confidence, the links."""
    return {
        "annotations": _annotations(answer, content),
        "citations": [passage.model_dump(mode="json") for passage in answer.passages],
        "outcome": answer.outcome,
        "confidence": answer.confidence,
    }


def _annotations(answer: AnswerResponse, content: str) -> list[dict[str, Any]]:
    """Each passage's first link in the text, in characters, half-open."""
    found = []
    for passage in answer.passages:
        link = f"[[{passage.rank}]]({link_target(passage.citation.url)})"
        start = content.find(link)
        place = {"start_index": start, "end_index": start + len(link)}
        target = {"url": passage.citation.url, "title": f"{passage.citation.title}: {passage.heading}"}
        found.append({"type": "url_citation", "url_citation": place | target})
    return found


def _usage(request: ChatRequest, content: str) -> dict[str, int]:
    """Words and marks, since there is no model whose tokens could be counted."""
    sent = sum(_count(text) for message in request.messages for text in _texts(message))
    told = _count(content)
    return {"prompt_tokens": sent, "completion_tokens": told, "total_tokens": sent + told}


def _texts(message: ChatMessage) -> list[str]:
    if isinstance(message.content, str):
        return [message.content]
    return [text for part in message.content or () if isinstance(text := part.get("text"), str)]


def _count(text: str) -> int:
    return len(_TOKEN.findall(text))


async def _events(request: ChatRequest, answer: AnswerResponse, content: str) -> AsyncIterator[str]:
    """Server-sent events: the role, the text in pieces of some words, the rest, the count where asked for, the end."""
    head = _head(request, answer, "chat.completion.chunk")
    usage: dict[str, Any] = {"usage": None} if request.wants_usage else {}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**head, "choices": [choice], **usage})

    yield chunk({"role": "assistant", "content": ""})
    pieces = _PIECE.findall(content)
    for start in range(0, len(pieces), _PIECE_WORDS):
        yield chunk({"content": "".join(pieces[start : start + _PIECE_WORDS])})
    yield chunk(_extras(answer, content), "stop")
    if request.wants_usage:
        yield _event({**head, "choices": [], "usage": _usage(request, content)})
    yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _error(
    status: int, message: str, param: str | None = None, code: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    named = None if param is None else sayable(param)
    body = {"error": {"message": sayable(message), "type": kind, "param": named, "code": code}}
    return JSONResponse(body, status_code=status, headers=headers)


class ChatErrors:
    """Puts every error on the chat paths into this API's shape: also those of limits, routing and validation, which
    know only problem+json. It has to stand outside the limit on bodies to see what that one refuses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        started = False
        problem: Message | None = None
        parts: list[bytes] = []

        async def translate(message: Message) -> None:
            nonlocal started, problem
            if message["type"] == "http.response.start":
                started = True
                if Headers(raw=message["headers"]).get("content-type") == "application/problem+json":
                    problem = message
                    return
            elif problem is not None:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    await _translated(problem, b"".join(parts))(scope, receive, send)
                return
            await send(message)

        try:
            await self._app(scope, receive, translate)
        except Exception as error:
            if started:
                raise
            _log.error("Unhandled fault: %s", type(error).__name__, exc_info=error)
            fault = "Something went wrong on our side. Try again; if it stays, report the time."
            await _error(HTTPStatus.INTERNAL_SERVER_ERROR, fault)(scope, receive, send)


def _translated(start: Message, body: bytes) -> JSONResponse:
    """The same error in the shape of OpenAI's API."""
    problem = json.loads(body)
    status = problem["status"]
    field = problem["errors"][0]["field"] if problem["errors"] else None
    told = Headers(raw=start["headers"])
    kept = {name: value for name, value in told.items() if name not in ("content-type", "content-length")}
    code = _CODES.get(status)
    detail = problem["detail"]
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = f"{detail} Leave out the oldest messages, or begin a new conversation."
        field = "messages"
    # OpenAI's API says 400 where ours says 422, and its clients look for that.
    shown = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    return _error(shown, detail, field, code, kept)


def install_chat(app: FastAPI) -> None:
    """Add the endpoints and their error shape; after the limit on bodies, so as to stand outside it."""
    app.include_router(router)
    app.add_middleware(ChatErrors)
