"""Hybrid search: dense and lexical candidates, grouped by entry, scored by all signals, fused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from corpus.languages import REFERENCE_LANGUAGE
from index.encoder import Encoded, Encoder
from index.fusion import FEATURES, Fusion
from index.late_interaction import max_sim
from index.lexical import LexicalIndex
from index.references import ReferenceMatcher
from index.retrieval import Hit, Query, RankedEntry, Ranking
from index.snapshot import Snapshot, comparable

CANDIDATE_ROWS = 200  # rows that each leg proposes
CANDIDATES = 40  # entries that are scored in full
RERANKED_ROWS = 48  # passages, and as many keys, that MaxSim compares
_BEST_KEYS = 3


class HybridRetriever:
    """Searches one snapshot. Thread-safe."""

    def __init__(self, snapshot: Snapshot, encoder: Encoder, fusion: Fusion) -> None:
        self.snapshot = snapshot
        self._encoder = encoder
        self._fusion = fusion
        self._references = ReferenceMatcher(snapshot.entries)
        # An imported article may be a mere heading over its paragraphs: there is nothing in it to quote.
        self._has_text = snapshot.passage_ranges[:, 1] > snapshot.passage_ranges[:, 0]

    @property
    def encoder(self) -> Encoder:
        return self._encoder

    def search(self, query: Query, k: int) -> Sequence[Hit]:
        ranking = self.rank(query)
        return [Hit(entry.passage, entry.score) for entry in ranking.entries[:k]]

    def rank(self, query: Query) -> Ranking:
        """Entries, best first."""
        s = self.snapshot
        encoded = self._encoder.encode(query.text, "query")
        question = comparable(s, encoded.sentence, query.language)
        allowed = self._allowed(query)
        lexical = self._lexical(query, allowed)
        candidates = self._candidates(encoded, question, lexical, allowed)
        if not len(candidates):
            return Ranking(query, (), self._negative(question), encoded)
        features = np.zeros((len(candidates), len(FEATURES)), np.float32)
        best_passage = self._text_features(encoded, candidates, features, query.language)
        self._key_features(encoded, question, candidates, features)
        for name, scores in lexical.items():
            features[:, FEATURES.index(name)] = scores[candidates]
        fused = self._fusion.scores(features)
        order = np.argsort(-fused, kind="stable")
        entries = tuple(
            RankedEntry(
                doc_id=s.entries[candidates[i]][0],
                entry_id=s.entries[candidates[i]][1],
                score=float(fused[i]),
                features=features[i],
                passage=s.passages[best_passage[i]],
            )
            for i in order
        )
        return Ranking(query, entries, self._negative(question), encoded)

    def _allowed(self, query: Query) -> npt.NDArray[np.bool_] | None:
        """Which entries may be found, bool (e,); None for all."""
        if query.documents is None:
            return None
        return np.array([doc_id in query.documents for doc_id, _ in self.snapshot.entries])

    def _lexical(self, query: Query, allowed: npt.NDArray[np.bool_] | None) -> dict[str, npt.NDArray[np.float32]]:
        """Feature name to each entry's best BM25 score, or to its likeness with a reference named; float32 (e,)."""
        s = self.snapshot
        legs = {
            "lexical_text": s.lexical_text.get(query.language),
            "lexical_key": s.lexical_key.get(query.language),
            "lexical_reference": s.lexical_text.get(REFERENCE_LANGUAGE),
        }
        found = {name: _best_by_entry(leg, query.text, len(s.entries)) for name, leg in legs.items()}
        found["reference"] = self._references.scores(query.text)
        if allowed is None:
            return found
        return {name: np.where(allowed, scores, np.float32(0)) for name, scores in found.items()}

    def _candidates(
        self,
        encoded: Encoded,
        question: npt.NDArray[np.float32],
        lexical: dict[str, npt.NDArray[np.float32]],
        allowed: npt.NDArray[np.bool_] | None,
    ) -> npt.NDArray[np.int64]:
        """Entry numbers proposed by any leg, each leg in turn giving its next best, at most CANDIDATES."""
        s = self.snapshot
        rows = (
            None
            if allowed is None
            else (np.flatnonzero(allowed[s.passage_entries]), np.flatnonzero(allowed[s.key_entries]))
        )
        passages, _ = s.passage_index.search(encoded.sentence, CANDIDATE_ROWS, rows and rows[0])
        keys, _ = s.key_index.search(question, CANDIDATE_ROWS, rows and rows[1])
        legs = [_distinct(s.passage_entries[passages]), _distinct(s.key_entries[keys])]
        for scores in lexical.values():
            legs.append(_best(scores, CANDIDATES))
        chosen: dict[int, None] = {}
        for place in range(CANDIDATES):
            for leg in legs:
                if place < len(leg) and len(chosen) < CANDIDATES and self._has_text[leg[place]]:
                    chosen.setdefault(leg[place])
        return np.array(sorted(chosen), np.int64)

    def _text_features(
        self, encoded: Encoded, candidates: npt.NDArray[np.int64], features: npt.NDArray[np.float32], language: str
    ) -> list[int]:
        """Fill in the passages' features; returns the row of each candidate's best passage."""
        s = self.snapshot
        rows, owners = _rows(s.passage_ranges, candidates)
        cosines = s.passage_texts.vectors[rows] @ encoded.sentence
        own = np.array([s.passages[row].language in (language, REFERENCE_LANGUAGE, "en") for row in rows])
        reranked = _best_rows(cosines + own, owners, RERANKED_ROWS)
        likeness = np.full(len(rows), -1.0, np.float32)
        likeness[reranked] = max_sim(encoded, s.passage_texts, rows[reranked].tolist(), symmetric=False)
        best: list[int] = []
        for place in range(len(candidates)):
            mine = np.flatnonzero(owners == place)
            features[place, FEATURES.index("text_dense")] = cosines[mine].max()
            top = mine[likeness[mine].argmax()]
            features[place, FEATURES.index("text_maxsim")] = max(likeness[top], 0.0)
            best.append(int(rows[top if likeness[top] > 0 else mine[cosines[mine].argmax()]]))
        return best

    def _key_features(
        self,
        encoded: Encoded,
        question: npt.NDArray[np.float32],
        candidates: npt.NDArray[np.int64],
        features: npt.NDArray[np.float32],
    ) -> None:
        s = self.snapshot
        rows, owners = _rows(s.key_ranges, candidates)
        if not len(rows):
            return
        cosines = s.key_vectors[rows] @ question
        reranked = _best_rows(cosines, owners, RERANKED_ROWS)
        likeness = np.zeros(len(rows), np.float32)
        likeness[reranked] = max_sim(encoded, s.key_texts, rows[reranked].tolist(), symmetric=True)
        for place in range(len(candidates)):
            mine = np.flatnonzero(owners == place)
            if not len(mine):
                continue
            best = np.sort(cosines[mine])[::-1][:_BEST_KEYS]
            features[place, FEATURES.index("key_dense")] = best.mean()
            features[place, FEATURES.index("key_best")] = best[0]
            features[place, FEATURES.index("key_maxsim")] = likeness[mine].max()

    def _negative(self, question: npt.NDArray[np.float32]) -> dict[str, float]:
        s = self.snapshot
        if not len(s.negatives):
            return {}
        cosines = s.negative_vectors @ question
        nearest: dict[str, float] = {}
        for negative, cosine in zip(s.negatives, cosines.tolist(), strict=True):
            nearest[negative.kind] = max(cosine, nearest.get(negative.kind, 0.0))
        return nearest


