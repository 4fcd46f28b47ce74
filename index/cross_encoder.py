"""A cross-encoder reads the question together with each of the first entries and orders them anew.

None ships: it is for those who bring one from sentence-transformers, which needs the group `models` (torch). Whether
one helps, and with which weight, `python -m eval cross-encoder` tells.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.contents import Contents
from index.encoder import Encoder
from index.errors import EncoderUnavailable
from index.retrieval import Hit, Query, Ranker, Ranking

Logits = npt.NDArray[np.float32]


class CrossEncoder(Protocol):
    def logits(self, question: str, texts: Sequence[str]) -> Logits:
        """How well each text answers, float32 (n,), before any sigmoid."""
        ...


class SentenceTransformerCrossEncoder:
    """A sentence-transformers cross-encoder with one output, by hub id or local folder. Thread-safe.

    Raises EncoderUnavailable when the packages or the model are missing, or the model has more outputs.
    """

    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import CrossEncoder
            from torch.nn import Identity
        except ImportError as error:
            raise EncoderUnavailable(
                f"The cross-encoder {model!r} needs sentence-transformers. Install it with `make models`."
            ) from error
        try:
            self._model = CrossEncoder(model, device="cpu", activation_fn=Identity())
        except Exception as error:  # the library raises a different type for each way a model can be missing
            raise EncoderUnavailable(
                f"The cross-encoder {model!r} cannot be loaded ({error}). Set CROSS_ENCODER to a hub id that can be "
                "reached or a local folder, or leave it out."
            ) from error
        if self._model.num_labels != 1:
            raise EncoderUnavailable(
                f"The cross-encoder {model!r} has {self._model.num_labels} outputs, not one score. Set CROSS_ENCODER "
                "to a reranking model."
            )
        self._lock = threading.Lock()

    def logits(self, question: str, texts: Sequence[str]) -> Logits:
        if not texts:
            return np.zeros(0, np.float32)
        with self._lock:
            found = self._model.predict([(question, text) for text in texts], show_progress_bar=False)
        return np.asarray(found, np.float32).reshape(len(texts))


@dataclass(frozen=True, slots=True)
class Reranker:
    """A cross-encoder, how many entries it reads, and the weight of its logits beside the fused score."""

    cross_encoder: CrossEncoder
    entries: int
    weight: float

    def logits(self, ranking: Ranking) -> Logits:
        """Of the entries that are read, float32 (n,), by their best passages."""
        texts = [entry.passage.searchable for entry in ranking.entries[: self.entries]]
        return self.cross_encoder.logits(ranking.query.text, texts)

    def rerank(self, ranking: Ranking) -> Ranking:
        return reordered(ranking, self.logits(ranking), self.weight)


def reordered(ranking: Ranking, logits: Logits, weight: float) -> Ranking:
    """The first entries by fused score + weight * logit; the others follow as they were.

    Logits count from their largest, so that no score becomes larger than the fused one.
    """
    if not len(logits):
        return ranking
    lowered = weight * (logits - logits.max())
    read = [
        replace(entry, score=entry.score + float(change))
        for entry, change in zip(ranking.entries[: len(logits)], lowered, strict=True)
    ]
    read.sort(key=lambda entry: -entry.score)
    return replace(ranking, entries=(*read, *ranking.entries[len(logits) :]))


class RerankedRetriever:
    """Another retriever's rankings, read once more by a cross-encoder."""

    def __init__(self, ranker: Ranker, reranker: Reranker) -> None:
        self.ranker = ranker
        self.reranker = reranker

    @property
    def encoder(self) -> Encoder:
        return self.ranker.encoder

    @property
    def snapshot(self) -> Contents:
        return self.ranker.snapshot

    def search(self, query: Query, k: int) -> Sequence[Hit]:
        return [Hit(entry.passage, entry.score) for entry in self.rank(query).entries[:k]]

    def rank(self, query: Query) -> Ranking:
        return self.reranker.rerank(self.ranker.rank(query))
