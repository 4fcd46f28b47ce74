"""By default no question reaches the disk or the log: the real server, every channel, every way to fail."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from channel_support import (
    FORM,
    SLACK_SECRET,
    TEAMS_SECRET,
    slack_headers,
    slash_command,
    teams_activity,
    teams_headers,
)
from conftest import CHECKOUT

CANARY = "xylophonecanary"
FAULT = f"{CANARY} makes a fault"
"""What the toy service of channel_support fails at, with the question in its exception's message."""

Sent = tuple[str, str, bytes, dict[str, str]]
JSON = {"Content-Type": "application/json"}


def as_json(body: object) -> bytes:
    return json.dumps(body).encode()


def requests_with_the_canary() -> Iterator[tuple[Sent, int]]:
    """Each request, and the status that it must get."""

    def answers(body: object) -> Sent:
        return "POST", "/v1/answers", as_json(body), JSON

    def chat(text: str, **more: object) -> Sent:
        body = {"model": "gpai-faq", "messages": [{"role": "user", "content": text}], **more}
        return "POST", "/v1/chat/completions", as_json(body), JSON

    def mcp(name: str, arguments: object) -> Sent:
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        return "POST", "/mcp", as_json(call), JSON | {"Accept": "application/json, text/event-stream"}

    yield answers({"question": f"{CANARY} sign?"}), 200
    yield answers({"question": FAULT}), 500
    yield answers({"question": CANARY, "language": "english"}), 422
    yield answers({"question": CANARY, "documents": [CANARY]}), 422
    yield answers({"question": [CANARY], CANARY: 1}), 422
    yield answers({"question": CANARY * 200}), 422
    yield answers({"question": CANARY * 5000}), 413
    yield ("POST", "/v1/answers", f'{{"question": "{CANARY}'.encode(), JSON), 422
    yield ("POST", "/v1/answers", f"\xff{CANARY}".encode("latin-1"), JSON), 400
    yield ("GET", f"/v1/search?q={CANARY}", b"", {}), 200
    yield ("GET", f"/v1/search?q={CANARY}&k=none", b"", {}), 422
    yield ("GET", f"/v1/search?q={quote(FAULT)}", b"", {}), 500
    yield ("GET", f"/v1/documents/{CANARY}", b"", {}), 404
    yield ("GET", f"/{CANARY}?q={CANARY}", b"", {}), 404
    yield ("GET", f"/v1/admin/{CANARY}", b"", {"Authorization": f"Bearer faq_{CANARY}"}), 401
    yield (
        (
            "POST",
            "/v1/citations/verify",
            as_json({"doc_id": CANARY, "language": "fr", "quote": CANARY, "start": 0, "end": 1}),
            JSON,
        ),
        200,
    )
    yield ("POST", "/v1/feedback", as_json({"id": CANARY, "helpful": True}), JSON), 202
    yield chat(f"{CANARY} sign?"), 200
    yield chat(f"{CANARY} sign?", stream=True), 200
    yield chat(FAULT), 500
    yield chat(CANARY, n=7), 400
    yield mcp("ask", {"question": f"{CANARY} sign?"}), 200
    yield mcp("ask", {"question": FAULT}), 200
    yield mcp("ask", {"question": [CANARY]}), 200
    yield mcp(CANARY, {"question": CANARY}), 200
    yield ("POST", "/mcp", f'{{"{CANARY}'.encode(), JSON | {"Accept": "application/json, text/event-stream"}), 400
    for text in (f"{CANARY} sign?", FAULT):
        body = slash_command(text)
        yield ("POST", "/v1/channels/slack", body, slack_headers(body, kind=FORM)), 500 if text == FAULT else 200
        body = teams_activity(text, text)
        yield ("POST", "/v1/channels/teams", body, teams_headers(body)), 500 if text == FAULT else 200
    body = slash_command(CANARY)
    yield ("POST", "/v1/channels/slack", body, {"Content-Type": FORM}), 401


@contextmanager
def server(index: Path, folder: Path, **changes: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`python -m service serve` on the tiny corpus, with nowhere but `folder` to write to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("tmp", "home", "work"):
        (folder / name).mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder / "tmp"),
        "HOME": str(folder / "home"),
        "PORT": str(port),
        "INDEX_DIR": str(index),
        "API_KEYS_FILE": str(folder / "keys.json"),
        "SLACK_SIGNING_SECRET": SLACK_SECRET,
        "TEAMS_HMAC_SECRET": TEAMS_SECRET,
        "LOG_LEVEL": "debug",
        **changes,
    }
    command = [sys.executable, "-m", "toy_server"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder / "work", env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 600
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()
                    assert time.monotonic() < deadline, "the server did not start"
                    time.sleep(0.1)
            yield port, process
        finally:
            process.terminate()
            process.wait(300)


def send(port: int, sent: Sent) -> http.client.HTTPResponse:
    method, path, body, headers = sent
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_question_reaches_disk_or_log_by_default(built_index: Path, tmp_path: Path, form: str) -> None:
    with server(built_index, tmp_path, LOG_FORMAT=form) as (port, _):
        count = 0
        for sent, status in requests_with_the_canary():
            response = send(port, sent)
            assert response.status == status, (sent, response.status, (tmp_path / "log").read_text())
            assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
            assert response.headers["server"] is None
            count += 1
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert log.count("POST") + log.count("GET") >= count  # it did log, each request
    assert "RuntimeError" in log and "toy_server" in log  # and where the fault was
    for spelling in (CANARY, CANARY.upper(), quote(CANARY)):
        assert spelling not in log
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in written if CANARY.encode() in path.read_bytes() or CANARY in path.name] == []
    assert written == [tmp_path / "log"]


def test_the_canary_would_be_found_where_questions_are_kept(built_index: Path, tmp_path: Path) -> None:
    with server(built_index, tmp_path, QUESTION_LOG_FILE=str(tmp_path / "questions.db")) as (port, _):
        body = as_json({"question": f"{CANARY} sign?"})
        assert send(port, ("POST", "/v1/answers", body, JSON)).status == 200
    assert CANARY.encode() in (tmp_path / "questions.db").read_bytes()
    assert CANARY not in (tmp_path / "log").read_text(encoding="utf-8")
