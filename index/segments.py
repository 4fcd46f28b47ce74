"""Rows in groups that stand one after another, none empty: `starts` int64 (g,), where each begins, the first at 0.

One numpy call over all groups instead of some for each: a question has forty candidates.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]


def segment_rows(ranges: Numbers) -> tuple[Numbers, Numbers]:
    """All rows of half-open, non-empty ranges, int64 (g, 2), one range after another; and where each starts."""
    sizes = ranges[:, 1] - ranges[:, 0]
    starts = np.cumsum(sizes) - sizes
    rows = np.arange(sizes.sum()) + np.repeat(ranges[:, 0] - starts, sizes)
    return rows.astype(np.int64), starts.astype(np.int64)


def segment_best(values: Values, starts: Numbers) -> tuple[Values, Numbers]:
    """Each group's highest value, and the first place in `values` where it stands."""
    highest = np.maximum.reduceat(values, starts)
    sizes = np.diff(starts, append=len(values))
    at = np.flatnonzero(values == np.repeat(highest, sizes))
    groups = np.repeat(np.arange(len(starts)), sizes)[at]
    return highest, at[np.diff(groups, prepend=-1) > 0]


def segment_mean_of_best(values: Values, starts: Numbers, count: int) -> Values:
    """The mean of each group's `count` highest values, of all where it has fewer."""
    sizes = np.diff(starts, append=len(values))
    left = values.copy()
    total = np.zeros(len(starts), np.float32)
    for place in range(count):
        highest, at = segment_best(left, starts)
        total += np.where(sizes > place, highest, np.float32(0))
        left[at] = -np.inf
    return (total / np.minimum(sizes, count)).astype(np.float32)
