"""The stages of an answer, measured: how long each took, as a metric and as a span."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

from service.observability import STAGE_SECONDS
from service.tracing import span

_submitted: ContextVar[float | None] = ContextVar("submitted", default=None)


def submitted() -> None:
    """A question is handed over; `begun` tells how long it waited."""
    _submitted.set(perf_counter())


def begun() -> None:
    """Work on the question begins, in whatever thread."""
    since = _submitted.get()
    if since is not None:
        STAGE_SECONDS.labels(stage="wait").observe(perf_counter() - since)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure what is done within. One that fails is measured too."""
    started = perf_counter()
    try:
        with span(name):
            yield
    finally:
        STAGE_SECONDS.labels(stage=name).observe(perf_counter() - started)
