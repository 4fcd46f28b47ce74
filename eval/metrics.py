"""Ranking and refusal metrics. Rankings are lists of keys, best first; relevant is a set of keys."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence


def hit_at(ranking: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """1.0 when a relevant key stands in the first k, else 0.0; NaN when nothing is relevant."""
    if not relevant:
        return math.nan
    return float(any(key in relevant for key in ranking[:k]))


def recall_at(ranking: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Share of the relevant keys that stand in the first k, in [0, 1]; NaN when nothing is relevant."""
    if not relevant:
        return math.nan
    return sum(key in relevant for key in ranking[:k]) / len(relevant)


def reciprocal_rank(ranking: Sequence[Hashable], relevant: Collection[Hashable], k: int = 10) -> float:
    """1 / rank of the first relevant key within the first k, 0.0 when there is none; NaN when nothing is relevant."""
    if not relevant:
        return math.nan
    return next((1.0 / rank for rank, key in enumerate(ranking[:k], start=1) if key in relevant), 0.0)


def ndcg_at(ranking: Sequence[Hashable], relevant: Collection[Hashable], k: int = 10) -> float:
    """Normalised discounted cumulative gain with binary gains, in [0, 1]; NaN when nothing is relevant.

    Source: Järvelin and Kekäläinen (2002), as trec_eval's ndcg_cut.
    """
    if not relevant:
        return math.nan
    gain = sum(1.0 / math.log2(rank + 1) for rank, key in enumerate(ranking[:k], start=1) if key in relevant)
    ideal = sum(1.0 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return gain / ideal


def mean(values: Sequence[float]) -> float:
    """Mean of what is not NaN; NaN when nothing is left."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Mean distance of confidence and share right over bins of equal count, weighted by count, in [0, 1].

    Source: Naeini et al. (2015), with equal-mass bins (Nixon et al., 2019). NaN on nothing.
    """
    if not confidences:
        return math.nan
    pairs = sorted(zip(confidences, right, strict=True))
    total = 0.0
    for number in range(bins):
        members = pairs[number * len(pairs) // bins : (number + 1) * len(pairs) // bins]
        if members:
            gap = sum(confidence for confidence, _ in members) - sum(ok for _, ok in members)
            total += abs(gap)
    return total / len(pairs)


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Chance that a positive scores above a negative, ties half; NaN when one side is empty."""
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    ranks = [0.0] * len(scores)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and scores[order[end]] == scores[order[start]]:
            end += 1
        for place in range(start, end):
            ranks[order[place]] = (start + end + 1) / 2
        start = end
    positives = sum(positive)
    negatives = len(positive) - positives
    if not positives or not negatives:
        return math.nan
    total = sum(rank for rank, is_positive in zip(ranks, positive, strict=True) if is_positive)
    return (total - positives * (positives + 1) / 2) / (positives * negatives)
