"""The best of many scores without working all out, against working all out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import lexical, matches
from index.lexical import LexicalIndex
from index.matches import Posting, Rows, Scored, Scores, Sifted

LIMIT = 40


def everything(owners: npt.NDArray[np.int64], postings: list[Posting], bound: float, count: int) -> Scored:
    """Every score, summed plainly in the order of the postings."""
    rows = np.zeros(len(owners), np.float32)
    for posting in postings:
        for row, weight in zip(posting.rows, posting.weights, strict=True):
            rows[row] += weight
    scores = np.zeros(count, np.float32)
    for row, owner in enumerate(owners):
        scores[owner] = max(scores[owner], rows[row] / np.float32(bound))
    return Scored(scores)


def zipf(rows: int, terms: int, seed: int) -> list[Posting]:
    """Terms that from half of the rows to a few hold, the rare ones weighing most, as in a language."""
    rng = np.random.default_rng(seed)
    postings = []
    for rank in range(1, terms + 1):
        held = np.sort(rng.choice(rows, max(1, rows // (2 * rank)), replace=False)).astype(np.int32)
        weights = np.log1p(2 * rank) * rng.uniform(0.3, 0.8, len(held))
        postings.append(Posting(held, weights.astype(np.float32)))
    return postings


@pytest.mark.parametrize("limit", [1, LIMIT, 10_000])
@pytest.mark.parametrize("share", [1, 4, 1000])
@pytest.mark.parametrize("seed", range(6))
def test_of_many_rows_the_best_are_the_same(monkeypatch: pytest.MonkeyPatch, limit: int, share: int, seed: int) -> None:
    monkeypatch.setattr(matches, "_SHARE", share)
    rows, numbers = 4000, 1500
    rng = np.random.default_rng(seed)
    owners = np.sort(rng.integers(0, numbers, rows))
    postings = [zipf(rows, 200, seed)[place] for place in rng.choice(200, 8, replace=False)]
    sifted, plain = Sifted(owners, postings, 7.0), everything(owners, postings, 7.0, numbers)
    asked = rng.integers(0, numbers, 100)
    np.testing.assert_array_equal(sifted.of(asked), plain.of(asked))
    for allowed in (None, rng.random(numbers) < 0.5, rng.random(numbers) < 0.01, np.zeros(numbers, np.bool_)):
        assert sifted.best(limit, allowed) == plain.best(limit, allowed)


def test_common_terms_are_not_gone_through_where_rare_ones_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that every row has adds little: its rows are never merged nor all scored."""
    rows = 10_000
    merged: list[int] = []
    plain_merge = matches._merged

    def merge(rows: Rows, scores: Scores, more_rows: Rows, more_scores: Scores) -> tuple[Rows, Scores]:
        merged.append(len(more_rows))
        return plain_merge(rows, scores, more_rows, more_scores)

    monkeypatch.setattr(matches, "_merged", merge)
    monkeypatch.setattr(Sifted, "_all", lambda *_: pytest.fail("all rows were scored"))
    rare = Posting(np.arange(0, rows, 100, dtype=np.int32), np.full(100, 5.0, np.float32))
    common = Posting(np.arange(rows, dtype=np.int32), np.linspace(0.1, 0.2, rows, dtype=np.float32))
    found = Sifted(np.arange(rows), [common, rare], 1.0).best(LIMIT)
    assert merged == [100]
    assert found == list(range(9900, 9900 - 100 * LIMIT, -100))


LISTS = st.lists(
    st.dictionaries(st.integers(0, 11), st.sampled_from([0.25, 0.5, 0.5, 1.0, 1.7]), min_size=1), max_size=5
)


@given(LISTS, st.lists(st.integers(0, 5), min_size=12, max_size=12), st.integers(1, 4), st.sets(st.integers(0, 5)))
def test_any_postings_give_the_same_ties_included(
    held: list[dict[int, float]], numbers: list[int], limit: int, chosen: set[int]
) -> None:
    owners = np.array(sorted(numbers), np.int64)
    postings = [
        Posting(np.array(sorted(term), np.int32), np.array([term[row] for row in sorted(term)], np.float32))
        for term in held
    ]
    sifted, plain = Sifted(owners, postings, 3.0), everything(owners, postings, 3.0, 6)
    np.testing.assert_array_equal(sifted.of(np.arange(6)), plain.of(np.arange(6)))
    allowed = np.isin(np.arange(6), list(chosen))
    for among in (None, allowed):
        assert sifted.best(limit, among) == plain.best(limit, among)


@pytest.mark.parametrize("question", ["the signature", "who signs the form", "form zebra the", "zebra", ""])
def test_a_large_index_answers_as_a_small_one(monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    rng = np.random.default_rng(2)
    words = ["the", "the", "the", "form", "signature", "signs", "code", "deadline", "of", "of"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 12))) for _ in range(500)]
    index = LexicalIndex.build("en", texts, np.sort(rng.integers(0, 200, 500)))
    small = index.ask(question, 200)
    monkeypatch.setattr(lexical, "SCORED_UP_TO", 499)
    large = index.ask(question, 200)
    assert isinstance(small, Scored)
    assert isinstance(large, Sifted)
    np.testing.assert_array_equal(small.of(np.arange(200)), large.of(np.arange(200)))
    for limit in (1, 10, 500):
        assert small.best(limit) == large.best(limit)
