"""Memory of a process and those below it, and whether it grows. Linux only: read from /proc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median


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


def pss_mib(pid: int) -> float:
    """Proportional set size in MiB: a page shared by n processes counts a n-th in each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def tree_pss_mib(pid: int) -> float:
    return sum(pss_mib(one) for one in tree(pid))


def grown_mib(samples: Sequence[float]) -> float:
    """Median of the last third less that of the middle third: the first is warming up. 0 below six samples."""
    third = len(samples) // 3
    if third < 2:
        return 0.0
    return median(samples[-third:]) - median(samples[-2 * third : -third])
