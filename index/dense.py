"""Nearest vectors by FAISS, inner product over unit vectors; read from disk as they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

_faiss: Any = faiss  # its type stubs lack the search parameters
Vectors = npt.NDArray[np.float32]

FLAT_UP_TO = 50_000
"""Rows up to which every row is compared, some milliseconds; from there on, rows are kept in lists by their nearest
centre and only the lists nearest to a question are (eval/benchmarks/README.md)."""

RECALL = 0.995
"""Of the ten nearest rows, as many must be found by the lists that are searched, for real questions where there are
some: they lie further from passages than anything between passages does (eval/LOG.md)."""

COMPARED_UP_TO = 5_000
"""Allowed rows up to which each is compared, where the vectors are at hand: less work than to find them in lists."""

_TUNING_QUESTIONS, _TUNING_K = 200, 10
_ROWS_A_CENTRE = 64  # that the centres are fitted on: more only cost time
_SEED = 1


class DenseIndex:
    """Exact while it is small, lists from FLAT_UP_TO rows on; the rule stands here only."""

    def __init__(self, index: faiss.Index, rows: Vectors | None = None) -> None:
        self._index = index
        self._vectors = rows
        # numpy compares one question with all rows in less than half of FAISS's time.
        self._rows = None
        if isinstance(index, faiss.IndexFlat) and index.ntotal:
            self._rows = index.reconstruct_n(0, index.ntotal) if rows is None else rows

    @classmethod
    def build(cls, vectors: Vectors, questions: Vectors | None = None) -> DenseIndex:
        """`vectors` is float32 (n, d), of unit length; where memory-mapped, parts are read as they are added.
        `questions` (m, d) are such as will be asked; without any, points half-way between rows stand in for them."""
        if len(vectors) <= FLAT_UP_TO:
            index: faiss.Index = faiss.IndexFlatIP(vectors.shape[1])
            index.add(np.ascontiguousarray(vectors, np.float32))
            return cls(index)
        return cls(_lists(vectors, questions))

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path, rows: Vectors | None = None) -> DenseIndex:
        """`rows` are the vectors that it was built of, where they are at hand: then it need not hold them too."""
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC), rows)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, vector: Vectors, k: int, allowed: npt.NDArray[np.int64] | None = None
    ) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Row numbers and scores, best first, at most k; among the `allowed` rows where given."""
        count = min(k, len(self) if allowed is None else len(allowed))
        if count == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        everything = self.scores(vector)
        if everything is not None:
            return best(everything, count, allowed)
        if allowed is not None and self._vectors is not None and len(allowed) <= COMPARED_UP_TO:
            places, found = best(self._vectors[allowed] @ vector, count)
            return allowed[places], found
        scores, rows = self._index.search(
            vector[None, :].astype(np.float32), count, params=self._parameters(count, allowed)
        )
        filled = rows[0] >= 0
        return rows[0][filled], scores[0][filled]

    def scores(self, vector: Vectors) -> Vectors | None:
        """The cosine of every row, float32 (n,), where all are compared; None where the index is too large for that."""
        return None if self._rows is None else self._rows @ vector

    def _parameters(self, count: int, allowed: npt.NDArray[np.int64] | None) -> Any:
        selector = None if allowed is None else _selector(allowed, len(self))
        if not isinstance(self._index, faiss.IndexIVF):
            return None if selector is None else _faiss.SearchParameters(sel=selector)
        # Few allowed rows may stand in any list, and many rows in more lists than hold the nearest ten.
        wanted = count / (len(self) if allowed is None else len(allowed))
        lists = self._index.nprobe
        if allowed is not None:
            lists = int(lists * len(self) / len(allowed)) + 1
        lists = self._index.nlist if wanted > 0.05 else min(lists, self._index.nlist)
        return _faiss.SearchParametersIVF(sel=selector, nprobe=lists)


def _selector(allowed: npt.NDArray[np.int64], count: int) -> Any:
    """A bit for each row: a set of half a million numbers would take longer to fill than to search with."""
    chosen = np.zeros(count, np.bool_)
    chosen[allowed] = True
    return _faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))


def best(
    scores: Vectors, limit: int, allowed: npt.NDArray[np.int64] | None = None
) -> tuple[npt.NDArray[np.int64], Vectors]:
    """Places and scores of the highest, best first, the earlier first among equals, at most `limit`, without sorting
    all; among the `allowed` places, ascending, where given."""
    among = scores if allowed is None else scores[allowed]
    places = np.arange(len(among)) if len(among) <= limit else np.flatnonzero(among >= _least(among, limit))
    places = places[np.argsort(-among[places], kind="stable")][:limit]
    return (places if allowed is None else allowed[places]), among[places]


def _least(scores: Vectors, limit: int) -> np.float32:
    """The limit-th highest score."""
    return np.float32(np.partition(scores, len(scores) - limit)[len(scores) - limit]) if limit else np.float32(np.inf)


def _lists(vectors: Vectors, questions: Vectors | None) -> faiss.IndexIVFFlat:
    """Lists by nearest centre, about twice the root of n, the number searched tuned to RECALL."""
    count, dimension = vectors.shape
    rng = np.random.default_rng(_SEED)
    centres = max(1, int(2 * count**0.5))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, centres, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = _SEED
    index.cp.min_points_per_centroid = 1
    sample = np.sort(rng.choice(count, min(count, centres * _ROWS_A_CENTRE), replace=False))
    index.train(np.ascontiguousarray(vectors[sample], np.float32))
    for start in range(0, count, FLAT_UP_TO):
        index.add(np.ascontiguousarray(vectors[start : start + FLAT_UP_TO], np.float32))
    _tune(index, _asked(vectors, questions, rng))
    return index


def _asked(vectors: Vectors, questions: Vectors | None, rng: np.random.Generator) -> Vectors:
    """At most _TUNING_QUESTIONS of the questions, or points half-way between rows."""
    if questions is not None and len(questions):
        chosen = rng.choice(len(questions), min(len(questions), _TUNING_QUESTIONS), replace=False)
        return np.ascontiguousarray(questions[np.sort(chosen)], np.float32)
    pairs = rng.choice(len(vectors), (2, _TUNING_QUESTIONS))
    between = np.ascontiguousarray(vectors[pairs[0]] + vectors[pairs[1]], np.float32)
    faiss.normalize_L2(between)
    return between


def _tune(index: faiss.IndexIVFFlat, questions: Vectors) -> None:
    """Search as few lists as find RECALL of the rows nearest to the questions."""
    index.nprobe = index.nlist
    _, exact = index.search(questions, _TUNING_K)
    lists = 1
    while lists < index.nlist:
        index.nprobe = lists
        _, found = index.search(questions, _TUNING_K)
        shared = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), exact.tolist(), strict=True))
        if shared >= RECALL * exact.size:
            return
        lists = max(lists + 1, int(lists * 1.3))
    index.nprobe = index.nlist
