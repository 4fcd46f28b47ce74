"""BM25 over rows of terms, one index per language, memory-mapped. Source: bm25s (Lù, 2024), Lucene's variant."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt

from index.analysis import terms
from index.texts import mapped

K1, B = 1.2, 0.75


class LexicalIndex:
    """Scores of every row for a question. `rows` maps a row to the number of what it belongs to, int64 (n,)."""

    def __init__(self, language: str, engine: bm25s.BM25, rows: npt.NDArray[np.int64]) -> None:
        self.language = language
        self.rows = rows
        self._engine = engine

    @classmethod
    def build(cls, language: str, texts: Sequence[str], rows: npt.NDArray[np.int64]) -> LexicalIndex:
        engine = bm25s.BM25(k1=K1, b=B, method="lucene")
        engine.index([terms(text, language) or ["\0"] for text in texts], show_progress=False)
        return cls(language, engine, rows)

    def save(self, folder: Path) -> None:
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        self._engine.save(str(folder), show_progress=False)
        np.save(folder / "rows.npy", self.rows)

    @classmethod
    def load(cls, language: str, folder: Path) -> LexicalIndex:
        engine = bm25s.BM25.load(str(folder), mmap=True, load_corpus=False)
        # Plain arrays over the same mapping: numpy's memmap takes microseconds to slice.
        engine.scores = {
            name: part.view(np.ndarray) if isinstance(part, np.memmap) else part for name, part in engine.scores.items()
        }
        return cls(language, engine, mapped(folder / "rows.npy"))

    def scores(self, question: str) -> npt.NDArray[np.float32]:
        """float32 (n,), in [0, 1): the BM25 score over the most that a row could have with these terms."""
        known = [term for term in dict.fromkeys(terms(question, self.language)) if term in self._engine.vocab_dict]
        if not known:
            return np.zeros(len(self.rows), np.float32)
        raw = np.asarray(self._engine.get_scores(known), np.float32)
        # BM25 has no fixed top: the sum over terms of the best row's share is the most that any row could reach.
        return raw / np.float32(self._bound(known))

    def _bound(self, known: list[str]) -> float:
        data, pointers = self._engine.scores["data"], self._engine.scores["indptr"]
        bound = 0.0
        for term in known:
            number = self._engine.vocab_dict[term]
            column = data[int(pointers[number]) : int(pointers[number + 1])]
            bound += float(column.max()) if len(column) else 0.0
        return max(bound, 1e-6)
