"""One request seen from outside: its id, its line in the log, its metrics, its trace. Never what was asked."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.observability import REQUEST_SECONDS, REQUESTS
from service.tracing import Tracing

_log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_MOUNTS = ("/mcp", "/static")
_CHANNELS = {"/v1/chat/": "chat", "/mcp": "mcp", "/v1/channels/slack": "slack", "/v1/channels/teams": "teams"}


@dataclass(slots=True)
class Visit:
    """What a request turned out to be. Filled in on the way by whoever knows."""

    request_id: str
    channel: str = "rest"
    key_id: str | None = None
    route: str = "none"
    language: str | None = None
    outcome: str | None = None
    confidence: float | None = None
    index: str | None = None

    def facts(self) -> dict[str, object]:
        """Those that are known, by name."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


_current: ContextVar[Visit | None] = ContextVar("visit", default=None)


def current_visit() -> Visit | None:
    """The request being worked on; None outside of one."""
    return _current.get()


def request_id_of(sent: str | None) -> str:
    """The id that the client gave, where it is one, else a new one."""
    return sent if sent is not None and _ID.fullmatch(sent) else uuid4().hex


class Visits:
    """Gives every request an id (`X-Request-ID`), and tells of it when it is over."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visit = Visit(request_id_of(headers.get("x-request-id")), _channel(scope["path"]))
        status = 500  # unless something is sent

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = visit.request_id
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        started = perf_counter()
        token = _current.set(visit)
        try:
            with self._tracing.request(method, headers) as span:
                try:
                    await self._app(scope, receive, with_id)
                finally:
                    visit.route = _route(scope)
                    span.finish(f"{method} {visit.route}", status, visit.facts())
        finally:
            _current.reset(token)
            seconds = perf_counter() - started
            REQUESTS.labels(method=method, route=visit.route, status=str(status)).inc()
            REQUEST_SECONDS.labels(route=visit.route).observe(seconds)
            told = {"method": method, "status": status, "duration_ms": round(1000 * seconds, 1), **visit.facts()}
            _log.info("request", extra={"fields": told})


def _channel(path: str) -> str:
    return next((channel for known, channel in _CHANNELS.items() if known in path), "rest")


def _route(scope: Scope) -> str:
    """The route's pattern: what stands in a path may be personal, and paths are without number."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    return next((mount for mount in _MOUNTS if str(scope["path"]).startswith(mount)), "none")
