"""Teams: signed as Teams signs, answered with a card, each activity once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from channel_support import TEAMS_SECRET, Json, teams_activity, teams_headers, toy_engine
from conftest import make_settings
from starlette.testclient import TestClient

from index.errors import IndexMissing
from service.app import create_app
from service.channels.rendering import link_target
from service.channels.teams import plain_question
from service.engine import Engine
from service.settings import Settings

PATH = "/v1/channels/teams"
QUESTION = "can we withdraw our signature"


@pytest.fixture
def teams(built_index: Path) -> Iterator[TestClient]:
    app = create_app(make_settings(teams_hmac_secret=TEAMS_SECRET), lambda _: toy_engine(built_index))
    with TestClient(app) as opened:
        yield opened


def send(teams: TestClient, body: bytes) -> httpx2.Response:
    return teams.post(PATH, content=body, headers=teams_headers(body))


def runs(told: Json) -> list[Json]:
    """The runs of text of a card, in order."""
    found: list[Json] = []
    waiting = list(told["attachments"][0]["content"]["body"])
    while waiting:
        element = waiting.pop(0)
        waiting = element.get("items", []) + waiting
        found += element.get("inlines", [])
    return found


def test_message_is_answered_with_a_card(teams: TestClient) -> None:
    response = send(teams, teams_activity(QUESTION, "1"))
    assert response.status_code == 200
    told = response.json()
    assert told["type"] == "message"
    card = told["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["type"] == "AdaptiveCard"
    first = teams.post("/v1/answers", json={"question": QUESTION}).json()["passages"][0]
    texts = [run["text"] for run in runs(told)]
    assert texts[0] == first["quote"]
    assert first["citation"]["quote"] in texts
    assert runs(told)[2]["selectAction"] == {"type": "Action.OpenUrl", "url": link_target(first["citation"]["url"])}
    assert first["quote"] in told["summary"]


def test_only_addresses_can_be_opened(teams: TestClient) -> None:
    """Source: outgoing webhooks support no other card action."""
    told = send(teams, teams_activity(QUESTION, "1")).json()
    assert "Action.Submit" not in json.dumps(told)
    assert {run["selectAction"]["type"] for run in runs(told) if "selectAction" in run} == {"Action.OpenUrl"}


@pytest.mark.parametrize(
    "authorization",
    ["", "HMAC", "HMAC ", "HMAC AAAA", "Bearer {}", "HMAC {}x", "HMAC ö"],
)
def test_what_is_not_signed_is_refused(teams: TestClient, authorization: str) -> None:
    body = teams_activity(QUESTION, "1")
    right = teams_headers(body)["Authorization"].removeprefix("HMAC ")
    headers = {b"Authorization": authorization.replace("{}", right).encode(), b"Content-Type": b"application/json"}
    response = teams.post(PATH, content=body, headers=headers)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


def test_another_body_or_secret_does_not_fit(teams: TestClient) -> None:
    body = teams_activity(QUESTION, "1")
    assert teams.post(PATH, content=body + b" ", headers=teams_headers(body)).status_code == 401
    assert teams.post(PATH, content=body, headers=teams_headers(body, "b3RoZXI=")).status_code == 401


def test_activity_is_answered_once(teams: TestClient) -> None:
    body = teams_activity(QUESTION, "1485983408511")
    assert [send(teams, body).status_code for _ in range(2)] == [200, 409]
    # The same number in another conversation is another activity.
    assert send(teams, teams_activity(QUESTION, "1485983408511", conversation={"id": "19:other"})).status_code == 200


def test_unsigned_activity_does_not_use_up_its_id(teams: TestClient) -> None:
    body = teams_activity(QUESTION, "7")
    assert teams.post(PATH, content=body, headers={"Authorization": "HMAC AAAA"}).status_code == 401
    assert send(teams, body).status_code == 200


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_there_is_no_endpoint(built_index: Path, secret: str | None) -> None:
    app = create_app(make_settings(teams_hmac_secret=secret), lambda _: toy_engine(built_index))
    body = teams_activity(QUESTION, "1")
    with TestClient(app) as opened:
        response = send(opened, body)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "TEAMS_HMAC_SECRET" in response.json()["detail"]


def test_secret_that_is_not_base64_is_refused_at_the_start_without_showing_it() -> None:
    with pytest.raises(ValueError, match="TEAMS_HMAC_SECRET is not base64") as refused:
        create_app(make_settings(teams_hmac_secret="not base64!"))
    assert "not base64!" not in str(refused.value)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"type": "typing", "id": "1"}', b'{"type": "message"}', b'{"type": "message", "id": 5}']
)
def test_what_is_no_message_is_refused(teams: TestClient, body: bytes) -> None:
    response = send(teams, body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


def test_empty_message_is_told_what_to_type_in_the_clients_language(teams: TestClient) -> None:
    german = send(teams, teams_activity("", "1")).json()
    english = send(teams, teams_activity("", "2", entities=None)).json()
    assert german["text"] != english["text"]
    assert english["text"].startswith("Please type a question")


def test_too_long_a_question_is_told_the_limit(teams: TestClient) -> None:
    assert "2000" in send(teams, teams_activity("x" * 2001, "1")).json()["text"]


def test_without_an_index_it_says_when_to_come_back() -> None:
    def missing(_: Settings) -> Engine:
        raise IndexMissing("There is no index.")

    with TestClient(create_app(make_settings(teams_hmac_secret=TEAMS_SECRET), missing)) as opened:
        response = send(opened, teams_activity(QUESTION, "1"))
    assert response.status_code == 200
    assert "30" in response.json()["text"]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("<at>FAQ</at> Can we sign?\n", "Can we sign?"),
        ('<at id="0">FAQ</at>&nbsp;Who signs?', "Who signs?"),
        ("<p><at>FAQ</at>&nbsp;<strong>Who</strong> signs?</p>", "Who signs?"),
        ("<at>FAQ</at> a &lt; b &amp; c", "a < b & c"),
        ("no mention", "no mention"),
    ],
)
def test_markup_of_teams_is_taken_off(text: str, question: str) -> None:
    assert plain_question(text) == question
