"""Serving as real processes: what has begun ends, workers share the index, what is killed comes back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from conftest import CHECKOUT, NEGATIVES, ToyEncoder

from corpus.collection import read_collection
from index.shelf import activate
from index.snapshot import build_snapshot
from index.store import current_version

QUESTION = {"question": "can we withdraw our signature", "language": "en"}


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[bytes]
    url: str

    def ask(self, **more: object) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/answers", json={**QUESTION, **more}, timeout=120)

    def version(self) -> str | None:
        """Which index is ready, None while none is."""
        try:
            found = httpx.get(f"{self.url}/readyz", timeout=120).json()
        except httpx.TransportError:
            return None
        return str(found["index"]["version"]) if found["index"] else None

    def until_version(self, version: str) -> None:
        for _ in range(2400):
            assert self.process.poll() is None, "the service has ended"
            if self.version() == version:
                return
            time.sleep(0.05)
        raise AssertionError(f"index {version} never answered")


@contextmanager
def served(index_root: Path, **settings: object) -> Iterator[Served]:
    port = free_port()
    environment = {name.upper(): str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "tests" / "toy_service.py")],
        cwd=index_root.parent,
        env={
            **os.environ,
            "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}",
            "INDEX_DIR": str(index_root),
            "INDEX_POLL_MS": "20",
            "PORT": str(port),
            **environment,
        },
        start_new_session=True,
    )
    try:
        opened = Served(process, f"http://127.0.0.1:{port}")
        opened.until_version(current_version(index_root))
        yield opened
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its own session: the workers too
        process.wait()


def until_begun(file: Path, questions: int) -> None:
    """Wait until so many questions are being worked on."""
    for _ in range(2400):
        if file.exists() and file.stat().st_size >= questions:
            return
        time.sleep(0.02)
    raise AssertionError("the questions never arrived")


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """The worker processes; that which keeps track of shared resources is none."""
    found = []
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_question_in_flight_is_answered_at_shutdown(
    index_root: Path, tmp_path: Path, workers: int, stop: signal.Signals
) -> None:
    begun = tmp_path / "begun"
    with served(index_root, slow_ms=1500, workers=workers, begun_file=begun) as service, ThreadPoolExecutor() as pool:
        asked = [pool.submit(service.ask, top_k=number) for number in (1, 2, 3)]
        until_begun(begun, 3)
        service.process.send_signal(stop)
        assert [answer.result().json()["outcome"] for answer in asked] == ["answered"] * 3
        service.process.wait(timeout=60)
        with pytest.raises(httpx.TransportError):
            service.ask()


def test_what_does_not_end_in_its_time_is_cut_off_at_shutdown(index_root: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with (
        served(index_root, slow_ms=5000, shutdown_timeout_ms=1000, begun_file=begun) as service,
        ThreadPoolExecutor() as pool,
    ):
        asked = pool.submit(service.ask)
        until_begun(begun, 1)
        service.process.send_signal(signal.SIGTERM)
        with suppress(httpx.TransportError):
            assert asked.result().status_code >= 500
        service.process.wait(timeout=60)


def test_workers_answer_together_and_one_that_is_killed_is_replaced(index_root: Path) -> None:
    with served(index_root, workers=2) as service:
        workers = children(service.process)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        for _ in range(1200):
            renewed = children(service.process)
            if len(renewed) == 2 and workers[0] not in renewed:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("no worker came in its place")
        service.until_version(current_version(index_root))
        for number in range(10):
            assert service.ask(top_k=1 + number % 3).json()["outcome"] == "answered"


def test_killed_in_the_midst_of_switches_it_starts_from_what_is_current(index_root: Path, corpus_folder: Path) -> None:
    old = current_version(index_root)
    (corpus_folder / "questions/unanswered/en.yaml").write_text(NEGATIVES + '  - "one more"\n')
    collection = read_collection(corpus_folder)
    new = build_snapshot(collection, ToyEncoder(), index_root, threads=1, progress=lambda *_: None)[0].version
    for number, wanted in enumerate((old, new, old)):
        with served(index_root, workers=1 + number % 2) as service:
            activate(index_root, wanted)
            time.sleep(0.01 * number)
            os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait()
        with served(index_root) as service:
            assert service.ask().json()["index"]["version"] == wanted


def test_a_body_that_trickles_in_is_given_up_and_others_are_served(index_root: Path) -> None:
    with served(index_root, request_timeout_ms=700) as service:
        address = service.url.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1])), timeout=60) as slow:
            head = (
                "POST /v1/answers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
            slow.sendall(head.encode())
            assert service.ask().status_code == 200
            said = slow.recv(65536)
            while chunk := slow.recv(65536):
                said += chunk
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"application/problem+json" in said and b"did not arrive within 700 ms" in said
