"""Hybrid search over a version of an index in Milvus: its searches propose and compare, the fusion is ours.

The features are those of `index.hybrid`, in at most four waves of requests, each wave at once: what every leg
proposes; how the candidates fare on every leg; the token vectors that MaxSim compares; passages still to be shown. No
reply holds more than some thousand small rows, however large the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from corpus.languages import REFERENCE_LANGUAGE
from corpus.passages import Passage
from index.encoder import Encoded, Encoder
from index.fusion import FEATURES, Fusion
from index.hybrid import CANDIDATE_ROWS, CANDIDATES, RERANKED_ROWS
from index.late_interaction import max_sim
from index.lexical import GRAMS, WORDS, Analyzer, term_hash
from index.milvus import MOST_HITS
from index.milvus_contents import MilvusContents, among, quoted
from index.milvus_rows import dimension_of, filled, read_passage, read_texts
from index.references import ReferenceMatcher, find_references
from index.retrieval import Hit, Query, RankedEntry, Ranking
from index.signals import BEST_KEYS, best_rows, interleaved, key_signals, own_languages, text_signals

ROWS = 1024
"""Rows that a search among candidates asks for at first; no fewer than RERANKED_ROWS, which are the best of all."""

_THREADS = 8
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to search: `vector` dense, or term places to 1; `where` limits it, where it is not empty."""

    partition: str
    field: str
    vector: Any
    where: str = ""

    def within(self, where: str) -> Leg:
        return Leg(self.partition, self.field, self.vector, " and ".join(part for part in (self.where, where) if part))


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a search: their ids, entries, languages and scores, best first."""

    ids: list[int]
    entries: list[int]
    languages: list[str]
    scores: list[float]

    def best(self) -> dict[int, float]:
        """Entry to its best score."""
        found: dict[int, float] = {}
        for entry, score in zip(self.entries, self.scores, strict=True):
            found.setdefault(entry, score)
        return found


class CandidateRows:
    """Rows of candidates, each once, in groups by candidate: arrays (n,). `asked` are the places of the candidates
    that have rows, and `starts` where the group of each begins."""

    def __init__(self, candidates: npt.NDArray[np.int64], *found: Found) -> None:
        rows = {
            row[1]: row
            for part in found
            for row in zip(part.entries, part.ids, part.languages, part.scores, strict=True)
        }
        ordered = sorted(rows.values())
        self.ids = [row[1] for row in ordered]
        self.languages = np.array([row[2] for row in ordered], np.str_)
        self.cosines = np.array([row[3] for row in ordered], np.float32)
        entries = np.array([row[0] for row in ordered], np.int64)
        self.asked = np.flatnonzero(np.isin(candidates, entries))
        self.starts = np.searchsorted(entries, candidates[self.asked]).astype(np.int64)


class MilvusRetriever:
    """Searches one version. Thread-safe."""

    def __init__(self, contents: MilvusContents, encoder: Encoder, fusion: Fusion) -> None:
        self.snapshot = contents
        self._encoder = encoder
        self._fusion = fusion
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="milvus")
        kinds = contents.negative_kinds
        self._negatives = {str(kind): np.flatnonzero(kinds == kind) for kind in np.unique(kinds)}

    @property
    def encoder(self) -> Encoder:
        return self._encoder

    def search(self, query: Query, k: int) -> Sequence[Hit]:
        return [Hit(entry.passage, entry.score) for entry in self.rank(query).entries[:k]]

    def rank(self, query: Query) -> Ranking:
        """Entries, best first. Raises StoreUnavailable."""
        query = replace(query, text=self.snapshot.spelling.corrected(query.text, query.language))
        encoded = self._encoder.encode(query.text, "query")
        question = self.snapshot.comparable(encoded.sentence, query.language)
        negative = {
            kind: max(0.0, float((self.snapshot.negative_vectors[places] @ question).max()))
            for kind, places in self._negatives.items()
        }
        if query.documents == ():
            return Ranking(query, (), negative, encoded)
        where = "" if query.documents is None else among("doc_id", query.documents)
        texts = Leg("passages", "dense", encoded.sentence, where)
        keys = Leg("keys", "dense", filled(question, self.snapshot.manifest.dimension), where)
        words = _word_legs(query, where)
        # What every leg proposes.
        nearest, nearest_keys, references, *matched = self._at_once(
            partial(self._found, texts, CANDIDATE_ROWS),
            partial(self._found, keys, CANDIDATE_ROWS),
            partial(self._references, query.text, where),
            *(partial(self._matched, leg) for leg in words.values()),
        )
        legs = [list(dict.fromkeys(nearest.entries)), list(dict.fromkeys(nearest_keys.entries))]
        legs += [_ordered(scores) for scores in (*matched, references)]
        candidates = interleaved(legs, CANDIDATES, lambda _: True)
        if not len(candidates):
            return Ranking(query, (), negative, encoded)
        # How the candidates fare on every leg.
        own = texts.within(among("language", own_languages(query.language)))
        all_texts, own_texts, all_keys, bounds, *compared = self._at_once(
            partial(self._rows_of, texts, candidates.tolist(), 1),
            partial(self._rows_of, own, candidates.tolist(), 1),
            partial(self._rows_of, keys, candidates.tolist(), BEST_KEYS),
            partial(self._bounds, words),
            *(
                partial(self._scores_of, leg, candidates.tolist(), scores)
                for leg, scores in zip(words.values(), matched, strict=True)
            ),
        )
        features = np.zeros((len(candidates), len(FEATURES)), np.float32)
        for name, scores in zip(words, compared, strict=True):
            raw = np.array([scores.get(entry, 0.0) for entry in candidates.tolist()], np.float32)
            features[:, FEATURES.index(name)] = raw / np.float32(bounds[name])
        features[:, FEATURES.index("reference")] = [references.get(entry, 0.0) for entry in candidates.tolist()]
        passages = self._compare(
            encoded,
            CandidateRows(candidates, all_texts, own_texts),
            CandidateRows(candidates, all_keys),
            query.language,
            features,
        )
        fused = self._fusion.scores(features)
        entries = tuple(
            RankedEntry(
                doc_id=passages[place].doc_id,
                entry_id=passages[place].entry_id,
                score=float(fused[place]),
                features=features[place],
                passage=passages[place],
            )
            for place in np.argsort(-fused, kind="stable").tolist()
        )
        return Ranking(query, entries, negative, encoded)

    def _at_once(self, *jobs: Callable[[], Any]) -> list[Any]:
        return [future.result() for future in [self._pool.submit(job) for job in jobs]]

    def _found(self, leg: Leg, limit: int) -> Found:
        hits = self.snapshot.milvus.search(
            self.snapshot.version, leg.partition, leg.field, [leg.vector], limit, ("entry", "language"), leg.where
        )[0]
        return Found(
            ids=[int(hit["id"]) for hit in hits],
            entries=[int(hit["entity"]["entry"]) for hit in hits],
            languages=[str(hit["entity"]["language"]) for hit in hits],
            scores=[float(hit["distance"]) for hit in hits],
        )

    def _matched(self, leg: Leg) -> dict[int, float]:
        """Entry to its best BM25 score, at least the CANDIDATES best entries where there are as many."""
        if not leg.vector:
            return {}
        limit = ROWS // 4
        while True:
            found = self._found(leg, limit)
            best = found.best()
            if len(found.ids) < limit or len(best) >= CANDIDATES or limit >= MOST_HITS:
                return best
            limit = min(4 * limit, MOST_HITS)

    def _rows_of(self, leg: Leg, candidates: Sequence[int], least: int) -> Found:
        """The best rows of the candidates together, and at least the `least` best of each that has as many."""
        ids: list[int] = []
        entries: list[int] = []
        languages: list[str] = []
        scores: list[float] = []
        missing, limit = list(candidates), ROWS
        while missing:
            found = self._found(leg.within(f"entry in {missing}"), limit)
            ids += found.ids
            entries += found.entries
            languages += found.languages
            scores += found.scores
            if len(found.ids) < limit:
                break
            counts = {entry: found.entries.count(entry) for entry in missing}
            missing = [entry for entry in missing if counts[entry] < least]
            limit = min(4 * limit, MOST_HITS)
        return Found(ids, entries, languages, scores)

    def _scores_of(self, leg: Leg, candidates: Sequence[int], known: Mapping[int, float]) -> Mapping[int, float]:
        """Candidate to its best BM25 score; absent where no term is shared."""
        missing = [entry for entry in candidates if entry not in known]
        if not leg.vector or not missing:
            return known
        found = self._rows_of(leg, missing, 1)
        scores: dict[int, float] = dict(known)
        for entry, score in zip(found.entries, found.scores, strict=True):
            scores[entry] = max(score, scores.get(entry, 0.0))
        return scores

    def _bounds(self, words: Mapping[str, Leg]) -> dict[str, float]:
        """Leg to the most that a row could score: over its terms, the sum of the best row's share."""
        bounds = dict.fromkeys(words, 1e-6)
        for partition in dict.fromkeys(leg.partition for leg in words.values()):
            own = [(name, place) for name, leg in words.items() if leg.partition == partition for place in leg.vector]
            if not own:
                continue
            found = self.snapshot.milvus.search(
                self.snapshot.version, partition, "terms", [{place: 1.0} for _, place in own], 1
            )
            for name, leg in words.items():
                most = [hits[0]["distance"] for (n, _), hits in zip(own, found, strict=True) if n == name and hits]
                if leg.partition == partition and most:
                    bounds[name] = max(float(sum(most)), 1e-6)
        return bounds

    def _references(self, text: str, where: str) -> dict[int, float]:
        """Entry to its likeness with a provision that the question names."""
        named = dict.fromkeys("-".join(reference[:2]) for reference in find_references(text))
        if not named:
            return {}
        either = " or ".join(f"reference == {quoted(one)} or reference like {quoted(f'{one}-%')}" for one in named)
        rows = self.snapshot.milvus.query(
            self.snapshot.version,
            "passages",
            f"({either})" + (f" and {where}" if where else ""),
            ["entry", "doc_id", "entry_id"],
        )
        known = sorted({(int(row["entry"]), (str(row["doc_id"]), str(row["entry_id"]))) for row in rows})
        scores = ReferenceMatcher([key for _, key in known]).scores(text).tolist()
        return {entry: score for (entry, _), score in zip(known, scores, strict=True) if score > 0}

    def _compare(
        self,
        encoded: Encoded,
        texts: CandidateRows,
        keys: CandidateRows,
        language: str,
        features: npt.NDArray[np.float32],
    ) -> list[Passage]:
        """Fill in what cosines and token vectors tell; returns each candidate's best passage."""
        own = np.isin(texts.languages, own_languages(language))
        text_places = best_rows(texts.cosines + own, texts.starts, RERANKED_ROWS)
        key_places = best_rows(keys.cosines, keys.starts, RERANKED_ROWS) if keys.ids else np.zeros(0, np.int64)
        text_ids = [texts.ids[place] for place in text_places]
        key_ids = [keys.ids[place] for place in key_places]
        contents = self.snapshot
        rows = {
            int(row["id"]): row
            for row in contents.milvus.query(
                contents.version, None, f"id in {text_ids + key_ids}", ["id", "tokens", "body"]
            )
        }
        likeness = np.full(len(texts.ids), -1.0, np.float32)
        compared = read_texts([rows[identity] for identity in text_ids], contents.manifest)
        likeness[text_places] = max_sim(encoded, compared, range(len(text_ids)), symmetric=False)
        chosen = [texts.ids[place] for place in text_signals(features, texts.cosines, likeness, texts.starts)]
        if keys.ids:
            likeness = np.zeros(len(keys.ids), np.float32)
            compared = read_texts([rows[identity] for identity in key_ids], contents.manifest)
            likeness[key_places] = max_sim(encoded, compared, range(len(key_ids)), symmetric=True)
            key_signals(features, keys.asked, keys.cosines, likeness, keys.starts)
        shown = {identity: read_passage(str(rows[identity]["body"])) for identity in text_ids if identity in rows}
        shown |= contents.passages([identity for identity in dict.fromkeys(chosen) if identity not in shown])
        return [shown[identity] for identity in chosen]


def _word_legs(query: Query, where: str) -> dict[str, Leg]:
    """Feature name to its BM25 search. Terms are a language's own, so the language limits by itself."""

    def leg(partition: str, language: str, analyzer: Analyzer = WORDS) -> Leg:
        places = {dimension_of(term_hash(term, language)): 1.0 for term in analyzer.split(query.text, language)}
        return Leg(partition, "terms", places, where)

    return {
        "lexical_text": leg("passages", query.language),
        "lexical_key": leg("keys", query.language),
        "lexical_reference": leg("passages", REFERENCE_LANGUAGE),
        "lexical_entry": leg("entries", query.language, GRAMS),
    }


def _ordered(scores: Mapping[int, float]) -> list[int]:
    """The best entries, best first, the earlier first among equals."""
    return [entry for entry, score in sorted(scores.items(), key=lambda item: (-item[1], item[0])) if score > 0][
        :CANDIDATES
    ]
