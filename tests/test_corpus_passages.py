"""Passages: exact offsets, nothing lost, nothing over the limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import CHECKOUT, ENGLISH, FRENCH
from hypothesis import given
from hypothesis import strategies as st

from corpus.collection import read_collection
from corpus.documents import Document, parse_document
from corpus.passages import MAX_CHARS, MAX_LEAD_IN_CHARS, Passage, split_document

FRONT = FRENCH[: FRENCH.index("# Général")]


def document_of(body: str, language: str = "en") -> Document:
    return parse_document(FRONT + body, doc_id="faq", language=language, path=Path("faq/en.md"))


def check(document: Document, passages: list[Passage], max_chars: int) -> None:
    """What holds for every document: passages are slices, in order, cover all but white space, within the limit."""
    assert len({passage.passage_id for passage in passages}) == len(passages)
    assert [(p.start, p.end) for p in passages] == sorted((p.start, p.end) for p in passages)
    for passage in passages:
        assert document.text[passage.start : passage.end] == passage.text
        assert 0 < len(passage.text) <= max_chars
        assert (passage.doc_id, passage.language) == (document.doc_id, document.language)
    for entry in document.entries:
        own = [p for p in passages if p.entry_id == entry.entry_id]
        assert all(p.path == entry.path for p in own)
        uncovered = list(document.body(entry))
        for passage in own:
            assert entry.start <= passage.start < passage.end <= entry.end
            for place in range(passage.start, passage.end):
                assert uncovered[place - entry.start], "two passages overlap"
                uncovered[place - entry.start] = ""
        assert not "".join(uncovered).strip()
        if entry.end - entry.start <= max_chars:
            assert [p.text for p in own] == ([document.body(entry)] if entry.end > entry.start else [])
        base = f"{document.doc_id}.{document.language}.{entry.entry_id}"
        assert [p.passage_id for p in own] == [base, *(f"{base}.{n}" for n in range(2, len(own) + 1))][: len(own)]


def test_every_shipped_document_is_split_without_loss() -> None:
    documents = read_collection(CHECKOUT / "corpus").documents
    assert len(documents) >= 30
    for document in documents:
        passages = split_document(document)
        check(document, passages, MAX_CHARS)
        assert {p.entry_id for p in passages} == {e.entry_id for e in document.entries if e.end > e.start}


def test_a_short_entry_is_one_passage_with_its_heading_path() -> None:
    passages = split_document(parse_document(ENGLISH, doc_id="faq", language="en", path=Path("en.md")))
    assert [p.passage_id for p in passages] == ["faq.en.withdraw", "faq.en.deadline", "faq.en.person"]
    assert passages[0].path == ("General", "Can a signature be withdrawn?")
    assert passages[0].searchable == (
        "General › Can a signature be withdrawn?\nYes, the signature can be withdrawn at any time."
    )


def test_a_long_entry_is_split_at_paragraphs_first() -> None:
    body = "## Q {#q}\n\nAlpha one. Alpha two.\n\nBeta one. Beta two.\n\nGamma."
    document = document_of(body)
    two = len("Beta one. Beta two.\n\nGamma.")
    passages = split_document(document, max_chars=two)
    assert [p.text for p in passages] == ["Alpha one. Alpha two.", "Beta one. Beta two.\n\nGamma."]
    assert [p.passage_id for p in passages] == ["faq.en.q", "faq.en.q.2"]


def test_a_long_paragraph_is_split_at_sentences_and_a_long_sentence_at_spaces() -> None:
    document = document_of("## Q {#q}\n\nAlpha one. Alpha two. Word " + "word " * 10 + "end.")
    passages = split_document(document, max_chars=len("Alpha one. Alpha two."))
    check(document, passages, len("Alpha one. Alpha two."))
    assert passages[0].text == "Alpha one. Alpha two."
    assert all(set(p.text.split()) <= {"Word", "word", "end."} for p in passages[1:]), "a word was cut"


def test_a_word_over_the_limit_is_cut() -> None:
    document = document_of("## Q {#q}\n\n" + "x" * 25)
    assert [len(p.text) for p in split_document(document, max_chars=10)] == [10, 10, 5]


@pytest.mark.parametrize(
    ("parent", "lead_in"),
    [
        ("Providers shall:", "Providers shall:"),
        ("Some text.\n\nProviders shall:", "Providers shall:"),
        ("Providers shall act.", ""),
        ("x" * (MAX_LEAD_IN_CHARS - 1) + ":", "x" * (MAX_LEAD_IN_CHARS - 1) + ":"),
        ("x" * MAX_LEAD_IN_CHARS + ":", ""),
    ],
)
def test_a_part_carries_the_sentence_that_it_continues(parent: str, lead_in: str) -> None:
    document = document_of(f"## Article 53 {{#a}}\n\n{parent}\n\n### Point (a) {{#b}}\n\ndraw up documents;")
    outer, inner = split_document(document)
    assert (outer.lead_in, inner.lead_in) == ("", lead_in)
    parts = ["Article 53 › Point (a)", lead_in, "draw up documents;"]
    assert inner.searchable == "\n".join(part for part in parts if part)
    assert inner.text == "draw up documents;", "the lead-in is searched with the text, not quoted"


def test_only_the_last_three_headings_are_searched() -> None:
    document = document_of("# A\n## B\n### C\n#### D {#d}\ntext")
    (passage,) = split_document(document)
    assert passage.path == ("A", "B", "C", "D")
    assert passage.searchable == "B › C › D\ntext"


TEXT = st.text(st.sampled_from("ab.?! \t\n\u00a0éß京。😀:"), max_size=120)


@given(st.lists(TEXT.map(str.strip).filter(bool), min_size=1, max_size=4), st.integers(1, 40))
def test_any_text_is_split_without_loss(bodies: list[str], max_chars: int) -> None:
    document = document_of("\n".join(f"## Q {{#q-{n}}}\n{body}\n" for n, body in enumerate(bodies)))
    check(document, split_document(document, max_chars), max_chars)
