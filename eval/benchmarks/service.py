"""The service around the encoder: stages of a question, a server's time over the encoder's, cache and start."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from statistics import median

import httpx

from corpus.detection import detector
from eval.benchmarks.tables import Row
from eval.benchmarks.workers import ROOT, in_rounds, percentile
from index.retrieval import Query
from service.answers import QuestionLanguage
from service.pipeline import Ask, Pipeline
from service.settings import settings

ROUND, START_TIMEOUT_S = 8, 60


def stages(pipeline: Pipeline, questions: Sequence[str]) -> list[Row]:
    """Where the time of a question goes, in this process; `search` is ranking less the encoder."""
    detect = detector(settings().language_detector).detect
    encode = pipeline.retriever.encoder.encode
    taken: dict[str, list[float]] = {"detect": [], "encode": [], "search": [], "judge and quote": []}
    for question in questions:
        times = [time.perf_counter()]
        code = detect(question).code
        times.append(time.perf_counter())
        encode(question, "query")
        times.append(time.perf_counter())
        ranking = pipeline.retriever.rank(Query(question, code))
        times.append(time.perf_counter())
        pipeline.judge_ranking(Ask(question), ranking, QuestionLanguage(code, 1.0, "detected"))
        times.append(time.perf_counter())
        steps = [(b - a) * 1000 for a, b in pairwise(times)]
        for name, value in zip(taken, (steps[0], steps[1], steps[2] - steps[1], steps[3]), strict=True):
            taken[name].append(value)
    whole = median([sum(values) for values in zip(*taken.values(), strict=True)])
    return [
        {"stage": name, "median ms": median(values), "share": median(values) / whole} for name, values in taken.items()
    ]


@dataclass(frozen=True, slots=True)
class Server:
    """A server of our own on loopback. `ready_s` is from its start to the first `/readyz` that says so."""

    url: str
    pid: int
    ready_s: float

    def memory_mib(self) -> tuple[float, float]:
        """Resident, now and at its highest."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("VmRSS") or "VmHWM" in line}
        return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024

    def has_loaded(self, name: str) -> bool:
        """Whether a library of this name is mapped into the process."""
        return name in Path(f"/proc/{self.pid}/maps").read_text(encoding="utf-8")


@contextmanager
def serving() -> Iterator[Server]:
    """Raises RuntimeError when it is not ready in time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "service", "serve", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HOST": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.perf_counter() - started > START_TIMEOUT_S:
                raise RuntimeError(f"The server was not ready after {START_TIMEOUT_S} s. Try `make serve` to see why.")
            time.sleep(0.01)
        yield Server(url, process.pid, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait()


def benchmark(pipeline: Pipeline, questions: Sequence[str], rounds: int) -> list[Row]:
    """The server's answers beside the encoder alone, in turn; then the same questions again, from the cache."""
    encode = pipeline.retriever.encoder.encode
    encode(questions[0], "query")
    with serving() as server, _connected(server) as client:
        started = time.perf_counter()
        _post(client, "Can we withdraw our signature later?")
        first_ms = (time.perf_counter() - started) * 1000
        server_ms: list[list[float]] = []
        encoder_ms: list[list[float]] = []
        chunks = in_rounds(questions, ROUND)[:rounds]
        for texts in chunks:
            encoder_ms.append([_timed(partial(encode, text, "query")) for text in texts])
            server_ms.append([_timed(partial(_post, client, text)) for text in texts])
        repeated = [_timed(partial(_post, client, text)) for texts in chunks for text in texts]
        bare = [_timed(partial(_request, client, "GET", "/healthz")) for _ in repeated]
        resident, peak = server.memory_mib()
        loaded = server.has_loaded("libtorch")
        asked = [value for values in server_ms for value in values]
        return [
            {"figure": "answer over HTTP, median ms", "value": median(asked)},
            {"figure": "answer over HTTP, p95 ms", "value": percentile(asked, 0.95)},
            {
                "figure": "answer over HTTP, times the encoder alone",
                "value": median(median(a) / median(b) for a, b in zip(server_ms, encoder_ms, strict=True)),
            },
            {"figure": "repeated question over HTTP, median ms", "value": median(repeated)},
            {"figure": "the same less an empty request, median ms", "value": median(repeated) - median(bare)},
            {"figure": "start to ready, s", "value": server.ready_s},
            {"figure": "first question, ms", "value": first_ms},
            {"figure": "resident memory, MiB", "value": resident},
            {"figure": "peak memory, MiB", "value": peak},
            {"figure": "torch is loaded", "value": "yes" if loaded else "no"},
        ]


@contextmanager
def _connected(server: Server) -> Iterator[HTTPConnection]:
    """One connection by the standard library: a client with more to it adds most of a millisecond a request, which is
    not the server's time."""
    client = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    try:
        yield client
    finally:
        client.close()


def _post(client: HTTPConnection, question: str) -> None:
    _request(client, "POST", "/v1/answers", json.dumps({"question": question}))


def _request(client: HTTPConnection, method: str, path: str, body: str | None = None) -> None:
    """Raises RuntimeError for any status but 200."""
    client.request(method, path, body, {"content-type": "application/json"})
    response = client.getresponse()
    said = response.read()
    if response.status != 200:
        raise RuntimeError(f"{method} {path} was answered with {response.status}: {said[:200]!r}")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
