"""Memory of a process and those below it, and whether it grows. Linux only: read from /proc."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread


def tree(pid: int) -> list[int]:
    """The process and all below it; those that end meanwhile are left out."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
        found.append(one)
    return found


def own_mib(pid: int) -> float:
    """Anonymous memory in MiB: what the process has for itself. Pages of files (index, model, libraries) are left out:
    they are shared, and come and go with what else runs on the machine."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def tree_own_mib(pid: int) -> float:
    return sum(own_mib(one) for one in tree(pid))


def resident_mib() -> tuple[float, float]:
    """Of this process, in MiB: its own memory, and what it holds of files, which the system takes back when it must."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
    return found["RssAnon"], found["RssFile"]


@dataclass(slots=True)
class Work:
    """Seconds that some work took, and by how many MiB this process's own memory grew meanwhile, at the most."""

    seconds: float = 0.0
    grew_mib: float = 0.0


@contextmanager
def watched() -> Iterator[Work]:
    """Fills in what the body did, its memory looked at fifty times a second."""
    work, ended, before = Work(), Event(), resident_mib()[0]

    def watch() -> None:
        while not ended.wait(0.02):
            work.grew_mib = max(work.grew_mib, resident_mib()[0] - before)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    try:
        yield work
    finally:
        work.seconds = time.perf_counter() - started
        work.grew_mib = max(work.grew_mib, resident_mib()[0] - before)
        ended.set()
        watcher.join()


def grown_mib(samples: Sequence[float]) -> float:
    """Median of the last third less that of the middle third: the first is warming up. 0 below six samples."""
    third = len(samples) // 3
    if third < 2:
        return 0.0
    return median(samples[-third:]) - median(samples[-2 * third : -third])
