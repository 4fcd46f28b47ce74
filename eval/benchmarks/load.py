"""Load: throughput at increasing concurrency, what happens beyond the queue, memory over mixed traffic.

Starts a server on loopback, unless told of one, and shares the machine's processors with it. Exits with 1 when a
request failed below saturation, one beyond it was not told when to come back, or memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles

import httpx

from eval.benchmarks.memory import grown_mib, tree_own_mib
from eval.benchmarks.traffic import Call, distinct, mixed
from eval.gold import read_gold
from service.settings import Settings

RESULTS = Path(__file__).parent.parent / "results" / "load.json"
LEVELS = (1, 2, 4, 8, 16, 32)
GROWTH_LIMIT_MIB = 16.0
"""More than this between the middle and the last third of the mixed traffic is growth; a leak of 1 kB a question
passes it within minutes."""

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Level:
    """So many clients, each with one request at a time. Latencies in milliseconds, of what was answered."""

    clients: int
    seconds: float
    answered: int
    turned_away: int
    failed: int
    per_second: float
    p50_ms: float
    p95_ms: float
    failures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Soak:
    """Mixed traffic over a stretch. `memory_mib` are samples of the server's own memory, all its processes together."""

    minutes: float
    requests: int
    failed: int
    memory_mib: list[float]
    grown_mib: float
    failures: dict[str, int]


class Tally:
    """What came back: latencies, refusals with their time to come back, failures by what they were."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self.turned_away = 0
        self.failures: Counter[str] = Counter()

    async def send(self, client: httpx.AsyncClient, call: Call) -> None:
        started = time.perf_counter()
        try:
            response = await client.request(call.method, call.path, json=call.body, params=call.parameters)
        except httpx.HTTPError as error:
            self.failures[f"{call.path}: {type(error).__name__}"] += 1
            return
        if response.status_code == call.expected:
            self.latencies_ms.append(1000 * (time.perf_counter() - started))
        elif response.status_code == 503 and "Retry-After" in response.headers:
            self.turned_away += 1
            await asyncio.sleep(0.05)  # a client that minds the header waits longer
        else:
            self.failures[f"{call.path}: {response.status_code} {response.text[:120]}"] += 1


async def drive(
    url: str,
    clients: int,
    seconds: float,
    calls: Callable[[], Call],
    transport: httpx.AsyncBaseTransport | None = None,
) -> Tally:
    """So many clients, each asking again once it is answered."""
    tally = Tally()
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, limits=limits, transport=transport) as client:
        end = time.monotonic() + seconds

        async def one() -> None:
            await tally.send(client, calls())  # one at the least, however busy the machine
            while time.monotonic() < end:
                await tally.send(client, calls())

        await asyncio.gather(*(one() for _ in range(clients)))
    return tally


async def measure(
    url: str, clients: int, seconds: float, calls: Callable[[], Call], transport: httpx.AsyncBaseTransport | None = None
) -> Level:
    started = time.monotonic()
    tally = await drive(url, clients, seconds, calls, transport)
    took = time.monotonic() - started
    latencies = tally.latencies_ms or [float("nan")]
    return Level(
        clients=clients,
        seconds=round(took, 2),
        answered=len(tally.latencies_ms),
        turned_away=tally.turned_away,
        failed=tally.failures.total(),
        per_second=round(len(tally.latencies_ms) / took, 1),
        p50_ms=round(median(latencies), 1),
        p95_ms=round(quantiles(latencies, n=20)[-1] if len(latencies) > 1 else latencies[0], 1),
        failures=dict(tally.failures),
    )


async def soak(url: str, pid: int, minutes: float, calls: Callable[[], Call], clients: int = 4) -> Soak:
    """Mixed traffic, the own memory of the process and those below it sampled sixty times."""
    samples: list[float] = []

    async def sample() -> None:
        while True:
            samples.append(round(tree_own_mib(pid), 1))
            await asyncio.sleep(minutes)  # a sixtieth of that many minutes, in seconds

    watch = asyncio.create_task(sample())
    tally = await drive(url, clients, 60 * minutes, calls)
    watch.cancel()
    samples.append(round(tree_own_mib(pid), 1))
    return Soak(
        minutes=minutes,
        requests=len(tally.latencies_ms) + tally.turned_away + tally.failures.total(),
        failed=tally.failures.total(),
        memory_mib=samples,
        grown_mib=round(grown_mib(samples), 1),
        failures=dict(tally.failures),
    )


@contextmanager
def server(workers: int) -> Iterator[tuple[str, int]]:
    """The service as `make serve` starts it, on a free port of loopback: its address and process id."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    environment = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "WORKERS": str(workers)}
    environment["LOG_LEVEL"] = "warning"
    environment["ANSWER_CACHE_ENTRIES"] = "256"  # soon full, so that what grows then is no cache
    process = subprocess.Popen([sys.executable, "-m", "service", "serve"], env=environment)
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


