"""How sure a figure is: bootstrap intervals and paired tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def bootstrap_interval(
    values: Sequence[float], *, level: float = 0.95, samples: int = 2000, seed: int = 13
) -> tuple[float, float]:
    """Percentile interval of the mean (Efron, 1979), NaN values left out; (NaN, NaN) on nothing."""
    known = np.array([value for value in values if not math.isnan(value)])
    if not len(known):
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    means = known[rng.integers(0, len(known), (samples, len(known)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> tuple[int, int, float]:
    """Questions won, questions lost, and the exact two-sided p (McNemar, 1947)."""
    won = sum(b and not a for a, b in zip(before, after, strict=True))
    lost = sum(a and not b for a, b in zip(before, after, strict=True))
    n = won + lost
    tail = sum(math.comb(n, i) for i in range(min(won, lost) + 1)) / 2**n if n else 1.0
    return won, lost, min(1.0, 2 * tail)
