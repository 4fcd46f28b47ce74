"""The keeper of the index that answers: takes up a new snapshot once it has passed the check, and keeps the old one
where it has not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from index.encoder import Encoder
from index.errors import IndexProblem
from service.engine import Engine, make_queue, open_pipeline
from service.memory import give_back
from service.observability import INDEX_REFUSED, INDEX_SWITCHES
from service.pipeline import Pipeline
from service.settings import Settings
from service.smoke import check_smoke, read_smoke
from service.sources import Source, source_of

_log = logging.getLogger(__name__)

RETRY_S = 30.0
"""After which a snapshot that was refused is looked at again: the disk, or the memory, may be well by then."""


class Opener:
    """Opens a snapshot for serving: every checksum holds, its encoder is at hand, the smoke questions are found."""

    def __init__(
        self, settings: Settings, make_encoder: Callable[[Settings], Encoder], source: Source | None = None
    ) -> None:
        """`source` is where the versions are kept; the one that is set when not given."""
        self._settings = settings
        self._make_encoder = make_encoder
        self._encoder: Encoder | None = None
        self._source = source or source_of(settings)

    def __call__(self, version: str) -> Pipeline:
        """Raises IndexProblem."""
        fingerprint = self._source.fingerprint(version)
        pipeline = open_pipeline(
            self._settings, lambda settings: self._fitting(settings, fingerprint), version, self._source
        )
        check_smoke(pipeline, read_smoke(self._settings.smoke_file), self._settings.smoke_floor)
        self._encoder = pipeline.retriever.encoder
        give_back()
        return pipeline

    def _fitting(self, settings: Settings, fingerprint: str) -> Encoder:
        encoder = self._encoder
        if encoder is None or encoder.fingerprint != fingerprint:
            encoder = self._make_encoder(settings)  # at start; or the new index came with a new encoder
        return encoder


class Keeper:
    """Holds the engine that answers, None while there is none, and what is wrong, None while nothing is."""

    def __init__(
        self, settings: Settings, open_version: Callable[[str], Pipeline], source: Source | None = None
    ) -> None:
        """`source` is where the versions are kept that `open_version` opens; the one that is set when not given."""
        self.engine: Engine | None = None
        self.problem: str | None = "The index is being loaded."
        self._settings = settings
        self._open = open_version
        self._queue = make_queue(settings)
        self._source = source or source_of(settings)
        self._seen: object = None
        self._again = 0.0

    def refresh(self) -> bool:
        """Take up what `current` names, where that is new; true when engine or problem are others than before.

        Never raises: what cannot be opened, or fails the check, is refused with the reason in `problem`, and the
        engine that there is goes on. Where there is none, the newest snapshot that passes answers.
        """
        stamp = self._source.stamp()
        if stamp == self._seen and (self.problem is None or monotonic() < self._again):
            return False
        before = (self.engine, self.problem)
        self._seen, self._again = stamp, monotonic() + RETRY_S
        version = "?"
        try:
            version = self._source.current()
            self._take(version)
            self.problem = None
        except Exception as error:  # whatever it is, the engine that there is goes on
            self._refuse(version, error)
            if self.engine is None:
                self._fall_back(version)
        INDEX_REFUSED.set(0 if self.problem is None else 1)
        return (self.engine, self.problem) != before

    @contextmanager
    def watching(self, changed: Callable[[], None]) -> Iterator[None]:
        """Looks for a new snapshot as often as is set, in a thread of its own, and calls `changed` from there."""
        stop = Event()

        def watch() -> None:
            while not stop.wait(self._settings.index_poll_ms / 1000):
                if self.refresh():
                    changed()

        thread = Thread(target=watch, name="index-keeper", daemon=True)
        if self._settings.index_poll_ms:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            if thread.is_alive():
                thread.join(timeout=10)

    def _take(self, version: str) -> None:
        old = self.engine
        if old is not None and old.snapshot.manifest.version == version:
            return
        self.engine = Engine(self._settings, self._open(version), self._queue)
        INDEX_SWITCHES.labels(result="switched").inc()
        _log.info("Index %s answers from now on", version)

    def _refuse(self, version: str, error: Exception) -> None:
        reason = str(error) if isinstance(error, IndexProblem) else f"{type(error).__name__}: {error}"
        kept = "" if self.engine is None else f" Index {self.engine.snapshot.manifest.version} still answers."
        told = f"{reason}{kept}"
        if told != self.problem:
            INDEX_SWITCHES.labels(result="refused").inc()
            _log.error("Index %s was refused: %s", version, told)
        self.problem = told

    def _fall_back(self, refused: str) -> None:
        """At start, with `current` refused: the newest other snapshot that passes."""
        try:
            others = [version for version in self._source.versions() if version != refused]
        except IndexProblem as error:  # then nothing can stand in; why is said already
            _log.warning("There is nothing to stand in: %s", error)
            return
        for version in others:
            try:
                self._take(version)
            except Exception as error:
                _log.warning("Index %s cannot stand in: %s", version, error)
                continue
            self.problem = f"{self.problem} Until then index {version} answers."
            _log.warning("Index %s answers in its place", version)
            return