async def ready(url: str, seconds: float = 300) -> None:
    """Wait until questions are answered. Raises TimeoutError with the reason."""
    end, reason = time.monotonic() + seconds, "no answer"
    async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
        while time.monotonic() < end:
            try:
                response = await client.get(f"{url}/readyz")
                if response.status_code == 200:
                    return
                reason = response.text
            except httpx.HTTPError as error:
                reason = repr(error)
            await asyncio.sleep(0.2)
    raise TimeoutError(f"{url} was not ready within {seconds:.0f} s: {reason}")


def table(levels: Sequence[Level], soaked: Soak | None) -> str:
    lines = ["| clients | answers/s | p50 ms | p95 ms | turned away | failed |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.clients} | {one.per_second} | {one.p50_ms} | {one.p95_ms} | {one.turned_away} | {one.failed} |"
        for one in levels
    ]
    if soaked is not None:
        first, last = soaked.memory_mib[0], soaked.memory_mib[-1]
        lines += [
            "",
            f"Mixed traffic, {soaked.minutes:g} minutes: {soaked.requests} requests, {soaked.failed} failed; own "
            f"memory {first} MiB at its beginning, {last} MiB at its end, {soaked.grown_mib:+} MiB from the middle "
            "third to the last",
        ]
    return "\n".join(lines)


def faults(levels: Sequence[Level], soaked: Soak | None, room: int) -> list[str]:
    """What breaks a promise; `room` is how many questions one process takes, at work and waiting."""
    found = [f"{one.clients} clients: {one.failed} failed, {one.failures}" for one in levels if one.failed]
    found += [
        f"{one.clients} clients: {one.turned_away} turned away, though {room} have room"
        for one in levels
        if one.turned_away and one.clients <= room
    ]
    found += [f"{one.clients} clients: nothing was answered" for one in levels if not one.answered]
    if soaked is not None and soaked.failed:
        found.append(f"mixed traffic: {soaked.failed} failed, {soaked.failures}")
    if soaked is not None and soaked.grown_mib > GROWTH_LIMIT_MIB:
        found.append(f"mixed traffic: memory grew by {soaked.grown_mib} MiB, more than {GROWTH_LIMIT_MIB}")
    return found


async def run(url: str, pid: int, arguments: argparse.Namespace) -> int:
    await ready(url)
    settings = Settings()
    room = settings.concurrent_questions + settings.queued_questions
    questions = [(question.text, question.language) for question in read_gold()]
    picks = random.Random(2026)  # noqa: S311 - the same traffic each time
    picks.shuffle(questions)
    asked, numbers = iter(distinct(questions)), count()
    await drive(url, 4, min(2.0, arguments.seconds), lambda: next(asked))  # warm
    levels = []
    for clients in arguments.levels or (*LEVELS, 2 * room):
        levels.append(await measure(url, clients, arguments.seconds, lambda: next(asked)))
        print(f"{clients} clients: {levels[-1].per_second} answers/s", file=sys.stderr, flush=True)
    soaked = None
    if arguments.minutes:
        soaked = await soak(url, pid, arguments.minutes, lambda: mixed(questions, picks, next(numbers)))
    print(table(levels, soaked))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    result = {"levels": [asdict(one) for one in levels], "soak": None if soaked is None else asdict(soaked)}
    arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    found = faults(levels, soaked, room)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.benchmarks.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="of mixed traffic, default 2; 0 for none")
    parser.add_argument("--seconds", type=float, default=8.0, help="at each concurrency, default 8")
    parser.add_argument("--levels", type=int, nargs="+", help="clients; default 1 to 32, then twice the queue")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the server, default 1")
    parser.add_argument("--url", help="a server that runs already, on this machine; needs --pid")
    parser.add_argument("--pid", type=int, help="its process, whose memory is watched")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file for the figures")
    arguments = parser.parse_args()
    if (arguments.url is None) != (arguments.pid is None):
        parser.error("--url and --pid go together")
    if arguments.url is not None:
        return asyncio.run(run(arguments.url, arguments.pid, arguments))
    with server(arguments.workers) as (url, pid):
        return asyncio.run(run(url, pid, arguments))


if __name__ == "__main__":
    sys.exit(main())
