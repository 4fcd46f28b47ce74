"""Slack: signed as Slack signs, answered in blocks; once each, and never to a bot."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from channel_support import FORM, SLACK_SECRET, Json, slack_headers, slash_command, toy_engine
from conftest import make_settings
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.answers import Answer
from service.app import create_app
from service.channels.rendering import link_target
from service.channels.slack import WINDOW_SECONDS, plain_question, slack_router
from service.engine import Engine
from service.pipeline import Ask
from service.problems import Refusal, install_problem_handlers

PATH = "/v1/channels/slack"
QUESTION = "can we withdraw our signature"


def slack_app(index: Path, confidence: float = 0.9, **changes: object) -> FastAPI:
    settings = make_settings(slack_signing_secret=SLACK_SECRET, **changes)
    return create_app(settings, lambda _: toy_engine(index, confidence))


@pytest.fixture
def slack(built_index: Path) -> Iterator[TestClient]:
    with TestClient(slack_app(built_index)) as opened:
        yield opened


def command(slack: TestClient, text: str) -> httpx2.Response:
    body = slash_command(text)
    return slack.post(PATH, content=body, headers=slack_headers(body, kind=FORM))


def envelope(identity: str = "Ev123ABC456", **event: object) -> bytes:
    """An event. Source: Slack's documentation of the Events API and of app_mention."""
    return json.dumps(
        {
            "token": "XXYYZZ",
            "team_id": "T123ABC456",
            "api_app_id": "A123ABC456",
            "event": {
                "type": "app_mention",
                "user": "U061F7AUR",
                "text": f"<@U0LAN0Z89> {QUESTION}",
                "ts": "1515449522.000016",
                "channel": "C123ABC456",
                "event_ts": "1515449522000016",
                **event,
            },
            "type": "event_callback",
            "event_id": identity,
            "event_time": 1515449522000016,
            "authorizations": [{"team_id": "T123ABC456", "user_id": "U0LAN0Z89", "is_bot": True}],
        }
    ).encode()


def send(slack: TestClient, body: bytes, **extra: str) -> httpx2.Response:
    headers = slack_headers(body, kind="application/json")
    headers |= {f"X-Slack-{name.replace('_', '-')}": value for name, value in extra.items()}
    return slack.post(PATH, content=body, headers=headers)


def quotes(blocks: list[Json]) -> list[str]:
    """What stands in the quotes of rich text."""
    elements = [e for block in blocks if block["type"] == "rich_text" for e in block["elements"]]
    return [e["elements"][0]["text"] for e in elements if e["type"] == "rich_text_quote"]


def test_slash_command_is_answered_in_blocks(slack: TestClient) -> None:
    response = command(slack, QUESTION)
    assert response.status_code == 200
    told = response.json()
    first = slack.post("/v1/answers", json={"question": QUESTION}).json()["passages"][0]
    assert told["response_type"] == "ephemeral"
    assert quotes(told["blocks"])[:2] == [first["quote"], first["citation"]["quote"]]
    link = told["blocks"][0]["elements"][0]["elements"][2]
    assert link == {"type": "link", "url": link_target(first["citation"]["url"]), "text": "[1]"}
    assert first["quote"] in told["text"]


def test_blocks_keep_to_the_limits_of_block_kit(slack: TestClient) -> None:
    told = command(slack, QUESTION).json()
    assert 1 <= len(told["blocks"]) <= 50
    for block in told["blocks"]:
        assert block["type"] in ("section", "context", "rich_text")
        if block["type"] == "section":
            assert 1 <= len(block["text"]["text"]) <= 3000
        if block["type"] == "context":
            assert 1 <= len(block["elements"]) <= 10


@pytest.mark.parametrize("text", ["", "   ", "<@U0LAN0Z89>"])
def test_empty_command_is_told_what_to_type(slack: TestClient, text: str) -> None:
    assert "Please type a question" in command(slack, text).json()["text"]


def test_too_long_a_command_is_told_the_limit(slack: TestClient) -> None:
    response = command(slack, "x" * 2001)
    assert response.status_code == 200
    assert "2000" in response.json()["text"]


def test_check_of_certificates_is_answered(slack: TestClient) -> None:
    body = b"ssl_check=1&token=gIkuvaNzQIHg97ATvDxqgjtO"
    assert slack.post(PATH, content=body, headers=slack_headers(body, kind=FORM)).json() == {}


def test_form_without_a_command_is_refused(slack: TestClient) -> None:
    body = b"text=hello"
    assert slack.post(PATH, content=body, headers=slack_headers(body, kind=FORM)).status_code == 400


def test_url_is_verified_by_its_challenge(slack: TestClient) -> None:
    challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    body = json.dumps({"token": "Jhj5d", "challenge": challenge, "type": "url_verification"})
    assert send(slack, body.encode()).json() == {"challenge": challenge}


