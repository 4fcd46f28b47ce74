"""Hybrid search: dense and lexical candidates, grouped by entry, scored by all signals, fused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from corpus.languages import REFERENCE_LANGUAGE
from index.dense import best
from index.encoder import Encoded, Encoder
from index.fusion import FEATURES, Fusion
from index.late_interaction import max_sim
from index.matches import Matches, Scored
from index.references import ReferenceMatcher
from index.retrieval import Hit, Query, RankedEntry, Ranking
from index.segments import segment_rows
from index.signals import best_rows, interleaved, key_signals, own_languages, text_signals
from index.snapshot import Snapshot, comparable

CANDIDATE_ROWS = 200  # rows that each leg proposes
CANDIDATES = 40  # entries that are scored in full
RERANKED_ROWS = 48  # passages, and as many keys, that MaxSim compares


class HybridRetriever:
    """Searches one snapshot. Thread-safe."""

    def __init__(self, snapshot: Snapshot, encoder: Encoder, fusion: Fusion) -> None:
        self.snapshot = snapshot
        self._encoder = encoder
        self._fusion = fusion
        self._references = ReferenceMatcher(snapshot.entries)
        self._documents, self._entry_documents = _numbered(doc_id for doc_id, _ in snapshot.entries)
        # An imported article may be a mere heading over its paragraphs: there is nothing in it to quote.
        self._has_text = snapshot.passage_ranges[:, 1] > snapshot.passage_ranges[:, 0]
        self._numbers, self._languages = _numbered(passage.language for passage in snapshot.passages)
        kinds = np.array([negative.kind for negative in snapshot.negatives])
        self._negatives = {str(kind): np.flatnonzero(kinds == kind) for kind in np.unique(kinds)}

    @property
    def encoder(self) -> Encoder:
        return self._encoder

    def search(self, query: Query, k: int) -> Sequence[Hit]:
        ranking = self.rank(query)
        return [Hit(entry.passage, entry.score) for entry in ranking.entries[:k]]

    def rank(self, query: Query) -> Ranking:
        """Entries, best first."""
        s = self.snapshot
        query = replace(query, text=s.spelling.corrected(query.text, query.language))
        encoded = self._encoder.encode(query.text, "query")
        question = comparable(s, encoded.sentence, query.language)
        allowed = self._allowed(query)
        lexical = self._lexical(query)
        key_scores = s.key_index.scores(question)
        candidates = self._candidates(encoded, question, key_scores, lexical, allowed)
        if not len(candidates):
            return Ranking(query, (), self._negative(question), encoded)
        features = np.zeros((len(candidates), len(FEATURES)), np.float32)
        best_passage = self._text_features(encoded, candidates, features, query.language)
        self._key_features(encoded, question, key_scores, candidates, features)
        for name, matches in lexical.items():
            features[:, FEATURES.index(name)] = matches.of(candidates)
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
        wanted = np.zeros(len(self._documents), np.bool_)
        wanted[[self._documents[doc_id] for doc_id in query.documents if doc_id in self._documents]] = True
        return wanted[self._entry_documents]

    def _lexical(self, query: Query) -> dict[str, Matches]:
        """Feature name to each entry's best BM25 score, or to its likeness with a reference named."""
        s = self.snapshot
        legs = {
            "lexical_text": s.lexical_text.get(query.language),
            "lexical_key": s.lexical_key.get(query.language),
            "lexical_reference": s.lexical_text.get(REFERENCE_LANGUAGE),
            "lexical_entry": s.lexical_entry.get(query.language),
        }
        found = {name: leg.ask(query.text, len(s.entries)) for name, leg in legs.items() if leg is not None}
        return found | {"reference": Scored(self._references.scores(query.text))}

    def _candidates(
        self,
        encoded: Encoded,
        question: npt.NDArray[np.float32],
        key_scores: npt.NDArray[np.float32] | None,
        lexical: dict[str, Matches],
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
        if key_scores is not None:
            keys, _ = best(key_scores, CANDIDATE_ROWS, rows and rows[1])
        else:
            keys, _ = s.key_index.search(question, CANDIDATE_ROWS, rows and rows[1])
        legs = [_distinct(s.passage_entries[passages]), _distinct(s.key_entries[keys])]
        legs += [matches.best(CANDIDATES, allowed) for matches in lexical.values()]
        return interleaved(legs, CANDIDATES, lambda entry: bool(self._has_text[entry]))

    def _text_features(
        self, encoded: Encoded, candidates: npt.NDArray[np.int64], features: npt.NDArray[np.float32], language: str
    ) -> list[int]:
        """Fill in the passages' features; returns the row of each candidate's best passage."""
        s = self.snapshot
        rows, starts = segment_rows(s.passage_ranges[candidates])  # each candidate has a passage
        cosines = s.passage_texts.vectors[rows] @ encoded.sentence
        spoken = self._languages[rows]
        own = np.isin(spoken, [self._numbers.get(name, -1) for name in own_languages(language)])
        reranked = best_rows(cosines + own, starts, RERANKED_ROWS)
        likeness = np.full(len(rows), -1.0, np.float32)
        likeness[reranked] = max_sim(encoded, s.passage_texts, rows[reranked].tolist(), symmetric=False)
        chosen: list[int] = rows[text_signals(features, cosines, likeness, starts)].tolist()
        return chosen

    def _key_features(
        self,
        encoded: Encoded,
        question: npt.NDArray[np.float32],
        key_scores: npt.NDArray[np.float32] | None,
        candidates: npt.NDArray[np.int64],
        features: npt.NDArray[np.float32],
    ) -> None:
        s = self.snapshot
        asked = np.flatnonzero(s.key_ranges[candidates, 0] < s.key_ranges[candidates, 1])
        if not len(asked):
            return
        rows, starts = segment_rows(s.key_ranges[candidates[asked]])
        cosines = key_scores[rows] if key_scores is not None else s.key_vectors[rows] @ question
        reranked = best_rows(cosines, starts, RERANKED_ROWS)
        likeness = np.zeros(len(rows), np.float32)
        likeness[reranked] = max_sim(encoded, s.key_texts, rows[reranked].tolist(), symmetric=True)
        key_signals(features, asked, cosines, likeness, starts)

    def _negative(self, question: npt.NDArray[np.float32]) -> dict[str, float]:
        if not self._negatives:
            return {}
        cosines = self.snapshot.negative_vectors @ question
        return {kind: max(0.0, float(cosines[places].max())) for kind, places in self._negatives.items()}


def _numbered(names: Iterable[str]) -> tuple[dict[str, int], npt.NDArray[np.int32]]:
    """A number for each distinct name, and the names as these numbers."""
    numbers: dict[str, int] = {}
    return numbers, np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int32)


def _distinct(numbers: npt.NDArray[np.int64]) -> list[int]:
    return list(dict.fromkeys(numbers.tolist()))
