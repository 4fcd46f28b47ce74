"""The chat endpoint, by the official `openai` client against the service on a real port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from channel_support import serving, toy_engine
from conftest import make_settings
from openai import APIStatusError, BadRequestError, InternalServerError, NotFoundError, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from starlette.testclient import TestClient

from index.errors import IndexMissing
from service.app import create_app
from service.channels.rendering import link_target, markdown, reply
from service.engine import Engine
from service.schemas import AnswerResponse, PassageOut
from service.settings import Settings

QUESTION = "can we withdraw our signature"
MODEL = "gpai-faq"

Messages = list[ChatCompletionMessageParam]


@pytest.fixture(scope="module")
def address(built_index: Path) -> Iterator[str]:
    app = create_app(make_settings(max_chat_messages=6), lambda _: toy_engine(built_index))
    with serving(app) as found:
        yield found


@pytest.fixture
def chat(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{address}/v1", api_key="none is needed", max_retries=0) as client:
        yield client


def user(content: str) -> Messages:
    return [{"role": "user", "content": content}]


def rest(client: TestClient, question: str = QUESTION) -> AnswerResponse:
    response = client.post("/v1/answers", json={"question": question})
    return AnswerResponse.model_validate(response.json())


def test_models_are_listed_and_found(chat: OpenAI) -> None:
    assert [model.id for model in chat.models.list()] == [MODEL]
    assert chat.models.retrieve(MODEL).owned_by == "gpai-faq"
    with pytest.raises(NotFoundError, match="gpt-9"):
        chat.models.retrieve("gpt-9")


def test_answer_is_the_one_of_rest_in_markdown(chat: OpenAI, client: TestClient) -> None:
    completion = chat.chat.completions.create(model=MODEL, messages=user(QUESTION))
    choice, same = completion.choices[0], rest(client)
    assert choice.finish_reason == "stop"
    assert choice.message.content == markdown(reply(same))
    extra = choice.message.model_extra
    assert extra is not None
    assert [PassageOut.model_validate(p) for p in extra["citations"]] == same.passages
    assert (extra["outcome"], extra["confidence"]) == ("answered", same.confidence)
    assert completion.model == MODEL


def test_annotations_point_at_the_links(chat: OpenAI) -> None:
    message = chat.chat.completions.create(model=MODEL, messages=user(QUESTION)).choices[0].message
    assert message.annotations and message.content
    for number, annotation in enumerate(message.annotations, start=1):
        place = annotation.url_citation
        linked = message.content[place.start_index : place.end_index]
        assert linked == f"[[{number}]]({link_target(place.url)})"


def test_stream_says_the_same_piece_by_piece(chat: OpenAI) -> None:
    whole = chat.chat.completions.create(model=MODEL, messages=user(QUESTION)).choices[0].message
    chunks = list(chat.chat.completions.create(model=MODEL, messages=user(QUESTION), stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert deltas[0].role == "assistant"
    assert len(deltas) > 5
    assert "".join(delta.content or "" for delta in deltas) == whole.content
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert deltas[-1].model_extra is not None and whole.model_extra is not None
    assert deltas[-1].model_extra["citations"] == whole.model_extra["citations"]
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_is_counted_in_both_ways(chat: OpenAI) -> None:
    usage = chat.chat.completions.create(model=MODEL, messages=user("three words here?")).usage
    assert usage is not None
    assert usage.prompt_tokens == 3 + 1  # and the question mark
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    with chat.chat.completions.create(
        model=MODEL, messages=user("three words here?"), stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert chunks[-1].usage == usage
    assert chunks[-1].choices == []
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_stream_is_events_to_the_end(address: str) -> None:
    body = {"model": MODEL, "messages": user(QUESTION), "stream": True}
    response = httpx2.post(f"{address}/v1/chat/completions", json=body)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = response.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(event.removeprefix("data: ")) for event in events[:-2])


def test_parts_of_text_are_one_question(chat: OpenAI) -> None:
    parts: Messages = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "can we"}, {"type": "text", "text": "withdraw our signature"}],
        }
    ]
    found = [chat.chat.completions.create(model=MODEL, messages=m).choices[0].message for m in (parts, user(QUESTION))]
    assert found[0].content == found[1].content


def test_instructions_are_ignored(chat: OpenAI) -> None:
    told: Messages = [
        {"role": "system", "content": "Answer in Latin."},
        {"role": "developer", "content": "Never quote."},
        *user(QUESTION),
    ]
    found = [chat.chat.completions.create(model=MODEL, messages=m).choices[0].message for m in (told, user(QUESTION))]
    assert found[0].content == found[1].content


def test_sampling_parameters_do_no_harm(chat: OpenAI) -> None:
    completion = chat.chat.completions.create(
        model=MODEL,
        messages=user(QUESTION),
        temperature=0.2,
        top_p=0.5,
        max_tokens=1,
        stop=["signature"],
        seed=1,
        user="someone",
        n=1,
        tools=[],
        tool_choice="none",
        response_format={"type": "text"},
        modalities=["text"],
        logprobs=False,
        extra_body={"top_k": 3, "repeat_penalty": 1.1},
    )
    assert (completion.choices[0].message.content or "").startswith("> Yes, the signature can be withdrawn")


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "unsupported_parameter"),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
        ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
        ({"n": 2}, "n", "unsupported_value"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
            "response_format",
            "unsupported_parameter",
        ),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio", "unsupported_parameter"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"web_search_options": {"search_context_size": "low"}}, "web_search_options", "unsupported_parameter"),
        ({"wisdom": 11}, "wisdom", "unknown_parameter"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "user", "content": "   "}]}, "messages.0.content", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "invalid_value"),
        ({"messages": [{"role": "assistant", "content": "Yes."}]}, "messages.0.role", "invalid_value"),
        ({"messages": [{"role": "oracle", "content": "Yes."}]}, "messages.0.role", "invalid_value"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
            "messages.0.content.0",
            "invalid_value",
        ),
        ({"messages": [{"role": "user", "content": "x" * 2001}]}, "messages.0.content", "string_above_max_length"),
        ({"messages": [{"role": "user", "content": "x"}] * 7}, "messages", "context_length_exceeded"),
        ({"messages": "hello"}, "messages", "invalid_value"),
        ({"stream": "perhaps"}, "stream", "invalid_value"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    chat: OpenAI, changes: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        chat.chat.completions.create(model=MODEL, messages=user(QUESTION), extra_body=changes)
    assert refused.value.param == param
    assert refused.value.code == code
    assert refused.value.type == "invalid_request_error"
    assert refused.value.body and set(refused.value.body) == {"message", "type", "param", "code"}  # type: ignore[call-overload]


def test_unknown_model_is_not_found(chat: OpenAI) -> None:
    with pytest.raises(NotFoundError) as refused:
        chat.chat.completions.create(model="gpt-9", messages=user(QUESTION))
    assert (refused.value.param, refused.value.code) == ("model", "model_not_found")


def test_history_over_the_limit_of_bodies_is_refused_in_the_same_shape(chat: OpenAI) -> None:
    with pytest.raises(APIStatusError) as refused:
        chat.chat.completions.create(model=MODEL, messages=[*user("x" * 1_100_000), *user(QUESTION)])
    assert refused.value.status_code == 413
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "messages")
    assert "new conversation" in refused.value.message


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/chat/completions", 405), ("POST", "/v1/chat/x", 404)]
)
def test_errors_of_routing_have_the_same_shape(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_body_that_is_not_json_is_refused(client: TestClient) -> None:
    response = client.post("/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_without_an_index_it_says_when_to_come_back() -> None:
    def missing(_: Settings) -> Engine:
        raise IndexMissing("There is no index. Run `make index`.")

    with (
        serving(create_app(make_settings(), missing)) as address,
        OpenAI(base_url=f"{address}/v1", api_key="-", max_retries=0) as chat,
        pytest.raises(InternalServerError, match="make index") as refused,
    ):
        chat.chat.completions.create(model=MODEL, messages=user(QUESTION))
    assert refused.value.status_code == 503
    assert refused.value.type == "server_error"
    assert refused.value.response.headers["retry-after"] == "30"


def test_a_fault_is_no_stack_trace_in_the_same_shape() -> None:
    class Broken(Engine):
        def __init__(self) -> None: ...

        async def answer(self, ask: object) -> Any:
            raise ZeroDivisionError("the secret of the house")

    with TestClient(create_app(make_settings(), lambda _: Broken())) as broken:
        response = broken.post("/v1/chat/completions", json={"model": MODEL, "messages": user(QUESTION)})
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "server_error"
    assert "secret" not in response.text


@pytest.mark.parametrize(("confidence", "scope"), [(0.6, 0.9), (0.1, 0.9), (0.1, 0.1)])
def test_other_outcomes_are_said_in_words(built_index: Path, confidence: float, scope: float) -> None:
    app = create_app(make_settings(), lambda _: toy_engine(built_index, confidence, scope))
    with TestClient(app) as opened:
        same = rest(opened)
        response = opened.post("/v1/chat/completions", json={"model": MODEL, "messages": user(QUESTION)})
    message = response.json()["choices"][0]["message"]
    assert same.outcome != "answered" and same.message
    assert message["outcome"] == same.outcome
    assert message["content"] == markdown(reply(same))
    assert message["citations"] == [passage.model_dump(mode="json") for passage in same.passages]


def test_conversation_resolves_a_follow_up(built_index: Path) -> None:
    """The toy judge is never sure, so that each question is asked with and without the one before."""
    app = create_app(make_settings(), lambda _: toy_engine(built_index, 0.6))
    turns = [*user(QUESTION), {"role": "assistant", "content": "Yes."}, *user("and why?")]
    with TestClient(app) as opened:
        response = opened.post("/v1/chat/completions", json={"model": MODEL, "messages": turns})
    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["outcome"] == "low_confidence"
