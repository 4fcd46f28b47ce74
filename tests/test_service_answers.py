"""What an answer promises, whoever makes it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from index.snapshot import Snapshot
from service.answers import Answer, AnswerPassage, Citation, Outcome, QuestionLanguage


def cite(snapshot: Snapshot, start: int = 0, end: int = 3, stretch: int = 0) -> Citation:
    document = snapshot.documents["faq"]["fr"]
    entry = document.entry("withdraw")
    return Citation(document, entry, "faq.fr.withdraw", entry.start, entry.end + stretch, start, end)


def answer(outcome: Outcome, passages: tuple[AnswerPassage, ...], related: tuple[AnswerPassage, ...] = ()) -> Answer:
    language = QuestionLanguage("fr", 1.0, "detected")
    return Answer("Oui ?", language, outcome, 0.5, None, passages, related, "v")


def test_citation_quotes_by_slicing(snapshot: Snapshot) -> None:
    citation = cite(snapshot)
    text = citation.document.text
    assert citation.text == text[citation.passage_start : citation.passage_end]
    assert citation.quote == citation.text[0:3] == "Oui"
    assert citation.quote == text[citation.passage_start + citation.start : citation.passage_start + citation.end]
    assert citation.authority == "official"


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (4, 3), (0, 1000)])
def test_quote_outside_its_passage_is_refused(snapshot: Snapshot, start: int, end: int) -> None:
    with pytest.raises(ValueError, match=r"faq\.fr\.withdraw"):
        cite(snapshot, start, end)


def test_quote_may_be_the_whole_passage_and_no_more(snapshot: Snapshot) -> None:
    entry = snapshot.documents["faq"]["fr"].entry("withdraw")
    length = entry.end - entry.start
    assert cite(snapshot, 0, length).quote == cite(snapshot).text
    with pytest.raises(ValueError, match=str(length + 1)):
        cite(snapshot, 0, length + 1)


def test_passage_outside_its_document_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(ValueError, match="outside its document"):
        cite(snapshot, stretch=10_000)


@pytest.mark.parametrize("outcome", ["no_match", "low_confidence", "out_of_scope"])
def test_answered_if_and_only_if_there_is_a_passage(snapshot: Snapshot, outcome: Outcome) -> None:
    passage = AnswerPassage(0.5, cite(snapshot), cite(snapshot))
    assert answer("answered", (passage,)).passages == (passage,)
    assert answer(outcome, (), (passage,)).related == (passage,)
    with pytest.raises(ValueError, match="answered has 0 passages"):
        answer("answered", (), (passage,))
    with pytest.raises(ValueError, match=f"{outcome} has 1 passages"):
        answer(outcome, (passage,))


def test_answers_are_frozen(snapshot: Snapshot) -> None:
    with pytest.raises(FrozenInstanceError):
        cite(snapshot).start = 1  # type: ignore[misc]
