"""Records as lines of JSON on disk: held in memory where they are few, else read one by one as they are asked for."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np

T = TypeVar("T")

HELD_UP_TO = 50_000
"""Records that are held, a kilobyte or two each; reading one anew takes some microseconds."""

_CHUNK = 1 << 24


def read_records(path: Path, make: Callable[[dict[str, Any]], T]) -> Sequence[T]:
    """The records of a file, each made of the object on its line."""
    records = _Records(path, make)
    return tuple(records) if len(records) <= HELD_UP_TO else records


class _Records(Sequence[T], Generic[T]):
    def __init__(self, path: Path, make: Callable[[dict[str, Any]], T]) -> None:
        self._make = make
        ends = [np.zeros(1, np.int64)]  # where each line ends, and the next begins
        with path.open("rb") as file:
            start = 0
            while chunk := file.read(_CHUNK):
                ends.append(np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n")) + (start + 1))
                start += len(chunk)
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if start else b""
        self._ends = np.concatenate(ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[T]: ...
    def __getitem__(self, number: int | slice) -> T | Sequence[T]:
        if isinstance(number, slice):
            return [self[place] for place in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"There are {len(self)} records; number {number} is not among them.")
        place = number % len(self)
        return self._make(json.loads(self._bytes[int(self._ends[place]) : int(self._ends[place + 1])]))

    def __iter__(self) -> Iterator[T]:
        return (self[place] for place in range(len(self)))
