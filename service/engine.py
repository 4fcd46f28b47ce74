"""The service's engine: encoder, index and judge loaded from the settings, answers with a cache and a bounded queue."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync

from corpus.detection import detector
from index.encoder import Encoder, OnnxEncoder, ensure_model
from index.fusion import load_fusion
from index.hybrid import HybridRetriever
from index.retrieval import Hit, Query
from index.snapshot import Snapshot, load_snapshot
from service.answers import Answer
from service.confidence import load_judge
from service.pipeline import Ask, Pipeline
from service.problems import Refusal
from service.settings import Settings

T = TypeVar("T")


def make_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name. Raises EncoderUnavailable."""
    if settings.encoder == "default":
        return OnnxEncoder(ensure_model(settings.model_dir))
    from index.sentence_transformer import SentenceTransformerEncoder

    return SentenceTransformerEncoder(settings.encoder, settings.encoder_query_prompt, settings.encoder_passage_prompt)


def make_pipeline(settings: Settings, encoder: Encoder, version: str | None = None) -> Pipeline:
    """Load the current index, or the one named. Raises IndexMissing, IndexDamaged, IndexMismatch."""
    snapshot = load_snapshot(settings.index_dir, encoder.fingerprint, version)
    retriever = HybridRetriever(snapshot, encoder, load_fusion())
    return Pipeline(retriever, load_judge(), detector(settings.language_detector), settings.mailbox)


class Engine:
    """Answers questions off the event loop: so many at a time, so many waiting, the rest told to come back."""

    def __init__(self, settings: Settings, pipeline: Pipeline) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._limiter = anyio.CapacityLimiter(settings.concurrent_questions)
        self._waiting = 0
        self._cache: OrderedDict[tuple[object, ...], Answer] = OrderedDict()
        self._cache_lock = Lock()

    @property
    def snapshot(self) -> Snapshot:
        return self._pipeline.snapshot

    async def answer(self, ask: Ask) -> Answer:
        """Raises UnknownLanguage, UnknownDocument, or Refusal (503) when too busy."""
        key = self._key(ask)
        with self._cache_lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return replace(self._cache[key], question=ask.question)
        pipeline = self._pipeline
        answer = await self._work(lambda: pipeline.answer(ask))
        with self._cache_lock:
            self._cache[key] = answer
            while len(self._cache) > self._settings.answer_cache_entries:
                self._cache.popitem(last=False)
        return answer

    async def search(self, query: Query, k: int) -> list[Hit]:
        retriever = self._pipeline.retriever
        return await self._work(lambda: list(retriever.search(query, k)))

    async def work(self, job: Callable[[Pipeline], T]) -> T:
        """Do something with the pipeline, within the same limits. Raises Refusal (503) when too busy."""
        pipeline = self._pipeline
        return await self._work(lambda: job(pipeline))

    def _key(self, ask: Ask) -> tuple[object, ...]:
        text = " ".join(unicodedata.normalize("NFC", ask.question).split())
        # Without a day asked, notes on dates change at midnight.
        day = ask.as_of or datetime.now(UTC).date()
        return (self.snapshot.manifest.version, text, ask.language, ask.top_k, ask.documents, day)

    async def _work(self, job: Callable[[], T]) -> T:
        if self._waiting >= self._settings.concurrent_questions + self._settings.queued_questions:
            raise Refusal(503, "Too many questions are waiting. Try again in a second.", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            with anyio.fail_after(self._settings.timeout_ms / 1000):
                return await run_sync(job, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError as error:
            detail = f"The answer took longer than {self._settings.timeout_ms} ms. Try again in a few seconds."
            raise Refusal(503, detail, headers={"Retry-After": "5"}) from error
        finally:
            self._waiting -= 1
