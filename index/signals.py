"""From what the searches found to candidates and their features, wherever the rows are kept.

Rows stand in groups, one for each candidate, as `index.segments` has them: `starts` is where each group begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from corpus.languages import REFERENCE_LANGUAGE
from index.dense import best
from index.fusion import FEATURES
from index.segments import segment_best, segment_mean_of_best

BEST_KEYS = 3
"""Of an entry's keys, those whose mean is a feature."""

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def own_languages(language: str) -> tuple[str, ...]:
    """Whose passages are compared in full first, for a question in `language`."""
    return tuple(dict.fromkeys((language, REFERENCE_LANGUAGE, "en")))


def interleaved(legs: Sequence[Sequence[int]], limit: int, fit: Callable[[int], bool]) -> Numbers:
    """Entries proposed by any leg, ascending: each leg in turn gives its next best, where fit, at most `limit`."""
    chosen: dict[int, None] = {}
    for place in range(limit):
        for leg in legs:
            if place < len(leg) and len(chosen) < limit and fit(leg[place]):
                chosen.setdefault(leg[place])
    return np.array(sorted(chosen), np.int64)


def best_rows(scores: Scores, starts: Numbers, limit: int) -> Numbers:
    """Places of the rows to compare in full: each group's best, then the best of all, at most `limit` (or one each)."""
    firsts = segment_best(scores, starts)[1]
    others = best(scores, limit)[0]
    others = others[~np.isin(others, firsts)][: max(0, limit - len(firsts))]
    return np.sort(np.concatenate([firsts, others]))


def text_signals(features: Scores, cosines: Scores, likeness: Scores, starts: Numbers) -> Numbers:
    """Fill in the passages' features, (c, f); returns the place of each candidate's best passage.

    `likeness` is MaxSim, -1 where a row was not compared.
    """
    nearest_cosine, nearest = segment_best(cosines, starts)
    most_alike, likest = segment_best(likeness, starts)
    features[:, FEATURES.index("text_dense")] = nearest_cosine
    features[:, FEATURES.index("text_maxsim")] = np.maximum(most_alike, 0.0)
    return np.where(most_alike > 0, likest, nearest)


def key_signals(features: Scores, asked: Numbers, cosines: Scores, likeness: Scores, starts: Numbers) -> None:
    """Fill in the keys' features of the candidates `asked`, those that have keys; `likeness` is 0 where a row was not
    compared."""
    features[asked, FEATURES.index("key_dense")] = segment_mean_of_best(cosines, starts, BEST_KEYS)
    features[asked, FEATURES.index("key_best")] = np.maximum.reduceat(cosines, starts)
    features[asked, FEATURES.index("key_maxsim")] = np.maximum.reduceat(likeness, starts)
