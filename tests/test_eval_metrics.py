"""Metrics by formula, at their edges, and against ir_measures."""

from __future__ import annotations

import math
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, R, Success, nDCG, parse_measure
from ir_measures import iter_calc as measured
from sklearn.metrics import roc_auc_score

from eval.metrics import auroc, expected_calibration_error, hit_at, mean, ndcg_at, recall_at, reciprocal_rank

RANKING = ["a", "b", "c", "d", "e"]


def test_by_formula() -> None:
    relevant = {"b", "d", "z"}
    assert hit_at(RANKING, relevant, 1) == 0.0
    assert hit_at(RANKING, relevant, 2) == 1.0
    assert recall_at(RANKING, relevant, 3) == 1 / 3
    assert recall_at(RANKING, relevant, 5) == 2 / 3
    assert reciprocal_rank(RANKING, relevant) == 1 / 2
    assert reciprocal_rank(RANKING, {"e"}, 4) == 0.0
    gain = 1 / math.log2(2 + 1) + 1 / math.log2(4 + 1)
    ideal = sum(1 / math.log2(rank + 1) for rank in (1, 2, 3))
    assert ndcg_at(RANKING, relevant, 5) == pytest.approx(gain / ideal)
    # With two places, no more than two can be ideal.
    assert ndcg_at(RANKING, relevant, 2) == pytest.approx((1 / math.log2(3)) / (1 / math.log2(2) + 1 / math.log2(3)))


@pytest.mark.parametrize("relevant", [{"a"}, {"a", "b"}, {"a", "b", "c", "d", "e"}])
def test_best_order_scores_one(relevant: set[str]) -> None:
    for k in range(1, 6):
        assert (
            hit_at(RANKING, relevant, k)
            == reciprocal_rank(RANKING, relevant, k)
            == ndcg_at(RANKING, relevant, k)
            == 1.0
        )


def test_nothing_relevant_is_undefined_and_nothing_found_is_nought() -> None:
    for metric in (hit_at, recall_at, ndcg_at, reciprocal_rank):
        assert math.isnan(metric(RANKING, set(), 5))
        assert metric([], {"a"}, 5) == 0.0
        assert metric(["x", "y"], {"a"}, 5) == 0.0


def test_mean_leaves_the_undefined_out() -> None:
    assert mean([1.0, math.nan, 0.0, math.nan]) == 1 / 2
    assert math.isnan(mean([]))
    assert math.isnan(mean([math.nan]))


keys = st.lists(st.sampled_from([f"d{number}" for number in range(15)]), unique=True, max_size=15)


@given(st.lists(st.tuples(keys, keys.filter(bool)), min_size=1, max_size=6))
def test_as_ir_measures_has_it(queries: list[tuple[list[str], list[str]]]) -> None:
    run = {
        f"q{number}": {key: float(len(ranking) - place) for place, key in enumerate(ranking)}
        for number, (ranking, _) in enumerate(queries)
    }
    qrels = {f"q{number}": dict.fromkeys(relevant, 1) for number, (_, relevant) in enumerate(queries)}
    ours = {
        "nDCG@10": lambda ranking, relevant: ndcg_at(ranking, relevant, 10),
        "RR@10": lambda ranking, relevant: reciprocal_rank(ranking, relevant, 10),
        "Success@1": lambda ranking, relevant: hit_at(ranking, relevant, 1),
        "R@5": lambda ranking, relevant: recall_at(ranking, relevant, 5),
    }
    theirs = {
        (str(row.measure), row.query_id): row.value
        for row in measured([nDCG @ 10, parse_measure("RR@10"), Success @ 1, R @ 5], qrels, run)
    }
    for name, number in product(ours, range(len(queries))):
        ranking, relevant = queries[number]
        assert ours[name](ranking, set(relevant)) == pytest.approx(theirs.get((name, f"q{number}"), 0.0))


def test_reciprocal_rank_without_a_cut_is_ir_measures_rr() -> None:
    ranking = [f"d{number}" for number in range(20)]
    (row,) = measured([RR], {"q": {"d14": 1}}, {"q": {key: 20.0 - place for place, key in enumerate(ranking)}})
    assert reciprocal_rank(ranking, {"d14"}, 20) == pytest.approx(row.value) == pytest.approx(1 / 15)
    assert reciprocal_rank(ranking, {"d14"}) == 0.0


# Calibration


def test_calibration_error_by_formula() -> None:
    # Two bins of equal count: (0.1, 0.3) with none right, (0.6, 0.8) with one.
    confidences, right = [0.8, 0.1, 0.6, 0.3], [True, False, False, False]
    expected = 2 / 4 * abs((0.1 + 0.3) / 2 - 0 / 2) + 2 / 4 * abs((0.6 + 0.8) / 2 - 1 / 2)
    assert expected_calibration_error(confidences, right, bins=2) == pytest.approx(expected)


def test_calibration_error_at_its_edges() -> None:
    assert math.isnan(expected_calibration_error([], []))
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert expected_calibration_error([1.0, 0.0], [False, True]) == 1.0
    assert expected_calibration_error([0.25] * 4, [True, False, False, False], bins=1) == 0.0
    with pytest.raises(ValueError):
        expected_calibration_error([0.5], [])


labelled = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=1, max_size=60)


@given(labelled, st.integers(1, 12))
def test_calibration_error_as_a_plain_version_has_it(pairs: list[tuple[float, bool]], bins: int) -> None:
    ordered = sorted(pairs)
    edges = [number * len(ordered) // bins for number in range(bins + 1)]
    expected = 0.0
    for low, high in pairwise(edges):
        if high > low:
            confidence = mean([confidence for confidence, _ in ordered[low:high]])
            share = mean([float(ok) for _, ok in ordered[low:high]])
            expected += (high - low) / len(ordered) * abs(confidence - share)
    found = expected_calibration_error([c for c, _ in pairs], [ok for _, ok in pairs], bins)
    assert found == pytest.approx(expected)
    assert 0 <= found <= 1


@given(labelled)
def test_auroc_as_counting_pairs_and_scikit_learn_have_it(pairs: list[tuple[float, bool]]) -> None:
    scores, positive = [score for score, _ in pairs], [ok for _, ok in pairs]
    found = auroc(scores, positive)
    wins = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for (a, is_positive), (b, other) in product(pairs, pairs)
        if is_positive and not other
    ]
    if not wins:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(sum(wins) / len(wins)) == pytest.approx(roc_auc_score(positive, scores))


def test_auroc_at_its_edges() -> None:
    assert auroc([0.9, 0.1], [True, False]) == 1.0
    assert auroc([0.1, 0.9], [True, False]) == 0.0
    assert auroc([0.5, 0.5, 0.5], [True, False, True]) == 0.5
    assert math.isnan(auroc([], []))
    assert math.isnan(auroc([0.5], [True]))
