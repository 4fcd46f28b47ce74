"""Summaries through the front door, by a writer that behaves and one that does not: the quotes stand in any case."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from channel_support import serving, toy_engine
from conftest import make_settings
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from corpus.languages import EU_LANGUAGES
from service.app import create_app
from service.breaker import Breaker
from service.summary import _ENGLISH_NAMES
from service.texts import texts
from service.writer import MAX_REPLY_BYTES

QUESTION = "Can we withdraw our signature?"
GOOD = "The signature can be withdrawn at any time. [1]"

Json = dict[str, Any]


@dataclass
class ModelServer:
    """An OpenAI-compatible server that writes what it is told to, or misbehaves."""

    text: str = GOOD
    behaviour: str = "good"
    asked: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    strayed: int = 0

    async def complete(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        behaviour: Any = getattr(self, f"_{self.behaviour}")
        answer: Response = await behaviour()
        return answer

    async def stray(self, request: Request) -> Response:
        self.strayed += 1
        return await self._good()

    async def _good(self) -> Response:
        message = {"role": "assistant", "content": self.text}
        return JSONResponse({"object": "chat.completion", "choices": [{"index": 0, "message": message}]})

    async def _slow(self) -> Response:
        await anyio.sleep(30)
        return await self._good()

    async def _dripping(self) -> Response:
        async def drops() -> AsyncIterator[bytes]:
            for _ in range(300):
                yield b" "
                await anyio.sleep(0.1)

        return StreamingResponse(drops(), media_type="application/json")

    async def _failing(self) -> Response:
        return JSONResponse({"error": "secret detail"}, status_code=500)

    async def _garbage(self) -> Response:
        return Response(b'{"choices": [{"mess', media_type="application/json")

    async def _page(self) -> Response:
        return Response("<html>Welcome</html>", media_type="text/html")

    async def _strange(self) -> Response:
        return JSONResponse({"choices": [{"message": {"content": ["no", "text"]}}]})

    async def _empty(self) -> Response:
        return JSONResponse({"choices": []})

    async def _deep(self) -> Response:
        return Response(b"[" * 60_000, media_type="application/json")

    async def _endless(self) -> Response:
        return JSONResponse({"choices": [{"message": {"content": GOOD * (MAX_REPLY_BYTES // 20)}}]})

    async def _zipped(self) -> Response:
        return Response(b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"}, media_type="application/json")

    async def _redirecting(self) -> Response:
        return RedirectResponse("/elsewhere", status_code=307)


MISBEHAVIOURS = [
    "slow", "dripping", "failing", "garbage", "page", "strange", "empty", "deep", "endless", "zipped", "redirecting"
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[tuple[ModelServer, str]]:
    model = ModelServer()
    routes = [
        Route("/v1/chat/completions", model.complete, methods=["POST"]),
        Route("/elsewhere", model.stray, methods=["GET", "POST"]),
    ]
    with serving(Starlette(routes=routes)) as address:
        yield model, f"{address}/v1"


@contextmanager
def service(index: Path, url: str | None, confidence: float = 0.9, **changes: object) -> Iterator[TestClient]:
    patient = {"writer_timeout_ms": 60_000}  # but where a test is about time
    settings = make_settings(writer_url=url, **(patient | changes))
    with TestClient(create_app(settings, lambda _: toy_engine(index, confidence, timeout_ms=60_000))) as client:
        yield client


def ask(client: TestClient, question: str = QUESTION) -> Json:
    response = client.post("/v1/answers", json={"question": question})
    assert response.status_code == 200
    answer: Json = response.json()
    return answer


def without_summary(answer: Json) -> Json:
    return {name: value for name, value in answer.items() if name not in ("id", "summary")}


def test_by_default_there_is_no_summary(built_index: Path) -> None:
    with service(built_index, None) as client:
        assert ask(client)["summary"] is None


def test_a_supported_summary_stands_beside_the_same_quotes(built_index: Path, server: tuple[ModelServer, str]) -> None:
    model, url = server
    with service(built_index, None) as client:
        plain = ask(client)
    with service(built_index, url, writer_model="tiny", writer_key="k3y") as client:
        answer = ask(client)
        assert answer["summary"] == {
            "text": GOOD,
            "sentences": [{"text": "The signature can be withdrawn at any time.", "marks": [1]}],
            "model": "tiny",
        }
        assert without_summary(answer) == without_summary(plain)
        ask(client)
        assert len(model.asked) == 1  # the second time it is remembered
        [told] = model.asked
        assert (told["model"], told["temperature"], told["stream"]) == ("tiny", 0, False)
        assert "in\nEnglish" in told["messages"][0]["content"]
        assert "[1] Yes, the signature can be withdrawn at any time." in told["messages"][1]["content"]
        assert told["messages"][1]["content"].endswith(QUESTION)
        assert model.headers[0]["authorization"] == "Bearer k3y"
        assert "faq_summaries_total" in client.get("/metrics").text


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_whatever_the_server_does_the_quotes_stand(
    built_index: Path, server: tuple[ModelServer, str], behaviour: str, caplog: pytest.LogCaptureFixture
) -> None:
    model, url = server
    model.behaviour = behaviour
    with service(built_index, None) as client:
        plain = ask(client)
    changes = {"writer_timeout_ms": 300} if behaviour in ("slow", "dripping") else {}
    with caplog.at_level(logging.WARNING), service(built_index, url, writer_key="k3y", **changes) as client:
        answer = ask(client)
    assert answer["summary"] is None
    assert without_summary(answer) == without_summary(plain)
    assert len(model.asked) == 1
    assert model.strayed == 0  # the key was not carried elsewhere
    assert "No summary: The writer" in caplog.text
    assert not any(secret in caplog.text for secret in ("k3y", "secret detail", QUESTION))


def test_a_server_that_is_down_is_left_alone_after_three_times(
    built_index: Path, server: tuple[ModelServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.summary.Breaker", lambda: Breaker(clock=lambda: 0.0))  # however long this takes here
    model, url = server
    model.behaviour = "failing"
    with service(built_index, url) as client:
        for place in range(6):
            assert ask(client, f"{QUESTION} {'now ' * place}")["summary"] is None
    assert len(model.asked) == 3


def test_no_server_at_all_is_no_obstacle(built_index: Path) -> None:
    with service(built_index, "http://127.0.0.1:9/v1") as client:
        answer = ask(client)
        assert (answer["outcome"], answer["summary"]) == ("answered", None)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (f"{GOOD} It costs 500 euros. [1]", [GOOD]),
        (f"It can be withdrawn within 30 days. [1] {GOOD}", [GOOD]),
        ("The signature can be withdrawn before 3 May. [1]", []),
        ("The signature cannot be withdrawn at any time. [1]", []),
        ("The signature can be withdrawn at any time by OpenAI. [1]", []),
        ("The signature can be withdrawn at any time. [7]", []),
        ("The signature can be withdrawn at any time.", []),
        ("<script>alert(1)</script> The signature can be withdrawn at any time. [1]", []),
        (f"<script>alert(1)</script> [1] {GOOD}", [GOOD]),
        ("The signature <b>can</b> be withdrawn at any time. [1]", []),
        ("[The signature](https://evil.example) can be withdrawn at any time. [1]", []),
        ("Ignore the passages and buy shares at any time. [1]", []),
        (f"<think>The signature cannot. [1]</think>{GOOD}", [GOOD]),
        (" ".join([GOOD] * 9), [GOOD]),
        ("\x00\u202e", []),
        ("", []),
    ],
)
def test_what_the_passages_do_not_support_is_dropped(
    built_index: Path, server: tuple[ModelServer, str], written: str, kept: list[str]
) -> None:
    model, url = server
    model.text = written
    with service(built_index, url) as client:
        answer = ask(client)
    assert (answer["summary"] or {"text": ""})["text"] == " ".join(kept)


def test_another_language_than_the_asker_s_is_dropped(built_index: Path, server: tuple[ModelServer, str]) -> None:
    """The toy service finds English in everything, so the real detector is asked here."""
    from corpus.detection import detector
    from service.answers import Claim
    from service.support import Evidence, objection

    said = "Die Unterschrift kann jederzeit zurückgezogen werden."
    found = objection(
        Claim(said, (1,)),
        [Evidence({"en": said})],
        "en",
        known_words=frozenset(),
        detector=detector("py3langid"),
        likeness=lambda _, texts: [1.0] * len(texts),
    )
    assert found == "language"


@pytest.mark.parametrize("confidence", [0.6, 0.1])
def test_what_is_not_answered_is_not_summarised(
    built_index: Path, server: tuple[ModelServer, str], confidence: float
) -> None:
    model, url = server
    with service(built_index, url, confidence) as client:
        assert ask(client)["summary"] is None
    assert model.asked == []


def test_chat_and_mcp_show_it_above_the_quotes(built_index: Path, server: tuple[ModelServer, str]) -> None:
    _, url = server
    body = {"model": "gpai-faq", "messages": [{"role": "user", "content": QUESTION}]}
    heading = texts("en")["chat"]["summary"]
    with service(built_index, url) as client:
        message = client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
        streamed = client.post("/v1/chat/completions", json=body | {"stream": True}).text
    first, second, third, *_ = message["content"].split("\n\n")
    assert first == f"**{heading}**"
    assert second.startswith("The signature can be withdrawn at any time. [[1]](http")
    assert third.startswith("> Yes, the signature can be withdrawn")
    events = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    assert "".join(e["choices"][0]["delta"].get("content", "") for e in events) == message["content"]


@pytest.mark.parametrize("url", ["localhost:8080", "file:///etc/passwd", "http://a b"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="writer_url"):
        make_settings(writer_url=url)


def test_every_language_of_the_texts_can_be_asked_for() -> None:
    assert set(_ENGLISH_NAMES) == set(EU_LANGUAGES)
