"""BM25 over rows of terms, one index per language, memory-mapped. Source: bm25s (Lù, 2024), Lucene's variant.

bm25s works out the weights; they are kept as plain arrays by the terms' hashes, which a search needs no vocabulary
in memory for.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.analysis import grams, terms
from index.matches import Matches, Posting, Scored, Sifted
from index.segments import segment_rows
from index.texts import mapped

SCORED_UP_TO = 50_000
"""Rows up to which a question scores every row; of more, only those that may be among the best
(eval/benchmarks/README.md)."""

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Analyzer:
    """How a text becomes terms, `split(text, language)`, and BM25's two constants for them."""

    split: Callable[[str, str], list[str]]
    k1: float
    b: float


WORDS = Analyzer(terms, k1=1.2, b=0.75)
GRAMS = Analyzer(grams, k1=0.6, b=0.4)
"""For an entry's text and questions together. Constants chosen on development questions (eval/LOG.md)."""


@dataclass(frozen=True, slots=True)
class _Postings:
    """Of term i, known by `terms[i]` (uint64, ascending), the places `ends[i - 1]:ends[i]` of `rows` (int32, ascending
    within a term) and `weights` (float32, above 0)."""

    terms: npt.NDArray[np.uint64]
    ends: Numbers
    rows: npt.NDArray[np.int32]
    weights: Scores

    def spans(self, wanted: Sequence[int]) -> Numbers:
        """Half-open ranges of places, int64 (n, 2), of those terms that there are, in the order given."""
        if not len(self.terms) or not wanted:
            return np.zeros((0, 2), np.int64)
        hashes = np.array(wanted, np.uint64)
        at = np.minimum(np.searchsorted(self.terms, hashes), len(self.terms) - 1)
        at = at[self.terms[at] == hashes]
        return np.stack([np.where(at > 0, self.ends[at - 1], 0), self.ends[at]], axis=1)


_PARTS = ("terms", "ends", "rows", "weights")


class LexicalIndex:
    """What a question's words find. `rows` maps a row to the number of what it belongs to, int64 (n,), ascending."""

    def __init__(self, language: str, postings: _Postings, rows: Numbers, analyzer: Analyzer) -> None:
        self.language = language
        self.rows = rows
        self._postings_of = postings
        self._analyzer = analyzer

    @classmethod
    def build(cls, language: str, texts: Iterable[str], rows: Numbers, analyzer: Analyzer = WORDS) -> LexicalIndex:
        """The texts are read once, one after the other, and are not kept."""
        import bm25s  # searching needs it not

        logging.getLogger("bm25s").setLevel(logging.WARNING)
        engine = bm25s.BM25(k1=analyzer.k1, b=analyzer.b, method="lucene")
        vocabulary: dict[str, int] = {}
        # Four bytes a term; as strings they would take sixty.
        numbered = [array("i", _numbers(analyzer.split(text, language) or ["\0"], vocabulary)) for text in texts]
        engine.index((numbered, vocabulary), show_progress=False)
        known = [(term_hash(term, language), number) for term, number in vocabulary.items() if term not in ("", "\0")]
        known.sort()
        data, places, pointers = (engine.scores[name] for name in ("data", "indices", "indptr"))
        numbers = np.array([number for _, number in known], np.int64)
        ranges = np.stack([pointers[numbers], pointers[numbers + 1]], axis=1).astype(np.int64)
        at = segment_rows(ranges)[0] if len(ranges) else np.zeros(0, np.int64)
        postings = _Postings(
            terms=np.array([value for value, _ in known], np.uint64),
            ends=np.cumsum(ranges[:, 1] - ranges[:, 0]).astype(np.int64),
            rows=places[at].astype(np.int32),
            weights=data[at].astype(np.float32),
        )
        return cls(language, postings, rows, analyzer)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for part in _PARTS:
            np.save(folder / f"{part}.npy", getattr(self._postings_of, part))
        np.save(folder / "owners.npy", self.rows)

    @classmethod
    def load(cls, language: str, folder: Path, analyzer: Analyzer = WORDS) -> LexicalIndex:
        postings = _Postings(*(mapped(folder / f"{part}.npy") for part in _PARTS))
        return cls(language, postings, mapped(folder / "owners.npy"), analyzer)

    def ask(self, question: str, count: int) -> Matches:
        """Scores of the numbers from 0 to below `count`: of each its best row's."""
        if len(self.rows) > SCORED_UP_TO:
            postings = self._postings(question)
            return Sifted(self.rows, postings, _bound(posting.most for posting in postings))
        scores = np.zeros(count, np.float32)
        if len(self.rows):
            starts = np.flatnonzero(np.diff(self.rows, prepend=-1))
            scores[self.rows[starts]] = np.maximum.reduceat(self.scores(question), starts)
        return Scored(scores)

    def columns(self) -> Iterator[tuple[int, npt.NDArray[np.int32], Scores]]:
        """Each term's hash, the places in `rows` of the texts that have it, and its BM25 weight in each."""
        found = self._postings_of
        start = 0
        for term, end in zip(found.terms.tolist(), found.ends.tolist(), strict=True):
            yield term, found.rows[start:end], found.weights[start:end]
            start = end

    def scores(self, question: str) -> Scores:
        """float32 (n,), in [0, 1): the BM25 score over the most that a row could have with these terms."""
        spans = self._spans(question)
        scores = np.zeros(len(self.rows), np.float32)
        if not len(spans):
            return scores
        at, starts = segment_rows(spans)
        weights = self._postings_of.weights[at]
        np.add.at(scores, self._postings_of.rows[at], weights)
        return scores / np.float32(_bound(np.maximum.reduceat(weights, starts).tolist()))

    def _postings(self, question: str) -> list[Posting]:
        rows, weights = self._postings_of.rows, self._postings_of.weights
        return [Posting(rows[start:end], weights[start:end]) for start, end in self._spans(question).tolist()]

    def _spans(self, question: str) -> Numbers:
        """Of the question's distinct terms that some row has, where their postings stand."""
        wanted = dict.fromkeys(self._analyzer.split(question, self.language))
        return self._postings_of.spans([term_hash(term, self.language) for term in wanted])


def term_hash(term: str, language: str) -> int:
    """What a term is known by, 64 bits: two terms share one about once in ten billion billion pairs."""
    return int.from_bytes(blake2b(f"{language}\0{term}".encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _bound(most: Iterable[float]) -> float:
    """BM25 has no fixed top: the sum over terms of the best row's share is the most that any row could reach."""
    return max(sum(most), 1e-6)


def _numbers(words: list[str], vocabulary: dict[str, int]) -> Iterator[int]:
    return (vocabulary.setdefault(word, len(vocabulary)) for word in words)
