"""What every request passes, on bare ASGI."""

from __future__ import annotations

import json
from collections.abc import Iterable

import anyio
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.limits import BodyLimit, SecurityHeaders, TimeLimit

LIMIT = 10


class Echo:
    """Answers with the body it was given, and keeps what it heard after it."""

    def __init__(self) -> None:
        self.called = False
        self.after: Message | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.called = True
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.after = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


def call(
    app: ASGIApp, chunks: Iterable[bytes] = (b"",), *, length: bytes | None = None, path: str = "/", kind: str = "http"
) -> list[Message]:
    """Send the chunks as a body, then hang up; returns what the app sent."""
    parts = list(chunks)
    inbox: list[Message] = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]
    inbox.append({"type": "http.disconnect"})
    sent: list[Message] = []

    async def receive() -> Message:
        return inbox.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"content-length", length)]
    scope = {"type": kind, "method": "POST", "path": path, "headers": headers, "query_string": b""}

    async def run() -> None:
        await app(scope, receive, send)

    anyio.run(run)
    return sent


def refused(sent: list[Message]) -> bool:
    if sent[0]["status"] != 413:
        return False
    problem = json.loads(sent[1]["body"])
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert problem["status"] == 413 and str(LIMIT) in problem["detail"]
    return True


@pytest.mark.parametrize("chunks", [[b"x" * LIMIT], [b"x"] * LIMIT, [b""], [b"", b"xy", b""]])
def test_body_up_to_the_limit_arrives_whole(chunks: list[bytes]) -> None:
    echo = Echo()
    sent = call(BodyLimit(echo, LIMIT), chunks)
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"".join(chunks))
    assert echo.after == {"type": "http.disconnect"}


@pytest.mark.parametrize("chunks", [[b"x" * (LIMIT + 1)], [b"x"] * (LIMIT + 1), [b"x" * LIMIT, b"x", b"x" * 1000]])
def test_body_over_the_limit_is_refused_while_it_is_read(chunks: list[bytes]) -> None:
    echo = Echo()
    assert refused(call(BodyLimit(echo, LIMIT), chunks))
    assert not echo.called


@pytest.mark.parametrize("length", [b"11", b"99999999999999999999", b"-1", b"+5", b"ten", b""])
def test_declared_length_is_refused_before_reading(length: bytes) -> None:
    echo = Echo()
    assert refused(call(BodyLimit(echo, LIMIT), [b"x"], length=length))
    assert not echo.called


def test_declared_length_is_not_believed() -> None:
    assert refused(call(BodyLimit(Echo(), LIMIT), [b"x" * 11], length=b"1"))
    assert not refused(call(BodyLimit(Echo(), LIMIT), [b"x" * 10], length=b"10"))


def test_client_that_hangs_up_is_not_answered() -> None:
    echo = Echo()
    assert call(BodyLimit(echo, LIMIT), []) == []
    assert not echo.called


def test_lifespan_passes_both() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        await send({"type": "lifespan.startup.complete"})

    assert call(SecurityHeaders(BodyLimit(app, LIMIT)), kind="lifespan") == [{"type": "lifespan.startup.complete"}]
    assert seen == ["lifespan"]


@pytest.mark.parametrize("path", ["/", "/v1/answers", "/no-such", "/metrics", "/docs"])
def test_security_headers(path: str) -> None:
    headers = dict(call(SecurityHeaders(Echo()), path=path)[0]["headers"])
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"no-referrer"
    policy = headers[b"content-security-policy"].decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["script-src"] == "'self'"
    assert "unsafe" not in policy and "*" not in policy


def timed(app: ASGIApp, whole: bool = True) -> list[Message]:
    """Ask with little time, the body whole or for ever on its way; returns what was sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        if whole:
            return {"type": "http.request", "body": b"", "more_body": False}
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await TimeLimit(app, timeout_ms=20)({"type": "http", "headers": []}, receive, send)

    anyio.run(run)
    return sent


@pytest.mark.parametrize(("whole", "status"), [(True, 503), (False, 408)])
def test_a_request_has_its_time(whole: bool, status: int) -> None:
    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await anyio.sleep_forever()

    start, body = timed(hang, whole)
    assert start["status"] == status
    assert "20 ms" in json.loads(body["body"])["detail"]
    assert (b"retry-after" in dict(start["headers"])) == (status == 503)


def test_a_response_that_has_begun_may_take_its_time() -> None:
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await anyio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"late"})

    assert [message.get("body") for message in timed(stream)] == [None, b"late"]


def test_what_is_not_http_has_no_limit() -> None:
    async def linger(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(0.05)
        await send({"type": "lifespan.startup.complete"})

    assert call(TimeLimit(linger, timeout_ms=1), kind="lifespan") == [{"type": "lifespan.startup.complete"}]
