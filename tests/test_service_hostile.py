"""Hostile questions in the 24 languages through every open door: an answer whose quotes hold, or a refusal as
described, and nothing that was sent comes back as anything but the question."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote
from zlib import crc32

import numpy as np
import pytest
from conftest import CHECKOUT, MAILBOX, ToyEncoder, make_settings
from hostile_text import CHANGED, INJECTIONS, UNSEEN
from starlette.testclient import TestClient

from corpus.collection import read_collection
from corpus.detection import Detection
from corpus.documents import Document, read_document
from corpus.languages import EU_LANGUAGES
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.retrieval import Ranking
from index.snapshot import build_snapshot, load_snapshot
from service.answers import Outcome
from service.app import create_app
from service.confidence import Judge, Verdict
from service.engine import Engine
from service.pipeline import Pipeline
from service.questions import legible
from service.texts import texts

Json = dict[str, Any]
ENTRIES = 3
"""Questions of the FAQ that are changed in each language and way."""

OUTCOMES: tuple[tuple[Outcome, float], ...] = (
    ("answered", 0.97),
    ("answered", 0.91),
    ("low_confidence", 0.6),
    ("no_match", 0.2),
    ("out_of_scope", 0.02),
)


class DealingJudge(Judge):
    """Deals out every outcome, by the question's checksum."""

    def __init__(self) -> None:
        pass

    def judge(self, ranking: Ranking) -> Verdict:
        outcome, confidence = OUTCOMES[crc32(ranking.query.text.encode()) % len(OUTCOMES)]
        return Verdict(outcome, confidence, 0.5)


class TurningDetector:
    """Each question's language by its checksum: all 24 get their turn, whatever was done to the words."""

    def detect(self, text: str) -> Detection:
        return Detection(sorted(EU_LANGUAGES)[crc32(text.encode()) % len(EU_LANGUAGES)], 0.99)


@cache
def faq(language: str) -> Document:
    return read_document(CHECKOUT / "corpus" / "data" / "faq-signing" / f"{language}.md")


@pytest.fixture(scope="module")
def faq_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The shipped FAQ in all its languages, by the toy encoder."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "corpus" / "data").mkdir(parents=True)
    (folder / "corpus" / "data" / "faq-signing").symlink_to(CHECKOUT / "corpus" / "data" / "faq-signing")
    collection = read_collection(folder / "corpus")
    build_snapshot(collection, ToyEncoder(), folder / "index", threads=1, progress=lambda *_: None)
    snapshot = load_snapshot(folder / "index", ToyEncoder.fingerprint)
    retriever = HybridRetriever(snapshot, ToyEncoder(), Fusion(np.ones(len(FEATURES), np.float32)))
    pipeline = Pipeline(retriever, DealingJudge(), TurningDetector(), MAILBOX)
    # Nothing is remembered: each question is worked on.
    app = create_app(make_settings(answer_cache_entries=0), lambda chosen: Engine(chosen, pipeline))
    with TestClient(app) as client:
        yield client


def post(client: TestClient, path: str, body: Json) -> Any:
    """Surrogates and NUL travel as JSON's escapes."""
    return client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})


def check_answer(found: Json, question: str) -> None:
    """Whatever the question: quotes from the corpus to the character, messages of our own, the question as it was."""
    assert found["question"] == question.strip()
    answered = found["outcome"] == "answered"
    assert answered == (found["message"] is None)
    assert bool(found["passages"]) == (found["outcome"] in ("answered", "low_confidence"))
    if not answered:
        check_message(found["message"], found["outcome"], found["language"]["code"])
    for passage in found["passages"]:
        citation = passage["citation"]
        document = faq(citation["language"])
        assert citation["sha256"] == document.sha256
        assert document.text[citation["document_start"] : citation["document_end"]] == citation["text"]
        assert citation["text"][citation["start"] : citation["end"]] == citation["quote"] != ""
        assert passage["text"][passage["start"] : passage["end"]] == passage["quote"] != ""
        assert passage["text"] in faq(passage["language"]).text
        assert citation["url"].startswith(document.url)


def check_message(message: str, outcome: Outcome, language: str) -> None:
    told = texts(language)["answers"]
    known = told[outcome].format(mailbox=MAILBOX)
    closing = told["two_close"].rpartition("}")[0].rpartition("{")[0].rpartition("}")[2]
    assert message == known or (outcome == "low_confidence" and closing in message)


