"""The official AI Act, imported in one command, is found by article number in any language that is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ToyEncoder

from corpus.collection import read_collection
from corpus.importing import import_sources
from index.fusion import load_fusion
from index.hybrid import HybridRetriever
from index.retrieval import Query
from index.snapshot import build_snapshot, load_snapshot


@pytest.fixture(scope="module")
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> HybridRetriever:
    """An index of the imported Act in French, English and Dutch."""
    folder = tmp_path_factory.mktemp("official")
    files = [str(shared / "corpus" / f"ai-act.{language}.html") for language in ("fr", "en", "nl")]
    import_sources(files, folder / "corpus", doc_id="ai-act", language=None, retrieved="2026-11-24")
    encoder = ToyEncoder()
    build_snapshot(
        read_collection(folder / "corpus"), encoder, folder / "snapshots", threads=1, progress=lambda *_: None
    )
    snapshot = load_snapshot(folder / "snapshots", encoder.fingerprint)
    return HybridRetriever(snapshot, encoder, load_fusion())


@pytest.mark.parametrize(
    ("question", "language", "entry"),
    [
        ("What does article 53(1)(b) say?", "en", "art-53-1-b"),
        ("article 53(1)(b)", "en", "art-53-1-b"),
        ("Que dit l’article 53, paragraphe 1, point b), du règlement ?", "fr", "art-53-1-b"),
        ("Wat staat er in artikel 53, lid 1, punt b)?", "nl", "art-53-1-b"),
        ("Was sagt Artikel 53 Absatz 1 Buchstabe b?", "de", "art-53-1-b"),
        ("recital 97", "en", "rct-97"),
        ("article 55(1)(c)", "en", "art-55-1-c"),
    ],
)
def test_a_provision_is_found_by_its_number(
    official: HybridRetriever, question: str, language: str, entry: str
) -> None:
    found = official.rank(Query(question, language))
    assert found.entries[0].entry_id == entry


def test_a_provision_found_in_german_is_shown_in_the_languages_that_are_loaded(official: HybridRetriever) -> None:
    versions = official.snapshot.documents["ai-act"]
    assert set(versions) == {"fr", "en", "nl"}
    ids = {language: {entry.entry_id for entry in document.entries} for language, document in versions.items()}
    assert ids["fr"] == ids["en"] == ids["nl"]
