"""What one question scores in one index, asked for two things: the best, and those of a few named.

Either every score is there, or postings from which only the best are worked out, in the manner of MaxScore (Turtle and
Flood, 1995): terms from the rarest on propose rows, until no row that only the rest of the terms hold could still be
among the best; of the rest, only what the proposed rows have is looked up. Both give the same scores, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.dense import best

Numbers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]
Allowed = npt.NDArray[np.bool_]

_SLACK = 1e-5
"""Of a sum, what the order of its terms may change."""

_SHARE = 4
"""Proposed rows beyond one in so many cost more than a pass over all."""


class Matches(Protocol):
    """Scores by number (of entries), 0 for what does not match."""

    def best(self, limit: int, allowed: Allowed | None = None) -> list[int]:
        """Numbers that score highest, above 0, the first among equals first; among the `allowed` where given."""
        ...

    def of(self, numbers: Numbers) -> Scores:
        """float32, as many as numbers."""
        ...


class Scored:
    """Every score, float32 (e,)."""

    def __init__(self, scores: Scores) -> None:
        self._scores = scores

    def best(self, limit: int, allowed: Allowed | None = None) -> list[int]:
        matching = np.flatnonzero(self._scores)
        if allowed is not None:
            matching = matching[allowed[matching]]
        return [int(number) for number in best(self._scores, limit, matching)[0]]

    def of(self, numbers: Numbers) -> Scores:
        return self._scores[numbers]


@dataclass(frozen=True, slots=True)
class Posting:
    """The rows that hold a term, ascending, and what it adds to their scores; never empty."""

    rows: Rows
    weights: Scores

    @property
    def most(self) -> float:
        return float(self.weights.max())

    def weights_of(self, rows: Rows) -> Scores:
        """What the term adds to each of these rows, 0 to those without it."""
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[places] == rows, self.weights[places], np.float32(0))


class Sifted:
    """`owners` maps a row to its number, int64 (n,), ascending; a number's score is its best row's, and a row's the
    sum over postings, over `bound`."""

    def __init__(self, owners: Numbers, postings: Sequence[Posting], bound: float) -> None:
        self._owners, self._postings, self._bound = owners, postings, np.float32(bound)

    def best(self, limit: int, allowed: Allowed | None = None) -> list[int]:
        rows = self._promising(limit, allowed)
        if not len(rows):
            return []
        numbers, scores = _by_owner(self._owners[rows], self._exact(rows))
        return [int(number) for number in numbers[best(scores, limit)[0]]]

    def of(self, numbers: Numbers) -> Scores:
        starts = np.searchsorted(self._owners, numbers, "left").tolist()
        ends = np.searchsorted(self._owners, numbers, "right").tolist()
        scores = np.zeros(len(numbers), np.float32)
        rows = [np.arange(start, end, dtype=np.int32) for start, end in zip(starts, ends, strict=True)]
        if self._postings and sum(map(len, rows)):
            places = np.repeat(np.arange(len(numbers)), [len(part) for part in rows])
            np.maximum.at(scores, places, self._exact(np.concatenate(rows)))
        return scores

    def _exact(self, rows: Rows) -> Scores:
        total = np.zeros(len(rows), np.float32)
        for posting in self._postings:
            total += posting.weights_of(rows)
        return total / self._bound

    def _promising(self, limit: int, allowed: Allowed | None) -> Rows:
        """All rows of the `limit` best numbers, and few others, ascending."""
        rarest_first = sorted(self._postings, key=lambda posting: len(posting.rows))
        most = [posting.most for posting in rarest_first]
        rows, scores = np.zeros(0, np.int32), np.zeros(0, np.float32)
        least = 0.0  # what the last of the best has at least
        for place, posting in enumerate(rarest_first):
            rest = sum(most[place:])
            if rest < least:
                enough = scores + np.float32(rest) >= least
                rows, scores = rows[enough], scores[enough]
                scores = scores + posting.weights_of(rows)
            elif len(rows) + len(posting.rows) > len(self._owners) // _SHARE:
                rows, scores = self._all(allowed)
                least = self._least(rows, scores, limit)
                break
            else:
                rows, scores = _merged(rows, scores, *self._among(posting.rows, posting.weights, allowed))
                least = self._least(rows, scores, limit)
        return rows[scores >= least]

    def _all(self, allowed: Allowed | None) -> tuple[Rows, Scores]:
        everything = np.zeros(len(self._owners), np.float32)
        for posting in self._postings:
            everything[posting.rows] += posting.weights
        rows = np.flatnonzero(everything).astype(np.int32)
        return self._among(rows, everything[rows], allowed)

    def _among(self, rows: Rows, scores: Scores, allowed: Allowed | None) -> tuple[Rows, Scores]:
        if allowed is None:
            return rows, scores
        kept = allowed[self._owners[rows]]
        return rows[kept], scores[kept]

    def _least(self, rows: Rows, scores: Scores, limit: int) -> float:
        """A little below the score of the limit-th best number; 0 where there are not as many."""
        _, found = _by_owner(self._owners[rows], scores)
        if len(found) < limit:
            return 0.0
        return float(np.partition(found, len(found) - limit)[len(found) - limit]) * (1 - _SLACK)


def _merged(rows: Rows, scores: Scores, more_rows: Rows, more_scores: Scores) -> tuple[Rows, Scores]:
    """Two ascending lists as one, the scores of rows in both added."""
    both = np.concatenate([rows, more_rows])
    order = np.argsort(both, kind="stable")
    both = both[order]
    if not len(both):
        return both, np.zeros(0, np.float32)
    starts = np.flatnonzero(np.diff(both, prepend=-1))
    return both[starts], np.add.reduceat(np.concatenate([scores, more_scores])[order], starts)


def _by_owner(numbers: Numbers, scores: Scores) -> tuple[Numbers, Scores]:
    """Each number, ascending as they are given, with its best score."""
    if not len(numbers):
        return numbers, scores
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    return numbers[starts], np.maximum.reduceat(scores, starts)
