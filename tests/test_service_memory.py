"""Memory left free by loading goes back, and where it cannot nothing happens."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import pytest

from service.memory import give_back


def own_kib() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_what_is_free_inside_goes_back() -> None:
    kept = []
    freed = []
    for _ in range(2000):  # by turns, so that what is freed lies between what is kept
        freed.append(ctypes.create_string_buffer(64 * 1024 - 512))
        kept.append(ctypes.create_string_buffer(600))
    del freed
    gc.collect()
    before = own_kib()
    give_back()
    assert own_kib() < before - 20_000
    assert len(kept) == 2000


@pytest.mark.parametrize("library", [object(), None])
def test_another_c_library_is_left_alone(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: object) -> object:
        if library is None:
            raise OSError("no C library")
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    give_back()
