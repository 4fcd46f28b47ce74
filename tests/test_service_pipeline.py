"""From a question to an answer, on the tiny corpus with a hand-made judge."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from conftest import FRONT, MAILBOX, FixedDetector, ToyEncoder, constant_judge

from corpus.collection import read_collection
from corpus.languages import LANGUAGES
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.retrieval import Query, Ranking
from index.snapshot import Snapshot, build_snapshot, load_snapshot
from service.answers import Answer, AnswerPassage, Citation, QuestionLanguage
from service.confidence import Judge
from service.pipeline import Ask, Pipeline, UnknownDocument, UnknownLanguage
from service.texts import texts

WITHDRAW = "can we withdraw our signature"


def make(
    retriever: HybridRetriever, judge: Judge | None = None, language: str = "en", certainty: float = 1.0
) -> Pipeline:
    return Pipeline(retriever, judge or constant_judge(), FixedDetector(language, certainty), MAILBOX)


def shown(answer: Answer) -> list[AnswerPassage]:
    return [*answer.passages, *answer.related]


def check(citation: Citation, snapshot: Snapshot) -> None:
    """Anyone can check a quote by slicing."""
    stored = snapshot.documents[citation.document.doc_id][citation.document.language]
    assert citation.document is stored
    assert citation.quote == citation.text[citation.start : citation.end] != ""
    start = citation.passage_start + citation.start
    assert stored.text[start : start + len(citation.quote)] == citation.quote
    assert citation.entry.start <= start and start + len(citation.quote) <= citation.entry.end
    assert citation.passage_id.split(".")[:3] == ["faq", stored.language, citation.entry.entry_id]


def test_answered_in_the_askers_language_with_the_french_cited(pipeline: Pipeline) -> None:
    answer = pipeline.answer(Ask(WITHDRAW))
    assert (answer.outcome, answer.message, answer.related) == ("answered", None, ())
    assert answer.question == WITHDRAW
    assert answer.language == QuestionLanguage("en", 1.0, "detected")
    assert answer.confidence == pytest.approx(0.9)
    assert answer.index_version == pipeline.snapshot.manifest.version
    first = answer.passages[0]
    assert first.shown.quote == "Yes, the signature can be withdrawn at any time."
    assert first.citation.quote == "Oui, la signature peut être retirée à tout moment."
    assert (first.shown.authority, first.citation.authority) == ("translation", "official")
    assert first.shown.entry.entry_id == first.citation.entry.entry_id == "withdraw"


@pytest.mark.parametrize("language", ["en", "fr", "de"])
@pytest.mark.parametrize(
    "question", [WITHDRAW, "until when", "Qui signe ?", "names online", "?", "\0", "\ud800", "a" * 9999]
)
def test_every_quote_stands_where_it_says(retriever: HybridRetriever, question: str, language: str) -> None:
    for confidence in (0.9, 0.5):
        answer = make(retriever, constant_judge(confidence), language).answer(Ask(question, top_k=10))
        assert len(shown(answer)) == 3
        for passage in shown(answer):
            check(passage.shown, retriever.snapshot)
            check(passage.citation, retriever.snapshot)
            assert passage.citation.document.language == "fr"


def test_same_sentence_is_quoted_in_both_languages(pipeline: Pipeline) -> None:
    """Of the three of the entry, the one about names."""
    passage = next(p for p in pipeline.answer(Ask("are the names published online")).passages
                   if p.shown.entry.entry_id == "deadline")  # fmt: skip
    assert passage.shown.quote == "The names are published online."
    assert passage.citation.quote == "Les noms sont publiés en ligne."


@pytest.mark.parametrize(
    ("confidence", "in_scope", "outcome", "count"),
    [
        (0.9, 0.9, "answered", 3),
        (0.5, 0.9, "low_confidence", 3),
        (0.1, 0.9, "no_match", 0),
        (0.5, 0.1, "out_of_scope", 0),
    ],
)
@pytest.mark.parametrize("language", ["en", "fr", "mt", "ja"])
def test_outcomes(
    retriever: HybridRetriever, language: str, confidence: float, in_scope: float, outcome: str, count: int
) -> None:
    answer = make(retriever, constant_judge(confidence, in_scope), language).answer(Ask(WITHDRAW))
    assert answer.outcome == outcome
    assert answer.confidence == pytest.approx(confidence)
    assert len(answer.passages) == (count if outcome == "answered" else 0)
    assert len(answer.related) == (0 if outcome == "answered" else count)
    if outcome == "answered":
        assert answer.message is None
    else:
        assert answer.message == texts(language)["answers"][outcome].format(mailbox=MAILBOX)
        assert MAILBOX in answer.message


def test_first_is_as_sure_as_the_answer_and_others_less_by_their_distance(pipeline: Pipeline) -> None:
    answer = pipeline.answer(Ask(WITHDRAW))
    ranked = pipeline.retriever.rank(Query(WITHDRAW, "en")).entries
    expected = [answer.confidence * math.exp(8 * (entry.score - ranked[0].score)) for entry in ranked]
    assert [passage.confidence for passage in answer.passages] == pytest.approx(expected)
    assert [p.shown.entry.entry_id for p in answer.passages] == [entry.entry_id for entry in ranked]


def test_two_entries_equally_high_are_asked_back(snapshot: Snapshot, toy_encoder: ToyEncoder) -> None:
    even = HybridRetriever(snapshot, toy_encoder, Fusion(np.zeros(len(FEATURES), np.float32)))
    said = texts("en")["answers"]
    pipeline = make(even, constant_judge(0.5))
    answer = pipeline.answer(Ask(WITHDRAW))
    first, second = (passage.shown.entry.heading for passage in answer.related[:2])
    assert answer.message == said["two_close"].format(first=first, second=second, mailbox=MAILBOX)
    assert {first, second} < {"Can a signature be withdrawn?", "What is the deadline?", "Who signs the form?"}
    # With one passage shown there is nothing to choose from.
    assert pipeline.answer(Ask(WITHDRAW, top_k=1)).message == said["low_confidence"].format(mailbox=MAILBOX)


def test_two_close_headings_are_in_the_askers_language(snapshot: Snapshot, toy_encoder: ToyEncoder) -> None:
    even = HybridRetriever(snapshot, toy_encoder, Fusion(np.zeros(len(FEATURES), np.float32)))
    answer = make(even, constant_judge(0.5), "fr").answer(Ask("signature"))
    assert answer.message is not None
    assert answer.message.startswith(texts("fr")["answers"]["two_close"].split("{first}")[0])
    assert "Peut-on retirer sa signature ?" in answer.message


def test_language_that_the_corpus_lacks_is_shown_the_french(retriever: HybridRetriever) -> None:
    answer = make(retriever, language="de").answer(Ask(WITHDRAW))
    assert answer.language.code == "de"
    first = answer.passages[0]
    assert first.shown.document.language == "fr"
    assert first.shown == first.citation


def test_stated_language_wins(retriever: HybridRetriever) -> None:
    answer = make(retriever, constant_judge(0.1), "en").answer(Ask(WITHDRAW, language="fr"))
    assert answer.language == QuestionLanguage("fr", 1.0, "stated")
    assert answer.message == texts("fr")["answers"]["no_match"].format(mailbox=MAILBOX)
    passage = make(retriever, language="en").answer(Ask(WITHDRAW, language="fr")).passages[0]
    assert passage.shown.document.language == "fr"


@pytest.mark.parametrize(("certainty", "searched"), [(0.9, "en"), (0.89, "fr")])
def test_question_is_searched_in_its_own_language_when_that_is_sure(
    retriever: HybridRetriever, monkeypatch: pytest.MonkeyPatch, certainty: float, searched: str
) -> None:
    seen: list[Query] = []
    rank = HybridRetriever.rank

    def watch(self: HybridRetriever, query: Query) -> Ranking:
        seen.append(query)
        return rank(self, query)

    monkeypatch.setattr(HybridRetriever, "rank", watch)
    make(retriever, language="en", certainty=certainty).answer(Ask(WITHDRAW, language="fr"))
    assert [query.language for query in seen] == [searched]


def test_unsure_detection_is_reported_as_it_is(retriever: HybridRetriever) -> None:
    answer = make(retriever, language="en", certainty=0.3).answer(Ask(WITHDRAW))
    assert answer.language == QuestionLanguage("en", 0.3, "detected")


@pytest.mark.parametrize("language", ["xx", "EN", "", "english"])
def test_unknown_language_is_refused_naming_those_known(pipeline: Pipeline, language: str) -> None:
    with pytest.raises(UnknownLanguage) as refused:
        pipeline.answer(Ask(WITHDRAW, language=language))
    assert repr(language) in str(refused.value)
    assert all(code in str(refused.value) for code in LANGUAGES)


def test_unknown_document_is_refused_naming_those_known(pipeline: Pipeline) -> None:
    with pytest.raises(UnknownDocument, match=r"'no-such' is unknown\. Use some of faq"):
        pipeline.answer(Ask(WITHDRAW, documents=("faq", "no-such")))


def test_documents_limit_the_search(pipeline: Pipeline) -> None:
    assert pipeline.answer(Ask(WITHDRAW, documents=("faq",))).outcome == "answered"
    nothing = pipeline.answer(Ask(WITHDRAW, documents=()))
    assert (nothing.outcome, nothing.confidence, nothing.passages) == ("no_match", 0.0, ())


@pytest.mark.parametrize("top_k", [1, 2, 3, 10])
def test_top_k_is_the_most_that_is_shown(pipeline: Pipeline, top_k: int) -> None:
    assert len(pipeline.answer(Ask(WITHDRAW, top_k=top_k)).passages) == min(top_k, 3)


@pytest.mark.parametrize(
    ("as_of", "status"), [(date(2025, 7, 31), "coming"), (date(2025, 8, 1), "today"), (date(2025, 8, 2), "past")]
)
def test_dates_of_the_reference_text_are_seen_from_the_day_asked(pipeline: Pipeline, as_of: date, status: str) -> None:
    answer = pipeline.answer(Ask("is there a deadline for signing", top_k=1, as_of=as_of))
    (note,) = answer.passages[0].notes
    assert (note.day, note.status, note.excerpt) == (date(2025, 8, 1), status, "1er août")
    assert note.about == "Nous demandons de signer avant le 1er août."
    spoken = f"{as_of.day} {as_of:%B %Y}"
    assert note.message == texts("en")["notes"][status].format(date="1 August 2025", today=spoken)


def test_without_a_day_dates_are_seen_from_today(pipeline: Pipeline) -> None:
    today = datetime.now(UTC).date()
    question = Ask("is there a deadline for signing", top_k=1)
    stated = Ask(question.question, top_k=1, as_of=today)
    if datetime.now(UTC).date() == today:  # but for midnight
        assert pipeline.answer(question).passages[0].notes == pipeline.answer(stated).passages[0].notes


def test_translation_without_the_entrys_text_is_shown_in_french(tmp_path: Path, toy_encoder: ToyEncoder) -> None:
    """An entry that has others below it may be without text in one language."""
    folder = tmp_path / "bare" / "data" / "faq"
    folder.mkdir(parents=True)
    for language, authority, lead in (("fr", "official", "Voici les règles du code."), ("en", "translation", "")):
        front = FRONT.format(title="Rules", language=language, authority=authority, section="Rules")
        text = f"{front}## Rules {{#rules}}\n\n{lead}\n\n### First {{#first}}\n\nSome words.\n"
        (folder / f"{language}.md").write_text(text, encoding="utf-8")
    build_snapshot(read_collection(tmp_path / "bare"), toy_encoder, tmp_path / "s", threads=1, progress=lambda *_: None)
    retriever = HybridRetriever(
        load_snapshot(tmp_path / "s", toy_encoder.fingerprint), toy_encoder, Fusion(np.ones(len(FEATURES), np.float32))
    )
    answer = make(retriever, language="en").answer(Ask("Voici les règles du code.", top_k=10))
    rules = next(p for p in answer.passages if p.citation.entry.entry_id == "rules")
    assert rules.shown == rules.citation
    assert rules.citation.quote == "Voici les règles du code."
    for passage in answer.passages:
        check(passage.shown, retriever.snapshot)
        check(passage.citation, retriever.snapshot)
