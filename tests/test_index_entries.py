"""Entries and passages of a document, against going through all."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ToyEncoder, write_corpus

from corpus.collection import read_collection
from index.entries import entry_number, entry_span, passage_rows
from index.snapshot import Snapshot, build_snapshot, load_snapshot


@pytest.fixture
def three(tmp_path: Path) -> Snapshot:
    """The tiny corpus with its document three times, the names sorted otherwise than they are written here."""
    folder = write_corpus(tmp_path / "corpus")
    for name in ("zeta", "alpha"):
        for path in (folder / "data" / "faq").glob("*.md"):
            (folder / "data" / name).mkdir(exist_ok=True)
            (folder / "data" / name / path.name).write_bytes(path.read_bytes())
    build_snapshot(read_collection(folder), ToyEncoder(), tmp_path / "index", threads=1, progress=lambda *_: None)
    return load_snapshot(tmp_path / "index", ToyEncoder.fingerprint)


def test_each_entry_has_its_number(three: Snapshot) -> None:
    assert len(three.entries) == 9
    assert [entry_number(three, entry) for entry in three.entries] == list(range(9))


@pytest.mark.parametrize("doc_id", ["alpha", "faq", "zeta", "", "beta", "zz"])
def test_a_document_s_entries_and_passages_are_all_of_its_own(three: Snapshot, doc_id: str) -> None:
    assert list(entry_span(three, doc_id)) == [n for n, (own, _) in enumerate(three.entries) if own == doc_id]
    assert list(passage_rows(three, doc_id)) == [n for n, p in enumerate(three.passages) if p.doc_id == doc_id]


@pytest.mark.parametrize("entry", [("faq", "none"), ("none", "withdraw")])
def test_an_entry_that_is_not_there_has_none(three: Snapshot, entry: tuple[str, str]) -> None:
    with pytest.raises(ValueError):
        entry_number(three, entry)
