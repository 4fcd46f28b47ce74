"""Intervals and paired tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from eval.significance import bootstrap_interval, mcnemar


def test_interval_of_one_value_is_that_value() -> None:
    assert bootstrap_interval([0.25] * 50) == (0.25, 0.25)
    assert bootstrap_interval([1.0]) == (1.0, 1.0)


def test_interval_of_nothing_is_undefined() -> None:
    assert all(math.isnan(bound) for bound in bootstrap_interval([]))
    assert all(math.isnan(bound) for bound in bootstrap_interval([math.nan]))


def test_undefined_values_are_left_out() -> None:
    values = [0.0, 1.0] * 20
    assert bootstrap_interval([*values, math.nan, math.nan]) == bootstrap_interval(values)


@pytest.mark.parametrize(("share", "level"), [(0.5, 0.95), (0.8, 0.95), (0.8, 0.9)])
def test_interval_of_a_share_is_near_the_normal_one(share: float, level: float) -> None:
    n = 1000
    low, high = bootstrap_interval([float(place < share * n) for place in range(n)], level=level, samples=5000)
    half = norm.ppf((1 + level) / 2) * math.sqrt(share * (1 - share) / n)
    assert (low, high) == pytest.approx((share - half, share + half), abs=half / 10)


def test_interval_repeats_itself_and_follows_its_seed() -> None:
    values = np.random.default_rng(0).random(60).tolist()
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    narrow, wide = bootstrap_interval(values, level=0.5), bootstrap_interval(values, level=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_mcnemar_by_formula() -> None:
    before = [False] * 6 + [True] * 1 + [True] * 9 + [False] * 4
    after = [True] * 6 + [False] * 1 + [True] * 9 + [False] * 4
    won, lost, p = mcnemar(before, after)
    assert (won, lost) == (6, 1)
    assert p == pytest.approx(2 * (math.comb(7, 0) + math.comb(7, 1)) / 2**7)


def test_mcnemar_without_a_difference_is_sure_of_nothing() -> None:
    assert mcnemar([], []) == (0, 0, 1.0)
    assert mcnemar([True, False], [True, False]) == (0, 0, 1.0)
    assert mcnemar([True, False], [False, True]) == (1, 1, 1.0)
    with pytest.raises(ValueError):
        mcnemar([True], [])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80))
def test_mcnemar_is_the_exact_binomial_test(pairs: list[tuple[bool, bool]]) -> None:
    won, lost, p = mcnemar([before for before, _ in pairs], [after for _, after in pairs])
    assert (won, lost) == (pairs.count((False, True)), pairs.count((True, False)))
    if won + lost:
        assert p == pytest.approx(binomtest(won, won + lost, 0.5).pvalue)
