"""From a question to an answer, as a list: detect, search, judge, quote, note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from corpus.detection import Detector
from corpus.documents import Document, reference_document
from corpus.languages import LANGUAGES
from index.contents import Contents
from index.quotes import Quote, select_quotes
from index.retrieval import Query, RankedEntry, Ranker, Ranking
from service.answers import Answer, AnswerPassage, Citation, QuestionLanguage
from service.confidence import Judge, Verdict
from service.dates import date_notes
from service.questions import legible
from service.stages import begun, stage
from service.texts import texts


class UnknownDocument(ValueError):  # noqa: N818 - said to the client as it is
    """A document id that the index does not have."""


class UnknownLanguage(ValueError):  # noqa: N818 - said to the client as it is
    """A language that we do not speak of."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked. `language` is the one to answer in, None for the question's own; `documents` limits the search;
    `as_of` is the day that dates are compared with, None for today (UTC)."""

    question: str
    language: str | None = None
    top_k: int = 3
    documents: tuple[str, ...] | None = None
    as_of: date | None = None


class Pipeline:
    """Answers from one snapshot. Thread-safe."""

    def __init__(self, retriever: Ranker, judge: Judge, detector: Detector, mailbox: str) -> None:
        self.retriever = retriever
        self._judge = judge
        self._detector = detector
        self._mailbox = mailbox

    @property
    def snapshot(self) -> Contents:
        return self.retriever.snapshot

    def answer(self, ask: Ask) -> Answer:
        """Raises UnknownLanguage or UnknownDocument, naming the value and what is known."""
        begun()
        self._check(ask)
        with stage("detect"):
            asked_in, answer_in = self._languages(ask)
        with stage("search"):
            ranking = self.retriever.rank(Query(legible(ask.question), asked_in.code, ask.documents))
        return self.judge_ranking(ask, ranking, answer_in)

    def judge_ranking(self, ask: Ask, ranking: Ranking, language: QuestionLanguage) -> Answer:
        """The answer that a ranking leads to, in the language given."""
        with stage("judge"):
            verdict = self._judge.judge(ranking)
        with stage("quote"):
            passages = self._passages(ranking, verdict, language.code, ask)
        return self._compose(ask, language, verdict, passages)

    def _check(self, ask: Ask) -> None:
        if ask.language is not None and ask.language not in LANGUAGES:
            raise UnknownLanguage(
                f"The language {ask.language!r} is unknown. Use one of {', '.join(LANGUAGES)}, or null."
            )
        known = self.snapshot.documents
        for doc_id in ask.documents or ():
            if doc_id not in known:
                raise UnknownDocument(f"The document {doc_id!r} is unknown. Use some of {', '.join(known)}, or null.")

    def _languages(self, ask: Ask) -> tuple[QuestionLanguage, QuestionLanguage]:
        """The language the question is in, and the one to answer in. One stated by the client always wins."""
        found = self._detector.detect(legible(ask.question))
        detected = QuestionLanguage(found.code, found.confidence, "detected")
        if ask.language is None:
            return detected, detected
        stated = QuestionLanguage(ask.language, 1.0, "stated")
        # An answer may be wanted in another language than the question's; only a sure detection says which that is.
        return (detected if found.confidence >= _SURE else stated), stated

    def _compose(
        self, ask: Ask, language: QuestionLanguage, verdict: Verdict, passages: tuple[AnswerPassage, ...]
    ) -> Answer:
        answered = verdict.outcome == "answered"
        return Answer(
            question=ask.question,
            language=language,
            outcome=verdict.outcome,
            confidence=verdict.confidence,
            message=None if answered else self._message(verdict, passages, language.code),
            passages=passages if answered else (),
            related=() if answered else passages,
            index_version=self.snapshot.manifest.version,
        )

    def _passages(self, ranking: Ranking, verdict: Verdict, language: str, ask: Ask) -> tuple[AnswerPassage, ...]:
        if verdict.outcome in ("no_match", "out_of_scope"):
            return ()
        today = ask.as_of or datetime.now(UTC).date()
        chosen = ranking.entries[: ask.top_k]
        return tuple(
            self._passage(entry, confidence, ranking, language, today)
            for entry, confidence in zip(chosen, _shares(chosen, verdict.confidence), strict=True)
        )

    def _passage(
        self, ranked: RankedEntry, confidence: float, ranking: Ranking, language: str, today: date
    ) -> AnswerPassage:
        versions = {
            code: document
            for code, document in self.snapshot.documents[ranked.doc_id].items()
            if document.body(document.entry(ranked.entry_id))  # a heading of others may have text in some versions only
        }
        reference = reference_document(versions)
        shown = versions.get(language, reference)
        wanted = (reference.language, shown.language)
        quotes = select_quotes(self.snapshot, ranking.query, ranking.encoded, (ranked.doc_id, ranked.entry_id), wanted)
        citation = self._citation(reference, ranked.entry_id, quotes[reference.language])
        return AnswerPassage(
            confidence=confidence,
            shown=self._citation(shown, ranked.entry_id, quotes[shown.language]),
            citation=citation,
            notes=date_notes(citation.text, reference.language, reference.published, today, language),
        )

    def _citation(self, document: Document, entry_id: str, quote: Quote) -> Citation:
        passage = quote.passage
        return Citation(
            document=document,
            entry=document.entry(entry_id),
            passage_id=passage.passage_id,
            passage_start=passage.start,
            passage_end=passage.end,
            start=quote.start - passage.start,
            end=quote.end - passage.start,
        )

    def _message(self, verdict: Verdict, passages: tuple[AnswerPassage, ...], language: str) -> str:
        told = texts(language)["answers"]
        if verdict.outcome == "low_confidence" and len(passages) > 1 and _close(passages):
            return which_is_meant(passages, language, self._mailbox)
        return told[verdict.outcome].format(mailbox=self._mailbox)


def which_is_meant(passages: Sequence[AnswerPassage], language: str, mailbox: str) -> str:
    """The question that separates the first two passages, in the language given."""
    first, second = (passage.shown.entry.heading for passage in passages[:2])
    return texts(language)["answers"]["two_close"].format(first=first, second=second, mailbox=mailbox)


_SURE = 0.9  # of a detected language, against one stated
_GAP_SCALE = 8.0  # of the fused score, in logits: two entries equally high share the confidence
_CLOSE = 0.8


def _shares(entries: tuple[RankedEntry, ...], confidence: float) -> list[float]:
    """Each entry's confidence: the first one's, less with the distance to it in fused score."""
    if not entries:
        return []
    top = entries[0].score
    return [confidence * float(np.exp(_GAP_SCALE * (entry.score - top))) for entry in entries]


def _close(passages: tuple[AnswerPassage, ...]) -> bool:
    return passages[1].confidence >= _CLOSE * passages[0].confidence
