"""Nearest vectors by FAISS, inner product over unit vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

_faiss: Any = faiss  # its type stubs lack the search parameters

FLAT_UP_TO = 50_000
"""Rows from which a graph pays: below, exact search takes milliseconds (eval/LOG.md)."""

_HNSW_LINKS, _HNSW_BUILD, _HNSW_SEARCH = 32, 200, 256


class DenseIndex:
    """Exact while it is small, an HNSW graph from FLAT_UP_TO rows on; the rule stands here only."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: npt.NDArray[np.float32]) -> DenseIndex:
        dimension = vectors.shape[1]
        if len(vectors) <= FLAT_UP_TO:
            index: faiss.Index = faiss.IndexFlatIP(dimension)
        else:
            index = faiss.IndexHNSWFlat(dimension, _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = _HNSW_BUILD
            index.hnsw.efSearch = _HNSW_SEARCH
        index.add(np.ascontiguousarray(vectors, np.float32))
        return cls(index)

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path) -> DenseIndex:
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, vector: npt.NDArray[np.float32], k: int, allowed: npt.NDArray[np.int64] | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Row numbers and scores, best first, at most k; among the `allowed` rows where given."""
        count = min(k, len(self) if allowed is None else len(allowed))
        if count == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        parameters = None
        if allowed is not None:
            selector = faiss.IDSelectorBatch(allowed)
            if isinstance(self._index, faiss.IndexHNSW):
                parameters = _faiss.SearchParametersHNSW(sel=selector, efSearch=_HNSW_SEARCH)
            else:
                parameters = _faiss.SearchParameters(sel=selector)
        scores, rows = self._index.search(vector[None, :].astype(np.float32), count, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]
