"""Hostile bodies at every door that reads JSON, signed where the door asks for it: refused in the door's own words or
answered, never a fault."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from channel_support import (
    FORM,
    SLACK_SECRET,
    TEAMS_SECRET,
    slack_headers,
    slash_command,
    teams_activity,
    teams_headers,
    toy_engine,
)
from conftest import make_settings
from hostile_json import CONTENT_TYPES, hostile, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from service.app import create_app

QUESTION = "can we withdraw our signature"
EXAMPLES = 150
"""For each door."""

HONEST: dict[str, dict[str, Any]] = {
    "/v1/channels/slack": {
        "type": "event_callback",
        "team_id": "T1",
        "event_id": "E1",
        "event": {"type": "app_mention", "user": "U1", "text": f"<@U0> {QUESTION}", "ts": "1.2", "channel": "C1"},
        "authorizations": [{"user_id": "U0"}],
    },
    "/v1/channels/slack#challenge": {"type": "url_verification", "challenge": "3eZbrw1aB"},
    "/v1/channels/teams": json.loads(teams_activity(QUESTION, "1")),
    "/mcp": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"question": QUESTION, "top_k": 2, "documents": ["faq"]}},
    },
    "/mcp#initialize": {
        "jsonrpc": "2.0",
        "id": "a",
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
    },
    "/v1/chat/completions": {
        "model": "gpai-faq",
        "messages": [
            {"role": "system", "content": "x"},
            {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
        ],
        "stream": False,
        "metadata": {"a": "b"},
    },
    "/v1/answers": {"question": QUESTION, "language": "en", "top_k": 2, "documents": ["faq"], "as_of": "2026-11-26"},
    "/v1/citations/verify": {"doc_id": "faq", "language": "fr", "quote": "Oui", "start": 0, "end": 3, "text": "Oui"},
    "/v1/feedback": {"id": "0" * 32, "helpful": True},
}


@pytest.fixture(scope="module")
def door(built_index: Path) -> Iterator[TestClient]:
    """A fault within is raised here rather than answered with 500."""
    chosen = make_settings(slack_signing_secret=SLACK_SECRET, teams_hmac_secret=TEAMS_SECRET)
    with TestClient(create_app(chosen, lambda _: toy_engine(built_index))) as opened:
        yield opened


def headers_for(path: str, body: bytes, kind: str) -> dict[str, str]:
    if path.endswith("slack"):
        # As a retry, so that the same body is read again within the second.
        return slack_headers(body, kind=kind) | {"X-Slack-Retry-Num": "1"}
    if path.endswith("teams"):
        return teams_headers(body) | {"Content-Type": kind}
    accept = {"Accept": "application/json, text/event-stream", "Host": "127.0.0.1"} if path == "/mcp" else {}
    return {"Content-Type": kind, **accept}


def strict(text: bytes) -> Any:
    """JSON as others read it: in UTF-8, without NaN."""

    def no(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text.decode("utf-8"), parse_constant=no)


def check(path: str, response: Any) -> None:
    assert response.status_code < 500, response.text
    for trace in ("Traceback", 'File "', "site-packages", "0x7"):
        assert trace not in response.text
    if response.status_code == 202 and path == "/mcp":
        assert response.content == b""
        return
    found = strict(response.content)
    if response.status_code < 400:
        assert isinstance(found, dict)
    elif path.startswith("/v1/chat"):
        assert set(found["error"]) == {"message", "type", "param", "code"}
    elif path == "/mcp" and response.headers["content-type"] == "application/json":
        assert found["jsonrpc"] == "2.0" and found["error"]["message"]
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert found["status"] == response.status_code and found["detail"]


@pytest.mark.parametrize("name", HONEST)
def test_hostile_bodies_are_refused_as_described_or_answered(
    door: TestClient, generated: Counter[str], name: str
) -> None:
    path = name.partition("#")[0]
    seen: Counter[int] = Counter()

    # Bodies of 64 kB are as large as the test wants them.
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(body=hostile(HONEST[name]), kind=st.one_of(st.just("application/json"), st.sampled_from(CONTENT_TYPES)))
    def run(body: bytes, kind: str) -> None:
        headers = [(key.encode(), value.encode("latin-1")) for key, value in headers_for(path, body, kind).items()]
        response = door.post(path, content=body, headers=headers)
        check(path, response)
        seen[response.status_code] += 1

    run()
    generated["hostile bodies, signed where asked"] += seen.total()
    assert seen.total() >= EXAMPLES
    assert any(status >= 400 for status in seen)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(text=st.one_of(texts, st.binary(max_size=60)), cut=st.integers(0, 400))
def test_hostile_slash_commands_are_answered_in_words(door: TestClient, text: str | bytes, cut: int) -> None:
    typed = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    for form in (slash_command("Q").replace(b"text=Q", b"text=" + quote_from_bytes(typed).encode()), typed):
        body = form[:cut] if cut < 100 else form
        check(
            "/v1/channels/slack", door.post("/v1/channels/slack", content=body, headers=slack_headers(body, kind=FORM))
        )