def _best_by_entry(leg: LexicalIndex | None, text: str, entries: int) -> npt.NDArray[np.float32]:
    best = np.zeros(entries, np.float32)
    if leg is not None and len(leg.rows):
        # Rows are sorted by what they belong to.
        starts = np.flatnonzero(np.diff(leg.rows, prepend=-1))
        best[leg.rows[starts]] = np.maximum.reduceat(leg.scores(text), starts)
    return best


def _best(scores: npt.NDArray[np.float32], limit: int) -> list[int]:
    """Places of the best scores above 0, best first, earlier before later; without sorting all."""
    above = np.flatnonzero(scores > 0)
    if len(above) > limit:
        least = np.partition(scores[above], -limit)[-limit]
        above = above[scores[above] >= least]
    return [int(place) for place in above[np.argsort(-scores[above], kind="stable")][:limit]]


def _distinct(numbers: npt.NDArray[np.int64]) -> list[int]:
    return list(dict.fromkeys(numbers.tolist()))


def _rows(
    ranges: npt.NDArray[np.int64], candidates: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows of all candidates, and for each row the place of its candidate."""
    spans = [np.arange(start, end) for start, end in ranges[candidates]]
    owners = np.repeat(np.arange(len(candidates)), [len(span) for span in spans])
    return (np.concatenate(spans) if spans else np.zeros(0, np.int64)).astype(np.int64), owners.astype(np.int64)


def _best_rows(scores: npt.NDArray[np.float32], owners: npt.NDArray[np.int64], limit: int) -> npt.NDArray[np.int64]:
    """Places of the rows to compare in full: each owner's best, then the best of all, at most `limit` (or one each)."""
    order = np.argsort(-scores, kind="stable")
    _, firsts = np.unique(owners[order], return_index=True)
    chosen = dict.fromkeys(order[np.sort(firsts)].tolist())
    for place in order.tolist():
        if len(chosen) >= limit:
            break
        chosen.setdefault(place)
    return np.array(sorted(chosen), np.int64)
