"""Thirty questions in ten languages: every channel cites what `POST /v1/answers` cites. With the real index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import pytest
from channel_support import (
    FORM,
    SLACK_SECRET,
    TEAMS_SECRET,
    Json,
    serving,
    slack_headers,
    slash_command,
    teams_activity,
    teams_headers,
)
from conftest import make_settings
from mcp import Client
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from starlette.testclient import TestClient

from eval.gold import GoldQuestion, read_gold
from index.errors import IndexProblem
from service.app import create_app
from service.channels.rendering import link_target
from service.engine import Engine, make_encoder, make_pipeline

LANGUAGES = ("de", "el", "en", "es", "fi", "fr", "it", "mt", "nl", "pl")
KINDS = ("plain", "colloquial", "near_miss")

Messages = list[ChatCompletionMessageParam]


def questions() -> list[GoldQuestion]:
    """For each language one question of each kind, so that every outcome may come up."""
    first: dict[tuple[str, str], GoldQuestion] = {}
    for question in read_gold():
        first.setdefault((question.language, question.kind), question)
    return [first[language, kind] for language in LANGUAGES for kind in KINDS]


@pytest.fixture(scope="module")
def engine() -> Engine:
    settings = make_settings()
    try:
        return Engine(settings, make_pipeline(settings, make_encoder(settings)))
    except IndexProblem as error:
        pytest.skip(f"The real index is not there: {error}")


@pytest.fixture(scope="module")
def address(engine: Engine) -> Iterator[str]:
    settings = make_settings(slack_signing_secret=SLACK_SECRET, teams_hmac_secret=TEAMS_SECRET)
    with serving(create_app(settings, lambda _: engine)) as found:
        yield found


@pytest.fixture(scope="module")
def answers(engine: Engine) -> dict[str, Json]:
    """What REST answers, by question."""
    with TestClient(create_app(make_settings(), lambda _: engine)) as client:
        return {q.text: client.post("/v1/answers", json={"question": q.text}).json() for q in questions()}


def quoted(answer: Json) -> list[str]:
    """The quotes that a channel for people shows: of passages that answer, each with its original."""
    shown = []
    for passage in answer["passages"]:
        if answer["outcome"] == "answered" and passage["confidence"] < 0.5 * answer["passages"][0]["confidence"]:
            break
        shown.append(passage["quote"])
        if passage["language"] != passage["citation"]["language"]:
            shown.append(passage["citation"]["quote"])
    return shown


def linked(answer: Json) -> list[tuple[str, str]]:
    return [(str(p["rank"]), link_target(p["citation"]["url"])) for p in answer["passages"]]


def test_there_are_thirty_questions_and_several_outcomes(answers: dict[str, Json]) -> None:
    assert len(answers) == 30
    assert len({answer["outcome"] for answer in answers.values()}) >= 2
    assert sum(bool(answer["passages"]) for answer in answers.values()) >= 10


def test_chat(address: str, answers: dict[str, Json]) -> None:
    with OpenAI(base_url=f"{address}/v1", api_key="-") as chat:
        for question, answer in answers.items():
            asked: Messages = [{"role": "user", "content": question}]
            message = chat.chat.completions.create(model="gpai-faq", messages=asked).choices[0].message
            assert message.model_extra is not None
            assert message.model_extra["citations"] == answer["passages"]
            assert message.content is not None
            listed = re.findall(r"^- \[\[(\d+)\]\]\((\S+)\)", message.content, re.MULTILINE)
            assert listed == linked(answer)


def test_chat_streamed(address: str, answers: dict[str, Json]) -> None:
    with OpenAI(base_url=f"{address}/v1", api_key="-") as chat:
        for question, answer in answers.items():
            asked: Messages = [{"role": "user", "content": question}]
            chunks = chat.chat.completions.create(model="gpai-faq", messages=asked, stream=True)
            last = list(chunks)[-1].choices[0].delta.model_extra
            assert last is not None
            assert last["citations"] == answer["passages"]


def test_mcp(address: str, answers: dict[str, Json]) -> None:
    async def run() -> dict[str, dict[str, Any] | None]:
        async with Client(f"{address}/mcp") as client:
            return {q: (await client.call_tool("ask", {"question": q})).structured_content for q in answers}

    for question, found in anyio.run(run).items():
        assert found is not None
        assert found["passages"] == answers[question]["passages"]


def test_slack(address: str, answers: dict[str, Json]) -> None:
    for question, answer in answers.items():
        body = slash_command(question)
        told = httpx2.post(f"{address}/v1/channels/slack", content=body, headers=slack_headers(body, kind=FORM)).json()
        elements = [e for b in told["blocks"] if b["type"] == "rich_text" for e in b["elements"]]
        assert [e["elements"][0]["text"] for e in elements if e["type"] == "rich_text_quote"] == quoted(answer)
        sections = "\n".join(b["text"]["text"] for b in told["blocks"] if b["type"] == "section")
        found = re.findall(r"^<(\S+)\|\[(\d+)\]>", sections, re.MULTILINE)
        assert [(number, url) for url, number in found] == linked(answer)


def test_teams(address: str, answers: dict[str, Json]) -> None:
    for number, (question, answer) in enumerate(answers.items()):
        body = teams_activity(question, str(number))
        response = httpx2.post(f"{address}/v1/channels/teams", content=body, headers=teams_headers(body))
        assert len(response.content) < 28_000  # what Teams takes
        told = response.json()
        elements = told["attachments"][0]["content"]["body"]
        shown = [i["inlines"][0]["text"] for e in elements if e["type"] == "Container" for i in e["items"]]
        assert [text for text in shown if text in quoted(answer)] == quoted(answer)
        lists = [e["inlines"][0] for e in elements if e["type"] == "RichTextBlock" and len(e["inlines"]) == 2]
        assert [(run["text"].strip("[]"), run["selectAction"]["url"]) for run in lists] == linked(answer)