def test_signature_is_the_one_slack_documents() -> None:
    """Source: https://docs.slack.dev/authentication/verifying-requests-from-slack, its example, to the character."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a1"
        b"4d10d2c447fce8b6703c"
    )
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(slack_router(make_settings(slack_signing_secret=SLACK_SECRET), lambda: 1531420700.0))
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "Content-Type": FORM,
    }
    response = TestClient(app).post(PATH, content=body, headers=headers)
    assert (response.status_code, response.json()["response_type"]) == (200, "ephemeral")


@pytest.mark.parametrize("off", [-WINDOW_SECONDS - 2, WINDOW_SECONDS + 5])
def test_old_and_future_requests_are_refused(slack: TestClient, off: float) -> None:
    body = slash_command(QUESTION)
    response = slack.post(PATH, content=body, headers=slack_headers(body, at=time.time() + off, kind=FORM))
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert "300 seconds" in response.json()["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": "ö"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": "-5"},
        {"X-Slack-Request-Timestamp": "9" * 400},
    ],
)
def test_what_is_not_signed_is_refused(slack: TestClient, changes: dict[str, str]) -> None:
    body = slash_command(QUESTION)
    headers = {k.encode(): v.encode() for k, v in (slack_headers(body, kind=FORM) | changes).items()}
    response = slack.post(PATH, content=body, headers=headers)
    assert response.status_code == 401


def test_another_body_or_secret_does_not_fit_the_signature(slack: TestClient) -> None:
    body = slash_command(QUESTION)
    assert slack.post(PATH, content=body + b"&x=1", headers=slack_headers(body, kind=FORM)).status_code == 401
    assert slack.post(PATH, content=body, headers=slack_headers(body, kind=FORM, secret="other")).status_code == 401


def test_a_signature_is_good_for_once(slack: TestClient) -> None:
    body = slash_command(QUESTION)
    headers = slack_headers(body, kind=FORM)
    assert [slack.post(PATH, content=body, headers=headers).status_code for _ in range(2)] == [200, 401]
    retry = headers | {"X-Slack-Retry-Num": "1"}
    assert slack.post(PATH, content=body, headers=retry).status_code == 401


def test_the_signature_of_an_event_is_good_for_once_too(slack: TestClient) -> None:
    body = envelope()
    headers = slack_headers(body, kind="application/json")
    first, second = (slack.post(PATH, content=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 401)


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_there_is_no_endpoint(built_index: Path, secret: str | None) -> None:
    app = create_app(make_settings(slack_signing_secret=secret), lambda _: toy_engine(built_index))
    body = slash_command(QUESTION)
    with TestClient(app) as opened:
        response = opened.post(PATH, content=body, headers=slack_headers(body, kind=FORM, secret=""))
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "SLACK_SIGNING_SECRET" in response.json()["detail"]


def test_mention_is_answered_in_its_thread(slack: TestClient) -> None:
    told = send(slack, envelope()).json()
    first = slack.post("/v1/answers", json={"question": QUESTION}).json()["passages"][0]
    assert (told["channel"], told["thread_ts"]) == ("C123ABC456", "1515449522.000016")
    assert quotes(told["blocks"])[0] == first["quote"]
    inside = send(slack, envelope("Ev2", ts="1515449530.1", thread_ts="1515449500.5")).json()
    assert inside["thread_ts"] == "1515449500.5"


def test_direct_message_is_answered_without_a_thread(slack: TestClient) -> None:
    told = send(slack, envelope(type="message", channel="D024BE91L", channel_type="im", text=QUESTION)).json()
    assert told["channel"] == "D024BE91L"
    assert "thread_ts" not in told


def test_event_is_answered_once_however_often_it_is_sent(slack: TestClient) -> None:
    body = envelope()
    assert send(slack, body).json() != {}
    headers = slack_headers(body, at=time.time() + 1, kind="application/json")
    for number in ("1", "2"):
        retry = {"X-Slack-Retry-Num": number, "X-Slack-Retry-Reason": "http_timeout"}
        response = slack.post(PATH, content=body, headers=headers | retry)
        assert (response.status_code, response.json()) == (200, {})
        assert response.headers["x-slack-no-retry"] == "1"


def test_retry_of_an_event_that_never_came_is_answered(slack: TestClient) -> None:
    assert send(slack, envelope(), Retry_Num="1", Retry_Reason="connection_failed").json()["blocks"]


def test_mention_that_comes_as_a_message_too_is_answered_once(slack: TestClient) -> None:
    both = [envelope("Ev1"), envelope("Ev2", type="message", channel_type="channel")]
    assert [bool(send(slack, body).json()) for body in both] == [True, False]


@pytest.mark.parametrize(
    "event",
    [
        {"bot_id": "B0001"},
        {"user": "U0LAN0Z89"},
        {"type": "message", "subtype": "bot_message"},
        {"type": "message", "subtype": "message_changed"},
        {"type": "message", "subtype": "channel_join"},
        {"type": "reaction_added"},
        {"text": "<@U0LAN0Z89>"},
        {"text": None},
    ],
)
def test_bots_edits_and_others_are_not_answered(slack: TestClient, event: dict[str, Any]) -> None:
    response = send(slack, envelope(**event))
    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize(
    ("event", "speaks"),
    [
        ({"type": "message", "channel_type": "channel", "text": QUESTION}, False),
        ({"type": "message", "channel_type": "channel"}, True),  # mentions us
        ({"type": "message", "channel_type": "im", "text": QUESTION}, True),
        ({}, True),
    ],
)
def test_unasked_it_speaks_only_with_an_answer(built_index: Path, event: dict[str, Any], speaks: bool) -> None:
    with TestClient(slack_app(built_index, 0.6)) as unsure:
        assert bool(send(unsure, envelope(**event)).json()) is speaks
    with TestClient(slack_app(built_index, 0.9)) as sure:
        assert send(sure, envelope(**event)).json()["blocks"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"type": "interactive"}', b'{"type": "event_callback"}'])
def test_what_is_no_event_is_refused(slack: TestClient, body: bytes) -> None:
    response = send(slack, body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


class Busy(Engine):
    """Turns the first question away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.turned_away = 0

    @property
    def snapshot(self) -> Any:
        return self._engine.snapshot

    async def answer(self, ask: Ask) -> Answer:
        if not self.turned_away:
            self.turned_away += 1
            raise Refusal(503, "Too many questions are waiting.", headers={"Retry-After": "7"})
        return await self._engine.answer(ask)


