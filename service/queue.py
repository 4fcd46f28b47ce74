"""The queue of questions: so many worked on at a time, first come first served, so many waiting, the rest told to come
back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from time import monotonic
from typing import TypeVar

import anyio

from service.problems import Refusal

T = TypeVar("T")

_LATELY = 0.1  # weight of the last job in the time that jobs take


class Queue:
    """Works off the event loop. Shared by the engines of a process, so that its bounds are the process's own."""

    def __init__(self, at_once: int, waiting: int, timeout_ms: int) -> None:
        self._room = at_once + waiting
        self._timeout_ms = timeout_ms
        self._at_once = at_once
        self._inside = 0
        self._job_s = 0.0  # how long a job took of late
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="question")  # hands out work in order

    @property
    def inside(self) -> int:
        """How many jobs are worked on or wait. One given up on counts until its thread is free again."""
        return self._inside

    async def run(self, job: Callable[[], T]) -> T:
        """The job's result. Raises Refusal (503) when the queue is full or so slow that the job would be given up
        before its turn ended, or when waiting and work took too long: a job that has not begun by then never does."""
        self._enter()
        try:
            future: Future[T] = self._pool.submit(copy_context().run, self._timed, job)
        except BaseException:
            self._leave()
            raise
        future.add_done_callback(self._leave)
        try:
            with anyio.fail_after(self._timeout_ms / 1000):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            detail = f"The answer took longer than {self._timeout_ms} ms. Try again in a few seconds."
            raise Refusal(503, detail, headers={"Retry-After": "5"}) from error

    def _enter(self) -> None:
        with self._lock:
            # Work on what is given up in the end would be lost to those who could still be served in time.
            turns = self._inside // self._at_once + 1
            late_s = turns * self._job_s - self._timeout_ms / 1000 if turns > 1 else 0.0
            if self._inside >= self._room or late_s > 0:
                seconds = max(1, math.ceil(late_s))
                detail = f"Too many questions are waiting. Try again in {seconds} s."
                raise Refusal(503, detail, headers={"Retry-After": str(seconds)})
            self._inside += 1

    def _timed(self, job: Callable[[], T]) -> T:
        started = monotonic()
        try:
            return job()
        finally:
            with self._lock:
                self._job_s += _LATELY * (monotonic() - started - self._job_s)

    def _leave(self, _: object = None) -> None:
        with self._lock:
            self._inside -= 1
