"""What a signed request has used up: signatures, activity ids and event ids are good for once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock


class Replays:
    """Keys seen within the last `seconds`, the newest `entries` of them. Thread-safe; forgotten with the process.

    Only keys of requests whose signature holds may be put in, so that nobody else can crowd others out.
    """

    def __init__(self, seconds: float, entries: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._entries = entries
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def first(self, key: str) -> bool:
        """True the first time within the span; the key then counts as seen."""
        now = self._clock()
        with self._lock:
            while self._seen and next(iter(self._seen.values())) <= now:
                self._seen.popitem(last=False)
            if key in self._seen:
                return False
            self._seen[key] = now + self._seconds
            while len(self._seen) > self._entries:
                self._seen.popitem(last=False)
            return True

    def forget(self, key: str) -> None:
        """Let the key come again: its request could not be served."""
        with self._lock:
            self._seen.pop(key, None)
