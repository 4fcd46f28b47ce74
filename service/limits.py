"""What every request passes: limits on its body and its time, and security headers on what goes back."""

from __future__ import annotations

import math

import anyio
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import problem_response

# What people asked stands in these answers, and in the addresses of some.
_PERSONAL = ("/v1/answers", "/v1/search", "/v1/chat/", "/v1/channels/", "/v1/admin/", "/mcp")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class BodyLimit:
    """Refuses bodies over the limit with 413, by the declared length or while reading."""

    def __init__(self, app: ASGIApp, max_bytes: int, larger: dict[str, int] | None = None) -> None:
        """`larger` maps the beginning of a path to its own limit."""
        self._app = app
        self._max = max_bytes
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = (limit for path, limit in self._larger.items() if scope["path"].startswith(path))
        allowed = next(own, self._max)
        refusal = problem_response(413, f"The body is larger than {allowed} bytes. Send less.")
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not length.isdigit() or int(length) > allowed:
            await refusal(scope, receive, send)
            return
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > allowed:
                await refusal(scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": b"".join(chunks), "more_body": False}

        await self._app(scope, replay, send)


class TimeLimit:
    """Gives up a request whose response has not begun in time: 503, or 408 while its body was still on its way."""

    def __init__(self, app: ASGIApp, timeout_ms: int) -> None:
        self._app = app
        self._timeout_ms = timeout_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        whole = begun = False

        async def watched_receive() -> Message:
            nonlocal whole
            message = await receive()
            whole = whole or not message.get("more_body", False)
            return message

        async def watched_send(message: Message) -> None:
            nonlocal begun
            if not begun:
                begun, limit.deadline = True, math.inf  # a stream may take its time once it has begun
            await send(message)

        with anyio.move_on_after(self._timeout_ms / 1000) as limit:
            await self._app(scope, watched_receive, watched_send)
        if limit.cancelled_caught and not begun:
            if whole:
                detail = f"The response took longer than {self._timeout_ms} ms. Try again in a few seconds."
                refusal = problem_response(503, detail, headers={"Retry-After": "5"})
            else:
                detail = f"The body did not arrive within {self._timeout_ms} ms. Send it faster."
                refusal = problem_response(408, detail, headers={"Connection": "close"})
            await refusal(scope, receive, send)


class SecurityHeaders:
    """Adds a strict Content-Security-Policy and its companions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["X-Frame-Options"] = "DENY"
                headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if scope["path"].startswith(_PERSONAL):
                    headers.setdefault("Cache-Control", "no-store")
                headers["Content-Security-Policy"] = _POLICY
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
