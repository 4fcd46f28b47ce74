"""The nearest rows without any index, to compare indexes with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_ROWS = 50_000

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def exact_rows(vectors: Vectors, questions: Sequence[Vectors], k: int) -> list[Rows]:
    """For each question the k rows with the highest inner product, best first; `vectors` (n, d) is read in parts."""
    asked = np.stack(list(questions))
    scores = np.zeros((len(asked), 0), np.float32)
    rows = np.zeros((len(asked), 0), np.int64)
    for start in range(0, len(vectors), _ROWS):
        part = asked @ vectors[start : start + _ROWS].T
        numbers = np.broadcast_to(np.arange(start, start + part.shape[1]), part.shape)
        scores, rows = np.concatenate([scores, part], axis=1), np.concatenate([rows, numbers], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return list(rows)


def shared(found: Sequence[Rows], right: Sequence[Rows]) -> float:
    """The share of the right rows that were found, over all questions; NaN without any."""
    count = sum(map(len, right))
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, right, strict=True))
    return hits / count if count else float("nan")
