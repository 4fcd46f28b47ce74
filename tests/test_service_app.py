"""The service through its front door, as the contract names it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from conftest import CHECKOUT, MAILBOX, FixedDetector, ToyEncoder, constant_judge, make_settings
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from corpus.collection import read_collection
from corpus.languages import EU_LANGUAGES, LANGUAGES
from index.errors import IndexMissing
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.snapshot import build_snapshot, load_snapshot
from service.answers import Answer
from service.app import create_app
from service.engine import Engine
from service.pipeline import Ask, Pipeline
from service.questions import legible
from service.settings import Settings
from service.texts import texts

Json = dict[str, Any]
WITHDRAW = "can we withdraw our signature"

# The answer of the contract, and what stands beside it.
CONTRACT = json.loads("""
{"id": "", "question": "", "language": {"code": "de", "confidence": 0.99, "source": "detected"},
 "outcome": "answered", "confidence": 0.97, "message": null,
 "passages": [
   {"rank": 1, "confidence": 0.97, "entry_id": "withdraw", "text": "", "language": "de", "authority": "translation",
    "quote": "", "start": 0, "end": 71,
    "citation": {"doc_id": "faq-signing", "passage_id": "", "title": "", "heading": [""], "language": "fr", "text": "",
                 "quote": "", "start": 0, "end": 67, "authority": "official", "url": "", "published": "", "sha256": ""}}],
 "index": {"version": "", "built": "", "encoder": ""}}
