"""One connection: the headers of each request have to arrive in time, or it is told so and closed.

uvicorn closes a connection that idles after a response, but waits for ever for a request that was begun, or never sent.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedConnection(H11Protocol):
    """Reads HTTP/1.1 as uvicorn does, with a limit in seconds on the time that headers take."""

    def __init__(self, *, headers_timeout_s: float, **given: Any) -> None:
        super().__init__(**given)
        self._headers_timeout_s = headers_timeout_s
        self._headers_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            self._expect_headers()  # what has come of them so far does not win them more time
        else:
            self._forget_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        if self._headers_timer is None:
            self._headers_timer = self.loop.call_later(self._headers_timeout_s, self._give_up)

    def _forget_timer(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _give_up(self) -> None:
        self._headers_timer = None
        if self.transport.is_closing() or self.conn.their_state is not h11.IDLE:
            return
        if self.conn.trailing_data[0]:  # something was sent: it is answered
            detail = f"The headers did not arrive within {1000 * self._headers_timeout_s:.0f} ms. Send them faster."
            problem = {"type": "about:blank", "title": "Request Timeout", "status": 408, "detail": detail, "errors": []}
            body = json.dumps(problem).encode()
            headers = [
                ("Content-Type", "application/problem+json"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ]
            said = h11.Response(status_code=408, reason=b"Request Timeout", headers=headers)
            for event in (said, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
