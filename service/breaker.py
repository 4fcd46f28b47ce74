"""A circuit breaker: a server that keeps failing is left alone for a while, then tried once."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Breaker:
    """Opens after so many failures in a row, for so many seconds; then lets one call through to see. Thread-safe."""

    def __init__(self, failures: int = 3, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._closed_from = 0.0
        self._lock = Lock()

    def allows(self) -> bool:
        """Whether the server may be called now. Of calls at the same moment only one is let through to a server that
        was left alone."""
        with self._lock:
            if self._failures < self._limit:
                return True
            if self._clock() < self._closed_from:
                return False
            self._closed_from = self._clock() + self._seconds
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._limit:
                self._closed_from = self._clock() + self._seconds