""")
BESIDE = {
    "": {"summary"},
    "passages[]": {"heading", "notes"},
    "passages[].citation": {"entry_id", "reference", "document_start", "document_end"},
}


def same_shape(found: object, expected: object, where: str = "") -> None:
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert set(found) == set(expected) | BESIDE.get(where, set()), where
        for key, value in expected.items():
            same_shape(found[key], value, f"{where}.{key}".strip("."))
    elif isinstance(expected, list):
        assert isinstance(found, list) and found, where
        for item in found:
            same_shape(item, expected[0], f"{where}[]")
    elif expected is not None:
        assert isinstance(found, type(expected)), where


def open_client(pipeline: Pipeline, **changes: object) -> TestClient:
    settings = make_settings(**changes)
    app = create_app(settings, lambda chosen: Engine(chosen, pipeline))
    return TestClient(app, raise_server_exceptions=False)


def with_judge(retriever: HybridRetriever, confidence: float, in_scope: float, language: str = "en") -> Pipeline:
    return Pipeline(retriever, constant_judge(confidence, in_scope), FixedDetector(language), MAILBOX)


def ask(client: TestClient, question: str = WITHDRAW, **more: object) -> Json:
    response = client.post("/v1/answers", json={"question": question, **more})
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def problem(response: Any, status: int) -> Json:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: Json = response.json()
    assert set(found) == {"type", "title", "status", "detail", "errors"}
    assert (found["status"], found["title"]) == (status, HTTPStatus(status).phrase)
    assert all(set(error) == {"field", "message"} for error in found["errors"])
    assert "Traceback" not in response.text and ".py" not in response.text
    return found


def fields(found: Json) -> list[str]:
    return sorted(error["field"] for error in found["errors"])


# Answers


def test_answer_has_the_contracts_shape(client: TestClient) -> None:
    found = ask(client)
    same_shape(found, CONTRACT)
    assert (found["outcome"], found["message"], found["question"]) == ("answered", None, WITHDRAW)
    assert found["language"] == {"code": "en", "confidence": 1.0, "source": "detected"}
    assert found["confidence"] == found["passages"][0]["confidence"] == 0.9
    first = found["passages"][0]
    assert (first["language"], first["authority"], first["entry_id"]) == ("en", "translation", "withdraw")
    assert first["heading"] == "Can a signature be withdrawn?"
    assert first["citation"]["url"] == (
        "https://example.org/fr/faq#:~:text=Oui%2C%20la%20signature%20peut%20%C3%AAtre%20retir%C3%A9e%20%C3%A0%20tout%20moment."
    )
    assert first["citation"]["heading"] == ["Général", "Peut-on retirer sa signature ?"]
    assert first["citation"]["published"] == "2025-07"
    assert found["index"]["encoder"] == "toy-1"
    assert datetime.fromisoformat(found["index"]["built"]).tzinfo is not None


def test_each_answer_has_its_own_id(client: TestClient) -> None:
    assert ask(client)["id"] != ask(client)["id"]


@pytest.mark.parametrize("question", [WITHDRAW, "until when can we sign", "who signs", "zebra"])
def test_quotes_are_checked_by_slicing_what_the_service_returns(client: TestClient, question: str) -> None:
    for rank, passage in enumerate(ask(client, question, top_k=10)["passages"], start=1):
        assert passage["rank"] == rank
        citation = passage["citation"]
        for part in (passage, citation):
            assert part["text"][part["start"] : part["end"]] == part["quote"] != ""
        assert (citation["language"], citation["authority"]) == ("fr", "official")
        document = client.get(f"/v1/documents/{citation['doc_id']}", params={"language": citation["language"]}).json()
        assert hashlib.sha256(document["text"].encode("utf-8")).hexdigest() == citation["sha256"] == document["sha256"]
        assert document["text"][citation["document_start"] : citation["document_end"]] == citation["text"]
        verified = client.post("/v1/citations/verify", json=citation).json()
        assert verified == {"valid": True, "reason": None, "document_sha256": citation["sha256"]}


@pytest.mark.parametrize("top_k", [1, 2, 10])
def test_top_k(client: TestClient, top_k: int) -> None:
    assert len(ask(client, top_k=top_k)["passages"]) == min(top_k, 3)


def test_documents_limit_the_search(client: TestClient) -> None:
    assert ask(client, documents=["faq"])["outcome"] == "answered"
    response = client.post("/v1/answers", json={"question": WITHDRAW, "documents": ["faq", "acts"]})
    found = problem(response, 422)
    assert fields(found) == ["documents"] and "'acts'" in found["detail"] and "faq" in found["detail"]


def test_language_null_is_the_questions_own_and_one_stated_wins(client: TestClient) -> None:
    assert ask(client, language=None)["language"]["source"] == "detected"
    stated = ask(client, language="fr")
    assert stated["language"] == {"code": "fr", "confidence": 1.0, "source": "stated"}
    assert stated["passages"][0]["language"] == "fr"


@pytest.mark.parametrize(
    ("confidence", "in_scope", "outcome", "count"),
    [(0.5, 0.9, "low_confidence", 3), (0.1, 0.9, "no_match", 0), (0.1, 0.1, "out_of_scope", 0)],
)
@pytest.mark.parametrize("language", ["en", "de", "ga"])
def test_refusal_is_said_in_the_askers_language_with_200(
    retriever: HybridRetriever, language: str, confidence: float, in_scope: float, outcome: str, count: int
) -> None:
    with open_client(with_judge(retriever, confidence, in_scope, language)) as client:
        found = ask(client)
    assert (found["outcome"], found["confidence"]) == (outcome, confidence)
    assert found["message"] == texts(language)["answers"][outcome].format(mailbox=MAILBOX)
    assert len(found["passages"]) == count


@pytest.mark.parametrize(
    ("as_of", "status"), [("2025-07-31", "coming"), ("2025-08-01", "today"), ("2026-01-01", "past")]
)
def test_dates_are_noted(client: TestClient, as_of: str, status: str) -> None:
    found = ask(client, "is there a deadline for signing", as_of=as_of, top_k=1)
    (note,) = found["passages"][0]["notes"]
    assert set(note) == {"date", "text", "about", "status", "message"}
    assert (note["date"], note["status"], note["text"]) == ("2025-08-01", status, "1er août")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["question"]),
        ({"question": ""}, ["question"]),
        ({"question": " \n "}, ["question"]),
        ({"question": None}, ["question"]),
        ({"question": 7}, ["question"]),
        ({"question": "x", "top_k": 0}, ["top_k"]),
        ({"question": "x", "top_k": 11}, ["top_k"]),
        ({"question": "x", "top_k": "many", "language": "english"}, ["language", "top_k"]),
        ({"question": "x", "language": "xx"}, ["language"]),
        ({"question": "x", "language": "DE"}, ["language"]),
        ({"question": "x", "documents": []}, ["documents"]),
        ({"question": "x", "documents": "faq"}, ["documents"]),
        ({"question": "x", "as_of": "yesterday"}, ["as_of"]),
        ({"question": "x", "topk": 3}, ["topk"]),
        ({"question": "x" * 2001}, ["question"]),
        ([], ["body"]),
    ],
)
def test_what_the_client_can_mend_is_named(client: TestClient, body: object, named: list[str]) -> None:
    found = problem(client.post("/v1/answers", json=body), 422)
    assert fields(found) == named
    assert all(name in found["detail"] for name in named)


def test_longest_question_is_answered(client: TestClient) -> None:
    assert ask(client, "x " * 999 + "xx")["outcome"] == "answered"


AWKWARD = [
    "\0", "a\0b", "\ud800", "sign\udfff?", "\u202esign\u202c", "\u200b\u200d\ufeff", "\u0301", "🖊️👩‍⚖️", "\uffff", "\U0010ffff",
    "<script>alert(1)</script>", "'; DROP TABLE x; --", "{mailbox} {0} %s", "</s> <mask>", "\x1b[31m", "a\u2028b\u2029c",
    "ﷺ" * 400, "?" * 2000, "1", "1er août 99999", "- * # > ~", "İı ẞß", "e\u0301" * 900,
]  # fmt: skip


@pytest.mark.parametrize("question", AWKWARD)
def test_awkward_text_is_answered_or_refused_but_never_a_fault(
    retriever: HybridRetriever, client: TestClient, question: str
) -> None:
    body = json.dumps({"question": question})  # surrogates and NUL as escapes
    for confidence in (0.9, 0.5):
        with open_client(with_judge(retriever, confidence, 0.9)) as opened:
            response = opened.post("/v1/answers", content=body, headers={"content-type": "application/json"})
        if response.status_code == 200:
            assert response.json()["question"] == question.strip()
        else:
            assert fields(problem(response, 422)) == ["question"]
            assert any(0xD800 <= ord(character) < 0xE000 for character in question) or not legible(question)


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("/v1/answers", lambda text: {"question": "x", text: 1}),
        ("/v1/answers", lambda text: {"question": "x", "documents": [text]}),
        ("/v1/answers", lambda text: {"question": "x", "language": text}),
        ("/v1/citations/verify", lambda text: {"doc_id": text, "language": text, "quote": text, "start": 0, "end": 1}),
        ("/v1/citations/verify", lambda text: {"doc_id": "faq", "language": "fr", "quote": "x", "text": text, "start": 0,
                                               "end": 1, "passage_id": text, "sha256": text}),
        ("/v1/feedback", lambda text: {"id": text, "helpful": True}),
    ],
)  # fmt: skip
def test_awkward_text_in_any_field_is_never_a_fault(pipeline: Pipeline, path: str, make: Any, text: str) -> None:
    with open_client(pipeline) as client:
        response = client.post(path, content=json.dumps(make(text)), headers={"content-type": "application/json"})
    if response.is_success:
        response.json()
    else:
        problem(response, 422)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b'{"question": "\xed\xa0\x80"}', b'{"question": "\xc3"}', b"[" * 60000,
        b'{"question": NaN}', b'{"question": "x", "top_k": 1e999}', b'{"question": "x", "top_k": ' + b"9" * 5000 + b"}",
        b'{"question": "x", "question": "y", "top_k": 3.0}', b'\xef\xbb\xbf{"question": "x"}',
    ],
)  # fmt: skip
def test_body_that_cannot_be_read_is_never_a_fault(pipeline: Pipeline, content: bytes) -> None:
    with open_client(pipeline) as client:
        response = client.post("/v1/answers", content=content, headers={"content-type": "application/json"})
    if response.status_code != 200:
        assert response.status_code in (400, 422)
        problem(response, response.status_code)


def test_body_of_100_kilobytes_is_refused(client: TestClient) -> None:
    found = problem(client.post("/v1/answers", json={"question": "x" * 100_000}), 413)
    assert str(make_settings().max_body_bytes) in found["detail"]


# Failing


class Failing(Pipeline):
    def answer(self, ask: Ask) -> Answer:
        raise RuntimeError("the secret of pipeline.py")


def test_fault_is_a_problem_without_its_reason(retriever: HybridRetriever) -> None:
    failing = Failing(retriever, constant_judge(), FixedDetector("en"), MAILBOX)
    with open_client(failing) as client:
        response = client.post("/v1/answers", json={"question": WITHDRAW})
        problem(response, 500)
        assert "secret" not in response.text and "RuntimeError" not in response.text
        assert response.headers["x-content-type-options"] == "nosniff"
        assert client.get("/healthz").status_code == 200


class Blocked(Pipeline):
    def __init__(self, retriever: HybridRetriever) -> None:
        super().__init__(retriever, constant_judge(), FixedDetector("en"), MAILBOX)
        self.gate = Event()

    def answer(self, ask: Ask) -> Answer:
        assert self.gate.wait(60)
        return super().answer(ask)


def test_slow_answer_is_503_with_when_to_come_back(retriever: HybridRetriever) -> None:
    blocked = Blocked(retriever)
    with open_client(blocked, timeout_ms=1) as client:
        response = client.post("/v1/answers", json={"question": WITHDRAW})
        blocked.gate.set()
    assert "1 ms" in problem(response, 503)["detail"]
    assert int(response.headers["retry-after"]) > 0


def test_unready_service_says_why() -> None:
    def load(chosen: Settings) -> Engine:
        raise IndexMissing("There is no index in X. Run `make index` to build it.")

    with TestClient(create_app(make_settings(), load), raise_server_exceptions=False) as client:
        assert client.get("/healthz").json() == {"status": "ok", "reason": None, "index": None}
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["status"] == "unready" and "make index" in ready.json()["reason"]
        for response in (
            client.post("/v1/answers", json={"question": WITHDRAW}),
            client.get("/v1/search", params={"q": WITHDRAW}),
            client.get("/v1/languages"),
            client.get("/v1/documents"),
            client.get("/v1/documents/faq"),
        ):
            assert "make index" in problem(response, 503)["detail"]
            assert int(response.headers["retry-after"]) > 0
        assert client.get("/metrics").status_code == 200
        assert client.get("/openapi.json").status_code == 200


def test_default_loading_reports_a_missing_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.app.make_encoder", lambda chosen: ToyEncoder())
    with TestClient(create_app(make_settings(index_dir=tmp_path / "none"))) as client:
        ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "There is no index" in ready.json()["reason"]


def test_default_loading_answers(index_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.app.make_encoder", lambda chosen: ToyEncoder())
    monkeypatch.setattr("service.engine.load_judge", constant_judge)
    with TestClient(create_app(make_settings(index_dir=index_root))) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ok")
        found = ask(client, WITHDRAW)
    assert (found["outcome"], found["passages"][0]["entry_id"]) == ("answered", "withdraw")
    assert found["index"] == ready.json()["index"]


def test_unknown_paths_and_methods(client: TestClient) -> None:
    for path in ("/no-such", "/v1", "/v1/answers/1", "/static/no-such.js", "/static/../app.py", "/v1/documents/x/y"):
        problem(client.get(path), 404)
    response = client.get("/v1/answers")
    problem(response, 405)
    assert response.headers["allow"] == "POST"
    problem(client.post("/v1/search"), 405)


# Search


def test_search_has_the_contracts_shape(client: TestClient) -> None:
    found = client.get("/v1/search", params={"q": f" {WITHDRAW} ", "k": 2, "language": "en", "documents": "faq"}).json()
    assert set(found) == {"query", "language", "hits", "index"}
    assert (found["query"], found["language"]["code"], found["language"]["source"]) == (WITHDRAW, "en", "stated")
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    for hit in found["hits"]:
        assert set(hit) == {"rank", "doc_id", "entry_id", "passage_id", "language", "score", "text"}
    assert found["hits"][0]["entry_id"] == "withdraw"
    assert found["hits"][0]["score"] > found["hits"][1]["score"]
    assert set(found["index"]) == {"version", "built", "encoder"}


def test_search_does_not_judge(retriever: HybridRetriever) -> None:
    with open_client(with_judge(retriever, 0.01, 0.01)) as client:
        assert len(client.get("/v1/search", params={"q": "zebra"}).json()["hits"]) == 3


def test_search_detects_the_language(client: TestClient) -> None:
    question = "Kann ich meine Unterschrift unter dem Verhaltenskodex wieder zurückziehen?"
    language = client.get("/v1/search", params={"q": question}).json()["language"]
    assert (language["code"], language["source"]) == ("de", "detected")
    assert 0.9 < language["confidence"] <= 1


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": " "}, "q"),
        ({"q": "x" * 2001}, "q"),
        ({"q": "x", "k": 0}, "k"),
        ({"q": "x", "k": 101}, "k"),
        ({"q": "x", "language": "german"}, "language"),
        ({"q": "x", "language": "xx"}, "language"),
        ({"q": "x", "documents": "faq,no-such"}, "documents"),
    ],
)
def test_search_names_what_to_mend(client: TestClient, parameters: dict[str, str | int], named: str) -> None:
    assert fields(problem(client.get("/v1/search", params=parameters), 422)) == [named]


@pytest.mark.parametrize(
    "query", ["q=%00", "q=%ED%A0%80", "q=%FF", "q=a&documents=,", "q=a&q=b", "q=%E2%80%AE", "q=a&documents="]
)
def test_search_is_never_a_fault(pipeline: Pipeline, query: str) -> None:
    with open_client(pipeline) as client:
        assert client.get(f"/v1/search?{query}").status_code in (200, 422)


# The corpus


def test_languages(client: TestClient) -> None:
    found = {row["code"]: row for row in client.get("/v1/languages").json()["languages"]}
    assert set(found) == set(LANGUAGES)
    assert found["en"] == {"code": "en", "name": "English", "eu": True, "documents": ["faq"], "questions": 5}
    assert found["de"]["documents"] == [] and found["de"]["questions"] == 0
    assert {code for code, row in found.items() if row["eu"]} == set(EU_LANGUAGES)


def test_documents(client: TestClient) -> None:
    found = client.get("/v1/documents").json()
    (document,) = found["documents"]
    assert (document["doc_id"], document["entries"], document["reference_language"]) == ("faq", 3, "fr")
    assert {version["language"]: version["authority"] for version in document["versions"]} == {
        "fr": "official",
        "en": "translation",
    }


@pytest.mark.parametrize("language", [None, "fr", "en"])
def test_document_is_returned_as_stored(client: TestClient, corpus_folder: Path, language: str | None) -> None:
    response = client.get("/v1/documents/faq", params={} if language is None else {"language": language})
    found = response.json()
    stored = (corpus_folder / "data" / "faq" / f"{language or 'fr'}.md").read_bytes()
    assert found["text"].encode("utf-8") == stored
    assert found["sha256"] == hashlib.sha256(stored).hexdigest()
    assert [entry["entry_id"] for entry in found["entries"]] == ["withdraw", "deadline", "person"]
    for entry in found["entries"]:
        assert found["text"][entry["start"] : entry["end"]] == entry["text"] != ""


def test_unknown_document_names_those_known(client: TestClient) -> None:
    assert "faq" in problem(client.get("/v1/documents/no-such"), 404)["detail"]
    assert "fr" in problem(client.get("/v1/documents/faq?language=de"), 404)["detail"]


def test_verify_says_false_and_why(client: TestClient) -> None:
    citation = ask(client)["passages"][0]["citation"]
    for change in ({"quote": "Non."}, {"start": 1}, {"sha256": "0" * 64}, {"passage_id": "x"}, {"doc_id": "x"}):
        response = client.post("/v1/citations/verify", json=citation | change)
        assert response.status_code == 200
        assert response.json()["valid"] is False and response.json()["reason"]
    problem(client.post("/v1/citations/verify", json={"doc_id": "faq"}), 422)
    problem(client.post("/v1/citations/verify", json=citation | {"start": -1}), 422)


# Operation


def counts(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_metrics_count_and_hold_no_question(client: TestClient) -> None:
    answered = 'faq_answers_total{language="en",outcome="answered"}'
    before = counts(client)
    ask(client, "a question on xylophones")
    client.get("/v1/search", params={"q": "a search for xylophones"})
    client.post("/v1/answers", json={"question": "xylophones", "language": "xx"})
    response = client.get("/metrics")
    after = counts(client)
    assert response.headers["content-type"].startswith("text/plain")
    assert "xylophone" not in response.text
    assert after[answered] == before.get(answered, 0) + 1
    assert after["faq_answer_seconds_count"] == before["faq_answer_seconds_count"] + 1


def test_feedback_is_counted_and_nothing_else_kept(client: TestClient) -> None:
    name = 'faq_feedback_total{helpful="false"}'
    before = counts(client).get(name, 0)
    response = client.post("/v1/feedback", json={"id": "abc-xylophone", "helpful": False})
    assert (response.status_code, response.json()) == (202, {"accepted": True})
    assert counts(client)[name] == before + 1
    assert "xylophone" not in client.get("/metrics").text
    assert fields(problem(client.post("/v1/feedback", json={"id": "x" * 65, "helpful": True}), 422)) == ["id"]
    assert fields(problem(client.post("/v1/feedback", json={"helpful": True}), 422)) == ["id"]


def test_interface_texts(client: TestClient) -> None:
    assert client.get("/v1/texts/mt").json() == texts("mt")
    problem(client.get("/v1/texts/ja"), 404)


def test_the_page_does_not_say_that_nothing_is_stored_where_questions_are(pipeline: Pipeline, tmp_path: Path) -> None:
    with open_client(pipeline, question_log_file=tmp_path / "questions.sqlite") as storing:
        told = storing.get("/v1/texts/mt").json()
    assert told["page"].pop("privacy") == ""
    assert texts("mt")["page"].items() > told["page"].items()
    assert {**told, "page": {}} == {**texts("mt"), "page": {}}


def test_page_and_security_headers(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    for path in ("/", "/healthz", "/no-such", "/metrics", "/openapi.json", "/v1/documents"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]


# What the documentation of the API says


@pytest.fixture
def described(client: TestClient) -> Json:
    found: Json = client.get("/openapi.json").json()
    return found


def test_openapi_document_is_valid_and_whole(described: Json) -> None:
    validate(described)
    assert {
        "/v1/answers", "/v1/search", "/v1/languages", "/v1/documents", "/v1/documents/{doc_id}", "/v1/citations/verify",
        "/v1/feedback", "/healthz", "/readyz", "/metrics",
    } <= set(described["paths"])  # fmt: skip
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation.get("summary"), path


def test_errors_are_described_as_they_are_sent(described: Json) -> None:
    """As problem+json of the one shape, and no other; but for OpenAI's API, which has its own."""
    for path, methods in described["paths"].items():
        for operation in methods.values():
            if "chat" in operation["tags"]:
                for status, response in operation["responses"].items():
                    if status != "200":
                        schema = response["content"]["application/json"]["schema"]
                        assert schema == {"$ref": "#/components/schemas/ChatErrorResponse"}, (path, status)
                continue
            for status, response in operation["responses"].items():
                if status.startswith("2") or (path, status) == ("/readyz", "503"):
                    continue
                assert list(response["content"]) == ["application/problem+json"], (path, status)
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}


