"""Nearest vectors against a plain sort, exact and by graph."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import pytest

from index import dense
from index.dense import DenseIndex

ROWS, DIMENSION, K = 300, 16, 10
Vectors = npt.NDArray[np.float32]


def unit(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def plain(vectors: Vectors, question: Vectors, k: int, allowed: list[int] | None = None) -> list[int]:
    rows = range(len(vectors)) if allowed is None else allowed
    return sorted(rows, key=lambda row: -float(vectors[row] @ question))[:k]


@pytest.fixture(params=["flat", "graph"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DenseIndex:
    """The same rows, exact and as a graph."""
    if request.param == "graph":
        monkeypatch.setattr(dense, "FLAT_UP_TO", ROWS - 1)
    return DenseIndex.build(unit(ROWS, seed=1))


def kind(built: DenseIndex, path: Path) -> type[faiss.Index]:
    built.save(path)
    return type(faiss.read_index(str(path)))


@pytest.mark.parametrize("more", [0, 1])
def test_a_graph_is_built_only_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(dense, "FLAT_UP_TO", ROWS)
    built = DenseIndex.build(unit(ROWS + more, seed=1))
    assert kind(built, tmp_path / "x.faiss") is (faiss.IndexHNSWFlat if more else faiss.IndexFlatIP)
    assert len(built) == ROWS + more


def test_the_nearest_rows_come_best_first_with_their_cosines(index: DenseIndex) -> None:
    vectors, questions = unit(ROWS, seed=1), unit(20, seed=2)
    for question in questions:
        rows, scores = index.search(question, K)
        assert rows.tolist() == plain(vectors, question, K)
        np.testing.assert_allclose(scores, vectors[rows] @ question, atol=1e-6)


def test_only_allowed_rows_are_found(index: DenseIndex) -> None:
    vectors = unit(ROWS, seed=1)
    allowed = np.arange(0, ROWS, 7, dtype=np.int64)
    for question in unit(20, seed=3):
        rows, _ = index.search(question, K, allowed)
        assert rows.tolist() == plain(vectors, question, K, allowed.tolist())
    (only,), _ = index.search(vectors[5], K, np.array([200], np.int64))
    assert only == 200


@pytest.mark.parametrize(
    ("k", "allowed", "found"), [(5, [], 0), (5, [1, 2], 2), (0, [1, 2], 0), (ROWS + 5, None, ROWS)]
)
def test_never_more_rows_than_there_are(index: DenseIndex, k: int, allowed: list[int] | None, found: int) -> None:
    rows, scores = index.search(unit(1, seed=4)[0], k, None if allowed is None else np.array(allowed, np.int64))
    assert (len(rows), len(scores)) == (found, found)


def test_a_saved_index_finds_the_same(index: DenseIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "x.faiss")
    loaded = DenseIndex.load(tmp_path / "x.faiss")
    allowed = np.arange(50, dtype=np.int64)
    assert len(loaded) == len(index)
    for question in unit(5, seed=5):
        for rows in (None, allowed):
            assert loaded.search(question, K, rows)[0].tolist() == index.search(question, K, rows)[0].tolist()


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    DenseIndex.build(np.zeros((0, DIMENSION), np.float32)).save(tmp_path / "x.faiss")
    loaded = DenseIndex.load(tmp_path / "x.faiss")
    assert len(loaded) == 0
    assert loaded.search(unit(1, seed=1)[0], K)[0].tolist() == []
