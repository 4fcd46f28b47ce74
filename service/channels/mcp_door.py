"""What stands at `/mcp`: opens the server of `service/channels/mcp.py` for the first request.

The SDK takes as long to load, and as much memory, as half of the rest of the service, and most never need it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.desk import desk_of
from service.problems import problem_response


class _Door:
    """Part of an application, open while that runs."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._wanted: asyncio.Event | None = None
        self._opened: asyncio.Future[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._wanted is None or self._opened is None:
            problem = problem_response(503, "The MCP server has not started yet. Try again in a second.")
            await problem(scope, receive, send)
            return
        self._wanted.set()
        # One request that is given up must not end what the others wait for.
        inner = await asyncio.shield(self._opened)
        await inner(scope, receive, _in_our_shape(scope, receive, send))

    async def run(self) -> None:
        """Until cancelled: waits for the first request, then keeps the server open. In one task, as its sessions must
        be closed where they were opened."""
        self._wanted, self._opened = asyncio.Event(), asyncio.get_running_loop().create_future()
        try:
            await self._wanted.wait()
            await self._serve(self._opened)
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)  # each request tells of it
            await asyncio.Event().wait()
        finally:
            self._wanted = self._opened = None

    async def _serve(self, opened: asyncio.Future[ASGIApp]) -> None:
        channel = await asyncio.to_thread(import_module, "service.channels.mcp")
        server = channel.make_server(lambda: desk_of(self._app))
        app = channel.make_http_app(server, self._app.state.settings)
        async with server.session_manager.run():
            opened.set_result(app)
            await asyncio.Event().wait()


_REMEDIES = {
    400: "Send JSON, with the header Content-Type: application/json.",
    403: "Name the origin's host in MCP_HOSTS.",
    421: "Name the host in MCP_HOSTS.",
}


def _in_our_shape(scope: Scope, receive: Receive, send: Send) -> Send:
    """A `send` that lets JSON-RPC's own errors pass, and makes the SDK's refusals in plain text problem+json."""
    refused: int | None = None
    said: list[bytes] = []

    async def translate(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            if message["status"] >= 400 and not kind.startswith("application/"):
                refused = message["status"]
                return
        elif refused is not None:
            said.append(message.get("body", b""))
            if not message.get("more_body", False):
                detail = f"{b''.join(said).decode('utf-8', 'replace')}. {_REMEDIES.get(refused, '')}".strip()
                await problem_response(refused, detail)(scope, receive, send)
            return
        await send(message)

    return translate


def install_mcp(app: FastAPI) -> None:
    """Add `/mcp`. It answers while `mcp_running` is open."""
    app.state.mcp = _Door(app)
    app.router.routes.append(Route("/mcp", endpoint=app.state.mcp, include_in_schema=False))


@asynccontextmanager
async def mcp_running(app: FastAPI) -> AsyncIterator[None]:
    """The span in which `/mcp` answers: part of the application's own."""
    task = asyncio.create_task(app.state.mcp.run())
    await asyncio.sleep(0)  # so that it has begun
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
