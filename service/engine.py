"""The service's engine: encoder, index and judge loaded from the settings, answers with a cache and a bounded queue."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from typing import TypeVar

from corpus.detection import detector
from index.contents import Contents
from index.cross_encoder import RerankedRetriever, Reranker, SentenceTransformerCrossEncoder
from index.encoder import Encoder, OnnxEncoder, ensure_model
from index.errors import StoreUnavailable
from index.fusion import Fusion
from index.retrieval import Hit, Query, Ranker
from service.answers import Answer
from service.confidence import load_judge
from service.pipeline import Ask, Pipeline
from service.problems import unreached
from service.queue import Queue
from service.settings import Settings
from service.sources import Source, source_of

T = TypeVar("T")


def make_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name. Raises EncoderUnavailable."""
    if settings.encoder == "default":
        return OnnxEncoder(ensure_model(settings.model_dir))
    from index.sentence_transformer import SentenceTransformerEncoder

    return SentenceTransformerEncoder(settings.encoder, settings.encoder_query_prompt, settings.encoder_passage_prompt)


@lru_cache(maxsize=1)
def _cross_encoder(model: str) -> SentenceTransformerCrossEncoder:
    """Loaded once: every snapshot is read by the same one."""
    return SentenceTransformerCrossEncoder(model)


def make_reranker(settings: Settings) -> Reranker | None:
    """The cross-encoder that the settings name, if any. Raises EncoderUnavailable."""
    if settings.cross_encoder is None:
        return None
    return Reranker(
        _cross_encoder(settings.cross_encoder), settings.cross_encoder_entries, settings.cross_encoder_weight
    )


def make_pipeline(settings: Settings, encoder: Encoder, version: str | None = None) -> Pipeline:
    """Load the current index, or the one named. Raises IndexMissing, IndexDamaged, IndexMismatch."""
    return open_pipeline(settings, lambda _: encoder, version)


def open_pipeline(
    settings: Settings,
    open_encoder: Callable[[Settings], Encoder],
    version: str | None = None,
    source: Source | None = None,
) -> Pipeline:
    """Load the current index, or the one named, while encoder and language detector load beside it.

    Raises IndexMissing, IndexDamaged, IndexMismatch, StoreUnavailable or EncoderUnavailable.
    """
    with ThreadPoolExecutor(2) as pool:
        encoder_loading = pool.submit(open_encoder, settings)
        detector_loading = pool.submit(detector, settings.language_detector)
        retriever = open_ranker(settings, encoder_loading.result, version, source)
        return Pipeline(retriever, load_judge(), detector_loading.result(), settings.mailbox)


def open_ranker(
    settings: Settings,
    encoder: Callable[[], Encoder],
    version: str | None = None,
    source: Source | None = None,
    fusion: Fusion | None = None,
) -> Ranker:
    """What ranks without judging: with the fitted weights, unless others are given. Raises as `open_pipeline`."""
    retriever = (source or source_of(settings)).open(version, encoder, fusion)
    reranker = make_reranker(settings)
    return retriever if reranker is None else RerankedRetriever(retriever, reranker)


def make_queue(settings: Settings) -> Queue:
    return Queue(settings.concurrent_questions, settings.queued_questions, settings.timeout_ms)


class Engine:
    """Answers from one snapshot, and remembers its answers. Another snapshot gets another engine, so whoever keeps to
    the engine that a request began with names one index throughout."""

    def __init__(self, settings: Settings, pipeline: Pipeline, queue: Queue | None = None) -> None:
        """Engines of one process share their `queue`."""
        self._settings = settings
        self._pipeline = pipeline
        self.queue = queue or make_queue(settings)
        self._cache: OrderedDict[tuple[object, ...], Answer] = OrderedDict()
        self._cache_lock = Lock()

    @property
    def snapshot(self) -> Contents:
        return self._pipeline.snapshot

    async def answer(self, ask: Ask) -> Answer:
        """Raises UnknownLanguage, UnknownDocument, or Refusal (503) when too busy."""
        key = self._key(ask)
        with self._cache_lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return replace(self._cache[key], question=ask.question)
        answer = await self.work(lambda pipeline: pipeline.answer(ask))
        with self._cache_lock:
            self._cache[key] = answer
            while len(self._cache) > self._settings.answer_cache_entries:
                self._cache.popitem(last=False)
        return answer

    async def search(self, query: Query, k: int) -> list[Hit]:
        return await self.work(lambda pipeline: list(pipeline.retriever.search(query, k)))

    async def work(self, job: Callable[[Pipeline], T]) -> T:
        """Do something with the pipeline, within the same limits. Raises Refusal (503) when too busy, or when the
        index is elsewhere and cannot be reached."""
        try:
            return await self.queue.run(lambda: job(self._pipeline))
        except StoreUnavailable as error:
            raise unreached(error) from error

    def _key(self, ask: Ask) -> tuple[object, ...]:
        text = " ".join(unicodedata.normalize("NFC", ask.question).split())
        # Without a day asked, notes on dates change at midnight.
        day = ask.as_of or datetime.now(UTC).date()
        return (text, ask.language, ask.top_k, ask.documents, day)
