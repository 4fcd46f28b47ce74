"""What the tests of the channels share: a service on a real port, requests signed as the platforms sign them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import numpy as np
import uvicorn
from conftest import MAILBOX, FixedDetector, ToyEncoder, constant_judge, make_settings
from starlette.types import ASGIApp

from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.snapshot import load_snapshot
from service.desk import Desk
from service.engine import Engine
from service.pipeline import Pipeline

Json = dict[str, Any]

SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAMS_SECRET = base64.b64encode(b"a secret of thirty-two bytes or so").decode()


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The address of the application, run by uvicorn on a free port of loopback."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="on"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def slack_headers(body: bytes, *, at: float | None = None, kind: str, secret: str = SLACK_SECRET) -> dict[str, str]:
    """The headers of a request that Slack sends, by its documentation."""
    sent = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{sent}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": sent, "X-Slack-Signature": f"v0={digest}", "Content-Type": kind}


def slash_command(text: str) -> bytes:
    """The form of a slash command. Source: Slack's documentation of slash commands."""
    return urlencode(
        {
            "token": "gIkuvaNzQIHg97ATvDxqgjtO",
            "team_id": "T0001",
            "team_domain": "example",
            "channel_id": "C2147483705",
            "channel_name": "test",
            "user_id": "U2147483697",
            "user_name": "Steve",
            "command": "/faq",
            "text": text,
            "response_url": "https://hooks.slack.com/commands/1234/5678",
            "trigger_id": "13345224609.738474920.8088930838d88f008e0",
            "api_app_id": "A123456",
        }
    ).encode()


FORM = "application/x-www-form-urlencoded"


def teams_activity(text: str, identity: str, **changes: object) -> bytes:
    """The body of an outgoing webhook. Source: Microsoft's documentation of activities and outgoing webhooks."""
    activity = {
        "type": "message",
        "id": identity,
        "timestamp": "2026-11-24T00:35:00.123Z",
        "localTimestamp": "2026-11-24T01:35:00.123+01:00",
        "serviceUrl": "https://smba.trafficmanager.net/emea/",
        "channelId": "msteams",
        "from": {
            "id": "29:1XJKJMvc5GBtc2JwZq0oj8tHZmzrQgFmB39ATiQWA85gQtHieVkKilBZ9XHoq9j7Zaqt7CZ-NJWi7me2kHTL3Bw",
            "name": "Anna",
        },
        "conversation": {"id": "19:253b1f341670408fb6fe51050b6e5ceb@thread.skype;messageid=1485983194839"},
        "recipient": None,
        "textFormat": "plain",
        "text": f"<at>FAQ</at>&nbsp;{text}\n",
        "attachments": [{"contentType": "text/html", "content": f"<div><div><at>FAQ</at>&nbsp;{text}</div></div>"}],
        "entities": [{"type": "clientInfo", "locale": "de-DE", "country": "DE", "platform": "Web"}],
        "channelData": {"teamsChannelId": "19:253b@thread.skype", "teamsTeamId": "19:712c@thread.skype"},
    }
    return json.dumps(activity | changes, ensure_ascii=False).encode()


def teams_headers(body: bytes, secret: str = TEAMS_SECRET) -> dict[str, str]:
    """The headers of a request that Teams sends, by its documentation."""
    digest = hmac.new(base64.b64decode(secret), body, hashlib.sha256).digest()
    return {"Authorization": f"HMAC {base64.b64encode(digest).decode()}", "Content-Type": "application/json"}


def toy_engine(index: Path, confidence: float = 0.9, in_scope: float = 0.9, **changes: object) -> Engine:
    """Answers from the tiny corpus in English, as surely as told."""
    fusion = Fusion(np.ones(len(FEATURES), np.float32))
    retriever = HybridRetriever(load_snapshot(index, ToyEncoder.fingerprint), ToyEncoder(), fusion)
    pipeline = Pipeline(retriever, constant_judge(confidence, in_scope), FixedDetector("en"), MAILBOX)
    return Engine(make_settings(**changes), pipeline)


if __name__ == "__main__":  # the toy service on standard input and output
    from service.channels.mcp import serve_stdio

    desk = Desk(toy_engine(Path(sys.argv[1])), make_settings())
    serve_stdio(lambda: desk)
