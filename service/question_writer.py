"""Writes the question log in its own thread, so that no answer waits for the disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Thread
from time import monotonic

from service.observability import QUESTIONS_NOT_KEPT
from service.question_log import AskedQuestion, LogUnreadable, QuestionLog
from service.settings import Settings

_log = logging.getLogger(__name__)

_WAITING = 10_000  # questions; beyond those they are dropped and counted, rather than answers held up
_PRUNE_SECONDS = 3600


class QuestionWriter:
    """Keeps questions and feedback in order, and prunes the log at the start and every hour."""

    def __init__(self, log: QuestionLog) -> None:
        self.log = log
        self._queue: Queue[AskedQuestion | tuple[str, bool] | None] = Queue(_WAITING)
        self._thread = Thread(target=self._run, name="question-log", daemon=True)
        self._thread.start()

    def put(self, item: AskedQuestion | tuple[str, bool]) -> None:
        """A question, or an answer's id and whether it helped. Never waits, never fails."""
        try:
            self._queue.put_nowait(item)
        except Full:
            QUESTIONS_NOT_KEPT.inc()

    def close(self) -> None:
        """Write what waits, and end."""
        self._queue.put(None)
        self._thread.join(30)

    def _run(self) -> None:
        due = monotonic()
        while True:
            if monotonic() >= due:
                self._try(self.log.prune)
                due = monotonic() + _PRUNE_SECONDS
            try:
                item = self._queue.get(timeout=max(0.0, due - monotonic()))
            except Empty:
                continue
            if item is None:
                return
            self._write(item)

    def _write(self, item: AskedQuestion | tuple[str, bool]) -> None:
        if isinstance(item, AskedQuestion):
            if not self._try(lambda: self.log.add([item])):
                QUESTIONS_NOT_KEPT.inc()
        else:
            self._try(lambda: self.log.rate(*item))

    def _try(self, job: Callable[[], object]) -> bool:
        """Whether it could be done; if not, the log names the file and the remedy."""
        try:
            job()
        except LogUnreadable as error:
            _log.error("%s", error)
            return False
        return True


@contextmanager
def questions_kept(settings: Settings) -> Iterator[QuestionWriter | None]:
    """The span in which questions are kept; None, and nothing is, unless the settings name a file."""
    if settings.question_log_file is None:
        yield None
        return
    writer = QuestionWriter(QuestionLog(settings.question_log_file, settings.question_retention_days))
    try:
        yield writer
    finally:
        writer.close()
