"""Thirty questions in ten languages: every channel cites what `POST /v1/answers` cites. With the real index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

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
from conftest import CHECKOUT, make_settings
from mcp import Client
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from corpus.collection import read_collection
from eval.gold import read_gold
from index.errors import IndexProblem
from service.app import create_app
from service.channels.rendering import link_target
from service.engine import Engine, make_encoder, make_pipeline

if TYPE_CHECKING:
    from web_site import Tabs

pytest_plugins = ("web_site",)

# One that the FAQ answers, one that the act, the Code or the topics answer, one that nothing answers. Asked here only:
# neither gold questions nor in the bank.
QUESTIONS = {
    "cs": (
        "Dá se podpis pod kodexem za pár měsíců zase stáhnout?",
        "Kolik výpočetního výkonu znamená, že model má systémové riziko?",
        "Dostaneme po podpisu nějaké logo na web?",
    ),
    "de": (
        "Bis wann müssten wir das Formular spätestens abgeben?",
        "Ab wie vielen Gleitkommaoperationen gilt ein Modell als riskant für das System?",
        "Welche Schriftgröße soll unser Formular haben?",
    ),
    "el": (
        "Ποιος από την εταιρεία βάζει την υπογραφή στο έντυπο;",
        "Τι ισχύει για τα μοντέλα ανοικτού κώδικα;",
        "Πόσο κοστίζει ένα εισιτήριο για τις Βρυξέλλες;",
    ),
    "en": (
        "If our firm joins today and regrets it in spring, may it step out again?",
        "Our company sits in Toronto: do we need someone in the Union who acts for us?",
        "Will the AI Office lend us a lawyer for the paperwork?",
    ),
    "es": (
        "¿Hay que cumplir todo desde el día en que firmamos?",
        "¿Qué multas puede poner la Comisión a quien ofrece un modelo?",
        "¿Cuál es el mejor restaurante cerca de la Comisión?",
    ),
    "fr": (
        "Une jeune pousse sans modèle à risque systémique a-t-elle intérêt à prendre le chapitre sur la sûreté ?",
        "Que doit contenir le résumé public des données qui ont servi à l'entraînement ?",
        "Peut-on régler l'adhésion par carte bancaire en trois fois ?",
    ),
    "it": (
        "Se il codice cambia l'anno prossimo, la nostra firma vale ancora?",
        "Entro quanti giorni si segnala un incidente grave?",
        "Che tempo farà domani a Bruxelles?",
    ),
    "mt": (
        "X'jiġri lil min ma jiffirmax il-Kodiċi?",
        "Min jissorvelja lill-fornituri tal-mudelli?",
        "Fejn nista' nixtri karozza użata?",
    ),
    "nl": (
        "Waarom wil men dat wij vóór augustus tekenen?",
        "Moeten we robots.txt volgen als we het web afgrazen?",
        "Krijgen ondertekenaars korting op rekenkracht?",
    ),
    "sv": (
        "Vad vinner vi på att skriva under uppförandekoden?",
        "Vilka uppgifter ska den som bygger vidare på modellen få?",
        "Hur lagar man köttbullar?",
    ),
}  # fmt: skip

Messages = list[ChatCompletionMessageParam]


def questions() -> list[str]:
    return [question for asked in QUESTIONS.values() for question in asked]


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
        return {text: client.post("/v1/answers", json={"question": text}).json() for text in questions()}


def quoted(answer: Json) -> list[str]:
    """The quotes that a channel for people shows: of passages that answer, each with its original."""
    shown: list[str] = []
    for passage in answer["passages"]:
        if answer["outcome"] == "answered" and passage["confidence"] < 0.5 * answer["passages"][0]["confidence"]:
            break
        shown += both_quotes(passage)
    return shown


def both_quotes(passage: Json) -> list[str]:
    """The quote in the asker's language, and the reference text's where that is another."""
    cited = passage["citation"]
    return [passage["quote"]] if passage["language"] == cited["language"] else [passage["quote"], cited["quote"]]


def linked(answer: Json) -> list[tuple[str, str]]:
    return [(str(p["rank"]), link_target(p["citation"]["url"])) for p in answer["passages"]]


def test_there_are_thirty_questions_in_ten_languages_and_several_outcomes(answers: dict[str, Json]) -> None:
    assert len(QUESTIONS) == 10
    assert len(answers) == 30
    assert {answer["outcome"] for answer in answers.values()} >= {"answered", "low_confidence", "out_of_scope"}
    assert sum(len(answer["passages"]) for answer in answers.values()) >= 40
    assert all(answers[text]["language"]["code"] == language for language, asked in QUESTIONS.items() for text in asked)


def test_the_questions_are_asked_nowhere_else() -> None:
    collection = read_collection(CHECKOUT / "corpus")
    known = {gold.text for gold in read_gold()} | {question.text for question in collection.bank}
    known |= {negative.text for negative in collection.negatives}
    assert known.isdisjoint(questions())


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


def test_widget(
    engine: Engine, answers: dict[str, Json], serve: Callable[[Any], AbstractContextManager[str]], tabs: Tabs
) -> None:
    """On a page of another origin, in Chromium; the last test here, since the browser has an event loop of its own."""
    page_of = ""
    other = Starlette(routes=[Route("/", lambda _: HTMLResponse(page_of))])
    with serve(other) as site, serve(create_app(make_settings(cors_origins=[site]), lambda _: engine)) as service:
        page_of = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Another site</title>'
            f'<body><h1>Another site</h1><script src="{service}/static/widget.js"></script></body></html>'
        )
        page = tabs.open()
        page.goto(site)
        widget = page.locator("gpai-questions")
        widget.locator(".launcher").click()
        for question, answer in answers.items():
            widget.locator("textarea").fill(question)
            with page.expect_response("**/v1/answers") as response:
                widget.locator(".ask").click()
            assert response.value.json()["passages"] == answer["passages"]
            widget.locator(".answer:visible").wait_for()
            links = [link.get_attribute("href") for link in widget.locator("a.source").all()]
            assert links == [passage["citation"]["url"] for passage in answer["passages"]]
            shown = answer["passages"][:1] if answer["outcome"] == "answered" else answer["passages"]
            assert widget.locator("mark").all_text_contents() == [q for passage in shown for q in both_quotes(passage)]
