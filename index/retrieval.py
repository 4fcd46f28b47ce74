"""What is asked of an index, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from corpus.passages import Passage
from index.contents import Contents
from index.encoder import Encoded, Encoder


@dataclass(frozen=True, slots=True)
class Query:
    """A question in a language (ISO 639-1); `documents` limits the search, None searches all."""

    text: str
    language: str
    documents: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and its score; its rank is its place in the list."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class RankedEntry:
    """An entry, its fused score, its features (float32, named by `index.fusion.FEATURES`) and its best passage."""

    doc_id: str
    entry_id: str
    score: float
    features: npt.NDArray[np.float32]
    passage: Passage


@dataclass(frozen=True, slots=True)
class Ranking:
    """Entries, best first, and how near the question comes to those known to be unanswered.

    `query` is the question as it was searched for, its spelling mended (`index.spelling`).
    `negative` maps a kind ("near_miss", "off_topic", "hostile") to the likeness of its nearest question, 0 where
    there is none; the likeness of the best key is comparable with it.
    """

    query: Query
    entries: tuple[RankedEntry, ...]
    negative: dict[str, float]
    encoded: Encoded


class Retriever(Protocol):
    def search(self, query: Query, k: int) -> Sequence[Hit]:
        """At most k hits, best first."""
        ...


class Ranker(Retriever, Protocol):
    """A retriever that tells all signals, and what its index holds."""

    @property
    def encoder(self) -> Encoder: ...

    @property
    def snapshot(self) -> Contents: ...

    def rank(self, query: Query) -> Ranking:
        """Entries, best first."""
        ...
