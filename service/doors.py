"""The door that every request passes before its body is read: whose it is, what they may do, and how often.

What a path needs stands in one table, and whatever the table does not name needs `ask`, so that an endpoint added later
is behind the door too. Slack and Teams prove themselves by signatures, which their endpoints check.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from service.keys import PREFIX, KeyFile, Scope
from service.observability import DOOR_REFUSALS
from service.problems import PROBLEM_TYPE, Refusal, problem_response
from service.rates import Rates, address_bucket, is_loopback
from service.settings import Settings
from service.visits import current_visit

_OPEN = ("/healthz", "/readyz", "/openapi.json", "/docs", "/static", "/v1/texts")
_SIGNED = "/v1/channels"
_NEEDS: tuple[tuple[str, Scope], ...] = (("/v1/admin", "admin"), ("/v1/feedback", "feedback"), ("/metrics", "metrics"))
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="gpai-faq"'}
_KEYS_HELP = "Send `Authorization: Bearer <API key>`; `python -m service keys create` makes one"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: by a key, or nobody known. `scopes` is what they may do."""

    key_id: str | None
    scopes: frozenset[Scope]


def needed_scope(path: str) -> Scope | None:
    """What a caller has to be allowed; None for what anyone may."""
    if path == "/" or _under(path, _SIGNED) or any(_under(path, known) for known in _OPEN):
        return None
    return next((scope for known, scope in _NEEDS if _under(path, known)), "ask")


def _path(connection: Connection) -> str:
    """The path that routes are matched with: without the prefix that a proxy may have put before it."""
    root, path = str(connection.get("root_path", "")).rstrip("/"), str(connection["path"])
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _under(path: str, known: str) -> bool:
    return path == known or path.startswith(f"{known}/")


def describe_door(path: str, operation: dict[str, Any]) -> None:
    """Add to an operation of the OpenAPI document which key it takes and how the door refuses."""
    needed = needed_scope(path)
    if needed is not None:  # without a key by setting, but never to an administrator's endpoint
        operation["security"] = [{"key": []}] if needed == "admin" else [{}, {"key": []}]
    statuses = (401, 403, 429) if needed is not None else (429,) if _under(path, _SIGNED) else ()
    chat = "chat" in operation["tags"]
    schema = {"$ref": f"#/components/schemas/{'ChatErrorResponse' if chat else 'Problem'}"}
    kind = "application/json" if chat else PROBLEM_TYPE
    for status in statuses:
        told = {"description": HTTPStatus(status).phrase, "content": {kind: {"schema": schema}}}
        operation["responses"].setdefault(str(status), told)


class Door:
    """Lets a request in, or refuses it with 401, 403 or 429 and the remedy."""

    def __init__(self, app: ASGIApp, settings: Settings, keys: KeyFile) -> None:
        self._app = app
        self._settings = settings
        self._keys = keys
        self._rates = Rates()
        self._anonymous = Caller(None, frozenset(settings.anonymous_scopes))

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = await self._refusal(scope, Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refusal(self, scope: Connection, headers: Headers) -> Response | None:
        path = _path(scope)
        needed = needed_scope(path)
        address = scope["client"][0] if scope.get("client") else "unknown"
        if _under(path, _SIGNED):
            # Many people stand behind one address of a platform.
            return await self._too_many("channel", address_bucket(address), self._settings.key_requests_per_minute)
        if needed is None:
            return None
        token = _token(headers)
        key = self._keys.find(token) if token.startswith(PREFIX) else None
        if key is not None:
            caller = Caller(key.key_id, frozenset(key.scopes))
            if (visit := current_visit()) is not None:
                visit.key_id = key.key_id
            limit = key.requests_per_minute
            allowed = self._settings.key_requests_per_minute if limit is None else limit
            slow_down = await self._too_many("key", key.key_id, allowed)
        else:
            caller = self._anonymous
            # Requests of this very machine are not counted; through a proxy on it, they are others'.
            own = is_loopback(address) and "x-forwarded-for" not in headers
            allowed = 0 if own else self._settings.address_requests_per_minute
            slow_down = await self._too_many("address", address_bucket(address), allowed)
        if slow_down is not None:
            return slow_down
        scope.setdefault("state", {})["caller"] = caller
        if token.startswith(PREFIX) and key is None:
            return _refuse(401, "bad_key", f"The API key is unknown, revoked or expired. {_KEYS_HELP}.")
        if needed in caller.scopes:
            return None
        if key is None:
            return _refuse(401, "no_key", f"This needs an API key with the scope {needed!r}. {_KEYS_HELP}.")
        known = ", ".join(key.scopes)
        detail = f"The API key {key.key_id} may {known}, not {needed}. Use one with the scope {needed!r}."
        return _refuse(403, "scope", detail)

    async def _too_many(self, kind: str, who: str, per_minute: int) -> Response | None:
        seconds = await self._rates.hit(kind, who, per_minute)
        if seconds is None:
            return None
        by = {"key": "this API key", "address": "this address without an API key"}.get(kind, "this address")
        detail = f"More than {per_minute} requests a minute came from {by}. Try again in {seconds} seconds."
        return _refuse(429, f"{kind}_rate", detail, {"Retry-After": str(seconds)})


def _token(headers: Headers) -> str:
    """The bearer token sent, empty for none. What does not look like our keys is nobody's: clients of OpenAI's API
    always send some token."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _refuse(status: int, reason: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    DOOR_REFUSALS.labels(reason=reason).inc()
    return problem_response(status, detail, headers=headers or (_CHALLENGE if status == 401 else None))


def needs(scope: Scope) -> Callable[[Request], Awaitable[None]]:
    """A dependency of endpoints that must never be open, whatever stands in the table above."""

    async def check(request: Request) -> None:
        caller = getattr(request.state, "caller", None)
        if not isinstance(caller, Caller) or scope not in caller.scopes or caller.key_id is None:
            raise Refusal(401, f"This needs an API key with the scope {scope!r}. {_KEYS_HELP}.", headers=_CHALLENGE)

    return check
