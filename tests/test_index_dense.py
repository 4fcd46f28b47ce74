"""Nearest vectors against a plain sort, exact and in lists."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import pytest

from index import dense
from index.dense import DenseIndex, best

ROWS, DIMENSION, K = 300, 16, 10
Vectors = npt.NDArray[np.float32]


def unit(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def plain(vectors: Vectors, question: Vectors, k: int, allowed: list[int] | None = None) -> list[int]:
    rows = range(len(vectors)) if allowed is None else allowed
    return sorted(rows, key=lambda row: -float(vectors[row] @ question))[:k]


@pytest.fixture(params=["flat", "lists"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DenseIndex:
    """The same rows, exact and in lists of which enough are searched to find all."""
    if request.param == "lists":
        monkeypatch.setattr(dense, "FLAT_UP_TO", ROWS - 1)
        monkeypatch.setattr(dense, "RECALL", 1.0)
        monkeypatch.setattr(dense, "_TUNING_QUESTIONS", 2000)
    return DenseIndex.build(unit(ROWS, seed=1))


def kind(built: DenseIndex, path: Path) -> type[faiss.Index]:
    built.save(path)
    return type(faiss.read_index(str(path)))


@pytest.mark.parametrize("more", [0, 1])
def test_lists_are_built_only_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(dense, "FLAT_UP_TO", ROWS)
    built = DenseIndex.build(unit(ROWS + more, seed=1))
    assert kind(built, tmp_path / "x.faiss") is (faiss.IndexIVFFlat if more else faiss.IndexFlatIP)
    assert len(built) == ROWS + more


def test_the_nearest_rows_come_best_first_with_their_cosines(index: DenseIndex) -> None:
    vectors, questions = unit(ROWS, seed=1), unit(20, seed=2)
    for question in questions:
        rows, scores = index.search(question, K)
        assert rows.tolist() == plain(vectors, question, K)
        np.testing.assert_allclose(scores, vectors[rows] @ question, atol=1e-6)


def test_as_few_lists_are_searched_as_find_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in clusters, as real texts are: most lists need not be looked at, and little is lost."""
    monkeypatch.setattr(dense, "FLAT_UP_TO", 100)
    rng = np.random.default_rng(6)
    around = np.repeat(unit(200, seed=6), 20, axis=0) + 0.05 * rng.standard_normal((4000, DIMENSION))
    vectors = np.asarray(around / np.linalg.norm(around, axis=1, keepdims=True), np.float32)
    index = DenseIndex.build(vectors)
    parameters = index._parameters(K, None)
    assert parameters.nprobe < 2 * len(vectors) ** 0.5 / 2
    questions = vectors[::40] + np.asarray(0.02 * rng.standard_normal((100, DIMENSION)), np.float32)
    found = [set(index.search(q, K)[0].tolist()) & set(plain(vectors, q, K)) for q in questions]
    assert sum(len(rows) for rows in found) >= 0.99 * K * len(questions)


def test_lists_are_tuned_to_the_questions_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions far from all rows need more lists than points between them; enough of their nearest are found."""
    monkeypatch.setattr(dense, "FLAT_UP_TO", 100)
    rng = np.random.default_rng(9)
    around = unit(1, seed=9) + 0.3 * rng.standard_normal((3000, DIMENSION))
    vectors = np.asarray(around / np.linalg.norm(around, axis=1, keepdims=True), np.float32)
    questions = unit(400, seed=10)
    tuned, untuned = DenseIndex.build(vectors, questions[:200]), DenseIndex.build(vectors)
    assert tuned._parameters(K, None).nprobe > untuned._parameters(K, None).nprobe
    found = [set(tuned.search(q, K)[0].tolist()) & set(plain(vectors, q, K)) for q in questions[200:]]
    assert sum(map(len, found)) >= 0.99 * K * len(found)
    assert DenseIndex.build(vectors, questions[:0])._parameters(K, None).nprobe == untuned._parameters(K, None).nprobe


def test_the_same_rows_give_the_same_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "FLAT_UP_TO", ROWS - 1)
    for name in ("a", "b"):
        DenseIndex.build(unit(ROWS, seed=1)).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


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


def test_rows_at_hand_are_what_is_searched(tmp_path: Path) -> None:
    vectors = unit(ROWS, seed=1)
    DenseIndex.build(vectors).save(tmp_path / "x.faiss")
    index = DenseIndex.load(tmp_path / "x.faiss", vectors)
    for question in unit(5, seed=7):
        assert index.search(question, K)[0].tolist() == plain(vectors, question, K)
        np.testing.assert_array_equal(index.scores(question), vectors @ question)


@pytest.mark.parametrize(("limit", "exact"), [(50, True), (49, False)])
def test_few_allowed_rows_are_compared_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, exact: bool
) -> None:
    """Then none is missed, however few lists are searched; of more, those in other lists are."""
    monkeypatch.setattr(dense, "FLAT_UP_TO", ROWS - 1)
    monkeypatch.setattr(dense, "RECALL", 0.0)
    monkeypatch.setattr(dense, "COMPARED_UP_TO", limit)
    vectors = unit(ROWS, seed=1)
    DenseIndex.build(vectors).save(tmp_path / "x.faiss")
    index = DenseIndex.load(tmp_path / "x.faiss", vectors)
    allowed = np.arange(0, 300, 6, dtype=np.int64)
    found = [index.search(question, 2, allowed)[0].tolist() for question in unit(40, seed=8)]
    right = [plain(vectors, question, 2, allowed.tolist()) for question in unit(40, seed=8)]
    assert (found == right) is exact
    assert {row for rows in found for row in rows} <= set(allowed.tolist())


def test_no_scores_of_all_rows_where_not_all_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "FLAT_UP_TO", ROWS - 1)
    assert DenseIndex.build(unit(ROWS, seed=1)).scores(unit(1, seed=2)[0]) is None


@pytest.mark.parametrize("allowed", [None, [0, 2, 3, 5, 6], []])
@pytest.mark.parametrize("limit", [0, 1, 3, 7, 100])
def test_the_best_are_a_plain_sort_s_first(limit: int, allowed: list[int] | None) -> None:
    scores = np.array([1, 3, 2, 3, 0, 3, 1], np.float32)
    among = range(len(scores)) if allowed is None else allowed
    expected = sorted(among, key=lambda place: (-scores[place], place))[:limit]
    places, found = best(scores, limit, None if allowed is None else np.array(allowed, np.int64))
    assert places.tolist() == expected
    assert found.tolist() == [float(scores[place]) for place in expected]