@pytest.fixture
def faq_client(tmp_path: Path, toy_encoder: ToyEncoder) -> Iterator[TestClient]:
    """The shipped FAQ behind the front door, found by shared words."""
    shipped, folder = CHECKOUT / "corpus" / "data" / "faq-signing", tmp_path / "corpus" / "data" / "faq-signing"
    folder.mkdir(parents=True)
    for name in ("fr.md", "en.md"):
        (folder / name).write_bytes((shipped / name).read_bytes())
    collection = read_collection(tmp_path / "corpus")
    build_snapshot(collection, toy_encoder, tmp_path / "index", threads=1, progress=lambda *_: None)
    snapshot = load_snapshot(tmp_path / "index", toy_encoder.fingerprint)
    retriever = HybridRetriever(snapshot, toy_encoder, Fusion(np.ones(len(FEATURES), np.float32)))
    with open_client(Pipeline(retriever, constant_judge(), FixedDetector("fr"), MAILBOX)) as client:
        yield client


def test_examples_of_the_documentation_work(faq_client: TestClient) -> None:
    tried = 0
    described = faq_client.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody")
            if method != "post" or body is None or not path.startswith("/v1/"):
                continue
            schema = body["content"]["application/json"]["schema"]
            if "$ref" in schema:
                schema = described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            for example in schema.get("examples", []):
                response = faq_client.post(path, json=example)
                assert response.is_success, (path, response.text)
                tried += 1
                if path == "/v1/citations/verify":
                    assert response.json()["valid"] is True
    assert tried >= 4


