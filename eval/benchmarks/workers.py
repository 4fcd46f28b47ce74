"""Engines in processes of their own, asked in turn, so that whatever else the machine does falls on all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent.parent
Texts = Sequence[str]


class EngineMissing(Exception):  # noqa: N818 - said to the reader as it is
    """An engine could not be started; says why."""


class Worker:
    """A running engine.

    `ready_s` is from its start to its first answer; `rounds_ms` holds for each round the times of its questions asked
    one by one, `rounds_s` for each round of concurrent questions the time of all. Ends with `stop`.
    """

    def __init__(
        self, name: str, folder: Path, python: str = sys.executable, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.rounds_ms: list[list[float]] = []
        self.rounds_s: list[float] = []
        self.answers: dict[str, list[str]] = {}
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - until stop
        started = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [python, "-m", "eval.benchmarks.worker", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        )
        try:
            ready = self._reply()
        except EngineMissing:
            self.stop()
            raise
        self.ready_s = time.perf_counter() - started
        self.start_mib: float = ready["resident_mib"]
        self.peak_mib: float = ready["peak_mib"]

    def ask(self, texts: Texts, callers: int = 1) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"texts": list(texts), "callers": callers}) + "\n")
        self._process.stdin.flush()
        reply = self._reply()
        if callers == 1:
            self.rounds_ms.append(reply["ms"])
        else:
            self.rounds_s.append(reply["seconds"])
        self.answers.update(zip(texts, reply["answers"], strict=True))
        self.peak_mib = reply["peak_mib"]

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            said = [line for line in self._errors.read().splitlines() if line.strip()]
            raise EngineMissing(said[-1] if said else f"it ended with {code}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    @property
    def ms(self) -> list[float]:
        return [value for values in self.rounds_ms for value in values]

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()


@contextmanager
def started(
    names: Sequence[str], folder: Path, pythons: Mapping[str, str]
) -> Iterator[tuple[list[Worker], dict[str, str]]]:
    """The engines that can be started, one after the other, and why the others cannot."""
    workers: list[Worker] = []
    missing: dict[str, str] = {}
    try:
        for name in names:
            try:
                workers.append(Worker(name, folder, pythons.get(name, sys.executable)))
            except EngineMissing as reason:
                missing[name] = str(reason)
        yield workers, missing
    finally:
        for worker in workers:
            worker.stop()


def ask_in_turn(workers: Sequence[Worker], rounds: Sequence[Texts], callers: int = 1) -> None:
    """Every engine gets the texts of a round before any gets the next; who is first changes with each round."""
    for number, texts in enumerate(rounds):
        first = number % len(workers)
        for worker in [*workers[first:], *workers[:first]]:
            worker.ask(texts, callers)


def ratio(slow: Sequence[Sequence[float]], quick: Sequence[Sequence[float]]) -> float:
    """Median over rounds of how many times longer the first took, each round by its own median."""
    return median(median(a) / median(b) for a, b in zip(slow, quick, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """Another process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def in_rounds(texts: Texts, size: int) -> list[Texts]:
    """Whole rounds of so many texts; a rest is left out."""
    return [texts[at : at + size] for at in range(0, len(texts) - size + 1, size)]
