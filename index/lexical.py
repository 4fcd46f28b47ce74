"""BM25 over rows of terms, one index per language, memory-mapped. Source: bm25s (Lù, 2024), Lucene's variant."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt

from index.analysis import terms
from index.matches import Matches, Posting, Scored, Sifted
from index.texts import mapped

K1, B = 1.2, 0.75

SCORED_UP_TO = 50_000
"""Rows up to which a question scores every row; of more, only those that may be among the best
(eval/benchmarks/README.md)."""

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


class LexicalIndex:
    """What a question's words find. `rows` maps a row to the number of what it belongs to, int64 (n,), ascending."""

    def __init__(self, language: str, engine: bm25s.BM25, rows: Numbers) -> None:
        self.language = language
        self.rows = rows
        self._engine = engine

    @classmethod
    def build(cls, language: str, texts: Iterable[str], rows: Numbers) -> LexicalIndex:
        """The texts are read once, one after the other, and are not kept."""
        engine = bm25s.BM25(k1=K1, b=B, method="lucene")
        vocabulary: dict[str, int] = {}
        # Four bytes a term; as strings they would take sixty.
        numbered = [array("i", _numbers(terms(text, language) or ["\0"], vocabulary)) for text in texts]
        engine.index((numbered, vocabulary), show_progress=False)
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

    def ask(self, question: str, count: int) -> Matches:
        """Scores of the numbers from 0 to below `count`: of each its best row's."""
        if len(self.rows) > SCORED_UP_TO:
            postings = self._postings(question)
            return Sifted(self.rows, postings, _bound(postings))
        scores = np.zeros(count, np.float32)
        if len(self.rows):
            starts = np.flatnonzero(np.diff(self.rows, prepend=-1))
            scores[self.rows[starts]] = np.maximum.reduceat(self.scores(question), starts)
        return Scored(scores)

    def columns(self) -> Iterator[tuple[str, Numbers, Scores]]:
        """Each term, the places in `rows` of the texts that have it, and its BM25 weight in each."""
        data, places, pointers = (self._engine.scores[name] for name in ("data", "indices", "indptr"))
        for term, number in self._engine.vocab_dict.items():
            if number + 1 < len(pointers):  # the engine adds an empty term that no text has
                start, end = int(pointers[number]), int(pointers[number + 1])
                yield term, places[start:end], data[start:end]

    def scores(self, question: str) -> Scores:
        """float32 (n,), in [0, 1): the BM25 score over the most that a row could have with these terms."""
        postings = self._postings(question)
        scores = np.zeros(len(self.rows), np.float32)
        for posting in postings:
            scores[posting.rows] += posting.weights
        return scores / np.float32(_bound(postings))

    def _postings(self, question: str) -> list[Posting]:
        known = [term for term in dict.fromkeys(terms(question, self.language)) if term in self._engine.vocab_dict]
        data, places, pointers = (self._engine.scores[name] for name in ("data", "indices", "indptr"))
        spans = [
            (int(pointers[number]), int(pointers[number + 1]))
            for number in (self._engine.vocab_dict[term] for term in known)
        ]
        return [Posting(places[start:end], data[start:end]) for start, end in spans if start < end]


def _bound(postings: list[Posting]) -> float:
    """BM25 has no fixed top: the sum over terms of the best row's share is the most that any row could reach."""
    return max(sum(posting.most for posting in postings), 1e-6)


def _numbers(words: list[str], vocabulary: dict[str, int]) -> Iterator[int]:
    return (vocabulary.setdefault(word, len(vocabulary)) for word in words)