def check_refusal(response: Any) -> None:
    assert response.status_code in (400, 413, 422)
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert found["status"] == response.status_code
    assert found["detail"]


def readable(question: str) -> bool:
    """Whether it has to be answered."""
    try:
        question.encode()
    except UnicodeEncodeError:
        return False
    return bool(legible(question)) and len(question.strip()) <= make_settings().max_question_chars


def other_door(client: TestClient, number: int, question: str) -> None:
    """The same text where else text is taken."""
    kind = number % 5
    sendable = question.encode("utf-8", "replace").decode()[:3000]
    if kind == 0:
        response = client.get("/v1/search", params={"q": sendable, "k": 3})
        if response.status_code == 200:
            for hit in response.json()["hits"]:
                assert hit["text"] in faq(hit["language"]).text
        else:
            check_refusal(response)
    elif kind == 1:
        stream = number % 2 == 1
        messages = [{"role": "system", "content": INJECTIONS[0]}, {"role": "user", "content": question}]
        response = post(client, "/v1/chat/completions", {"model": "gpai-faq", "messages": messages, "stream": stream})
        assert response.status_code in (200, 400, 413)
        if response.status_code != 200:
            assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    elif kind == 2:
        claim = {"doc_id": "faq-signing", "language": "fr", "quote": question, "start": 0, "end": len(question)}
        response = post(client, "/v1/citations/verify", claim)
        if response.status_code == 200:
            assert response.json()["valid"] is False
        else:
            check_refusal(response)
    elif kind == 3:
        response = post(client, "/v1/answers", {"question": "x", "documents": [question], "language": "de"})
        check_refusal(response)
    else:
        response = client.get(f"/v1/documents/{quote(sendable[:200], safe='')}")
        assert response.status_code in (404, 405)


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_hostile_questions_are_answered_with_quotes_or_refused_as_described(
    faq_door: TestClient, generated: Counter[str], language: str
) -> None:
    chance = Random(language)
    headings = [entry.heading for entry in faq(language).entries][:: len(faq(language).entries) // ENTRIES][:ENTRIES]
    assert len(headings) == ENTRIES
    answered, cases, others = 0, 0, 0
    clean: dict[str, Json] = {}
    for heading in headings:
        for name, mutate in {**UNSEEN, **CHANGED}.items():
            question = mutate(heading, chance)
            response = post(faq_door, "/v1/answers", {"question": question})
            cases += 1
            if response.status_code == 200:
                assert readable(question), name
                found = response.json()
                check_answer(found, question)
                answered += 1
                told = {key: value for key, value in found.items() if key not in ("id", "question")}
                if name in UNSEEN:
                    assert told == clean.setdefault(heading, told), name
            else:
                assert not readable(question), (name, response.text)
                check_refusal(response)
            if cases % 3 == 0:  # the other doors lead to the same room
                other_door(faq_door, cases // 3, question)
                others += 1
        again = post(faq_door, "/v1/answers", {"question": heading}).json()
        assert clean[heading] == {key: again[key] for key in clean[heading]}  # nothing of all this was learnt
    generated["hostile questions answered or refused"] += cases
    generated["hostile texts at the other doors"] += others
    generated["languages of the hostile questions"] += 1
    assert cases == ENTRIES * (len(UNSEEN) + len(CHANGED)) > 100
    assert answered > cases // 2


def test_there_are_at_least_two_thousand_of_them() -> None:
    assert ENTRIES * (len(UNSEEN) + len(CHANGED)) * len(EU_LANGUAGES) >= 2000


def test_homoglyphs_in_a_word_change_nothing(faq_door: TestClient) -> None:
    for honest, forged in (
        ("Can a signatory withdraw its signature?", "Cаn a signаtоry withdrаw its signаturе?"),
        ("Ποιος υπογράφει το έντυπο;", "Ποιoς υπoγράφει το έντυπo;"),
    ):
        first, second = (post(faq_door, "/v1/answers", {"question": question}).json() for question in (honest, forged))
        assert second["question"] == forged
        assert first["passages"] == second["passages"] and first["outcome"] == second["outcome"]