def test_event_turned_away_is_answered_when_it_comes_again(built_index: Path) -> None:
    settings = make_settings(slack_signing_secret=SLACK_SECRET)
    with TestClient(create_app(settings, lambda _: Busy(toy_engine(built_index)))) as slack:
        body = envelope()
        headers = slack_headers(body, kind="application/json")
        assert slack.post(PATH, content=body, headers=headers).status_code == 503
        retry = headers | {"X-Slack-Retry-Num": "1"}
        assert slack.post(PATH, content=body, headers=retry).json()["blocks"]


def test_command_turned_away_is_told_when_to_come_back(built_index: Path) -> None:
    settings = make_settings(slack_signing_secret=SLACK_SECRET)
    with TestClient(create_app(settings, lambda _: Busy(toy_engine(built_index)))) as slack:
        response = command(slack, QUESTION)
    assert response.status_code == 200
    assert "7 seconds" in response.json()["text"]


def workspace(answer: Json, posted: list[tuple[str, Json]]) -> HTTPServer:
    """Stands for chat.postMessage: gives the answer, keeps what was posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None: ...

    return HTTPServer(("127.0.0.1", 0), Handler)


@pytest.mark.parametrize(
    ("answer", "logged"), [({"ok": True}, ""), ({"ok": False, "error": "invalid_auth"}, "invalid_auth")]
)
def test_reply_to_an_event_is_posted_with_the_bot_token(
    built_index: Path, caplog: pytest.LogCaptureFixture, answer: Json, logged: str
) -> None:
    posted: list[tuple[str, Json]] = []
    with workspace(answer, posted) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        where = f"http://127.0.0.1:{server.server_address[1]}/api/chat.postMessage"
        with TestClient(slack_app(built_index, slack_bot_token="xoxb-1", slack_post_url=where)) as slack:
            told = send(slack, envelope()).json()
        server.shutdown()
    assert posted == [("Bearer xoxb-1", told)]
    assert logged in caplog.text
    assert ("did not take a reply" in caplog.text) is bool(logged)
    assert "xoxb" not in caplog.text


def test_slack_that_cannot_be_reached_is_logged(built_index: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = slack_app(built_index, slack_bot_token="xoxb-1", slack_post_url="http://127.0.0.1:1/api/chat.postMessage")
    with TestClient(app) as slack:
        assert send(slack, envelope()).status_code == 200
    assert "could not be posted to Slack: URLError" in caplog.text


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("<@U0LAN0Z89> Can we sign?", "Can we sign?"),
        ("<@U0LAN0Z89|faq> a &lt; b &amp;&amp; c", "a < b && c"),
        ("see <https://example.org|this page> in <#C024BE7LR|general>", "see this page in general"),
        ("see <https://example.org>", "see https://example.org"),
        ("<!here> who\n signs?", "who signs?"),
    ],
)
def test_markup_of_slack_is_taken_off(text: str, question: str) -> None:
    assert plain_question(text) == question


def test_secrets_are_not_shown() -> None:
    assert SLACK_SECRET not in repr(make_settings(slack_signing_secret=SLACK_SECRET))