def test_citation_of_the_contract_is_the_faqs(faq_client: TestClient) -> None:
    found = ask(faq_client, "un signataire peut retirer sa signature au Code à tout moment", top_k=1)
    citation = found["passages"][0]["citation"]
    quote = "Oui, un signataire peut retirer sa signature au Code à tout moment."
    assert (citation["quote"], citation["start"], citation["end"]) == (quote, 0, len(quote))
    assert citation["url"].startswith(
        "https://digital-strategy.ec.europa.eu/fr/faqs/signing-general-purpose-ai-code-practice#:~:text="
    )
    assert re.fullmatch("[0-9a-f]{64}", citation["sha256"])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/answers", {"question": WITHDRAW, "top_k": True}, "top_k"),
        ("/v1/answers", {"question": WITHDRAW, "top_k": "3"}, "top_k"),
        ("/v1/answers", {"question": WITHDRAW, "as_of": 0}, "as_of"),
        ("/v1/answers", {"question": WITHDRAW, "as_of": "2026-08-02T00:00:00"}, "as_of"),
        ("/v1/feedback", {"id": "x", "helpful": 0}, "helpful"),
        ("/v1/citations/verify", {"doc_id": "faq", "language": "fr", "quote": "x", "start": False, "end": 1}, "start"),
    ],
)
def test_a_value_of_another_type_is_not_taken_for_one(client: TestClient, path: str, body: Json, field: str) -> None:
    assert fields(problem(client.post(path, json=body), 422)) == [field]


def test_the_matrices_of_a_question_take_one_thread() -> None:
    asked = """if True:
        from threadpoolctl import threadpool_info
        from service.app import configured_app

        configured_app()
        print([pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"])
        """
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    found = json.loads(done.stdout)
    assert found
    assert set(found) == {1}
