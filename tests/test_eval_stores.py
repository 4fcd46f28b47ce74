"""Both stores answer the gold questions alike: a sample in all languages here, all of them by `python -m eval.stores`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from shutil import copytree

import pytest

from corpus.collection import read_collection
from eval.gold import GoldQuestion, read_gold
from eval.stores import Compared, compare, pipeline_of, spread, table
from index.errors import IndexProblem
from index.fusion import load_fusion
from index.hybrid import HybridRetriever
from index.milvus import Milvus
from index.milvus_contents import MilvusContents
from index.milvus_load import load_into
from index.milvus_retriever import MilvusRetriever
from index.snapshot import build_snapshot, load_snapshot
from index.store import current_version, set_current
from service.engine import make_encoder
from service.settings import settings

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed (requirements-milvus.lock)")

PER_LANGUAGE = 2


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Compared]]:
    """The shipped texts with every eighth bank question, so that loading is quick."""
    folder = tmp_path_factory.mktemp("stores")
    root = folder / "snapshots"
    try:
        encoder = make_encoder(settings())
        version = current_version(settings().index_dir)
        copytree(settings().index_dir / version, root / version)
        set_current(root, version)
        collection = read_collection(settings().corpus_dir)
        build_snapshot(
            replace(collection, bank=collection.bank[::8]), encoder, root, threads=2, progress=lambda *_: None
        )
        snapshot = load_snapshot(root, encoder.fingerprint)
    except IndexProblem as error:
        pytest.skip(f"the shipped corpus has no index yet: {error}")
    milvus = Milvus(str(folder / "lite.db"), timeout_s=60, create=True)
    load_into(milvus, snapshot, lambda done, total: None)
    yield compare(
        pipeline_of(HybridRetriever(snapshot, encoder, load_fusion())),
        pipeline_of(MilvusRetriever(MilvusContents(milvus, snapshot.manifest.version), encoder, load_fusion())),
        spread(read_gold(), PER_LANGUAGE),
    )
    milvus.close()


def test_every_language_is_asked_and_something_is_answered(compared: list[Compared]) -> None:
    assert len({one.question.language for one in compared}) == 24
    assert len(compared) == 24 * PER_LANGUAGE
    assert {one.question.answerable for one in compared} == {True, False}


def test_outcomes_entries_quotes_and_texts_are_the_same(compared: list[Compared]) -> None:
    """All of them: both stores score with the same numbers, and equal scores are put in the same order."""
    assert [(one.question.question_id, one.differing) for one in compared if not one.same] == []


def question(identity: str, language: str) -> GoldQuestion:
    return GoldQuestion(identity, "p", language, "text", "plain", (), None, "dev")


def test_a_sample_is_spread_over_the_languages_and_the_same_each_time() -> None:
    questions = [question(f"{language}-{n}", language) for language in ("de", "fr") for n in range(9)]
    found = spread(questions, 2)
    assert [q.language for q in sorted(found, key=lambda q: q.language)] == ["de", "de", "fr", "fr"]
    assert spread(list(reversed(questions)), 2) == found


def test_a_difference_is_told() -> None:
    same = Compared(question("a", "de"), (), 0.0, 1.0, 2.0)
    other = Compared(question("b", "de"), ("quotes",), 0.0, 1.0, 2.0)
    apart = Compared(question("c", "de"), (), 0.5, 1.0, 2.0)
    assert [one.same for one in (same, other, apart)] == [True, False, False]
    told = table([same, other, apart])
    assert "same outcome    1.0000" in told
    assert "same quotes     0.6667" in told
    assert "same in all      0.3333" in told
    assert "0.500000 at most" in told
