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
from prometheus_client.parser import text_string_to_metric_families

from corpus.collection import read_collection
from index.shelf import activate
from index.snapshot import build_snapshot
from index.store import current_version
from service.workers import TRIES

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


COMMAND = [sys.executable, str(CHECKOUT / "tests" / "toy_service.py")]


def environment(index_root: Path, **settings: object) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}",
        "INDEX_DIR": str(index_root),
        "INDEX_POLL_MS": "20",
        **{name.upper(): str(value) for name, value in settings.items()},
    }


@contextmanager
def served(index_root: Path, **settings: object) -> Iterator[Served]:
    port = free_port()
    process = subprocess.Popen(
        COMMAND, cwd=index_root.parent, env=environment(index_root, port=port, **settings), start_new_session=True
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


def refused(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """The exit code and what is said of a service that cannot start."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,  # it ends by itself; this is for a service that would try for ever
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("reason", ["Put X into Y.", ""])
def test_a_service_that_cannot_start_stops_and_says_why(
    index_root: Path, tmp_path: Path, workers: int, reason: str
) -> None:
    broken = tmp_path / "broken"
    broken.write_text(reason)
    settings = environment(index_root, port=free_port(), workers=workers, broken_file=broken)
    code, told = refused(COMMAND, tmp_path, settings)
    assert code != 0
    assert reason in told
    if workers > 1:
        assert "No worker can start" in told
        assert 1 <= told.count("has died") <= 2 * TRIES


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("TEAMS_HMAC_SECRET", "not base64!", "Copy the security token that Teams showed"),
        ("OTLP_ENDPOINT", "http://127.0.0.1:9", "pip install -r requirements-traces.lock"),
        ("CONCURRENT_QUESTIONS", "none", "Input should be a valid integer"),
    ],
)
def test_a_setting_that_cannot_be_followed_stops_the_service_with_the_remedy(
    index_root: Path, tmp_path: Path, workers: int, setting: str, value: str, remedy: str
) -> None:
    # As where the group `traces` is not installed; read by every Python process at its start.
    absent = "import sys\nsys.modules['opentelemetry.sdk'] = sys.modules['opentelemetry.exporter'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(absent)
    changes = {setting: value, "PYTHONPATH": f"{tmp_path}:{CHECKOUT}"}
    settings = environment(index_root, port=free_port(), workers=workers) | changes
    code, told = refused([sys.executable, "-m", "service", "serve"], tmp_path, settings)
    assert code != 0
    assert remedy in told
    assert "Traceback" not in told


def counted(service: Served, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels, as whichever worker answers tells it."""
    text = httpx.get(f"{service.url}/metrics", timeout=120).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def until_counted(service: Served, name: str, value: float) -> None:
    found = None
    for _ in range(2400):
        assert service.process.poll() is None, "the service has ended"
        with suppress(httpx.TransportError):  # a worker was killed meanwhile
            found = counted(service, name)
        if found == value:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} never became {value}; it is {found}")


ROOM = 4 + 64
"""Questions that one worker takes, at work and waiting."""


def test_a_worker_that_cannot_be_replaced_is_tried_again_while_the_other_serves(
    index_root: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    with served(index_root, workers=2, broken_file=broken) as service:
        until_counted(service, "faq_ready", 1)  # the least of both
        until_counted(service, "faq_questions_room", 2 * ROOM)
        time.sleep(2)  # the supervisor has seen it too
        broken.write_text("Put X into Y.")
        killed, kept = children(service.process)
        os.kill(killed, signal.SIGKILL)
        until_counted(service, "faq_questions_room", ROOM)
        time.sleep(4)  # it is tried in vain, more than once
        assert service.process.poll() is None
        assert service.ask().json()["outcome"] == "answered"
        broken.unlink()
        until_counted(service, "faq_questions_room", 2 * ROOM)
        assert kept in children(service.process)


def test_metrics_of_any_worker_tell_the_sum_of_all(index_root: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    left = scratch / "gpai-faq-metrics-left"  # by a service that was killed
    left.mkdir(parents=True)
    (left / "lock").touch()
    with served(index_root, workers=2, tmpdir=scratch, answer_cache_entries=0) as service:
        until_counted(service, "faq_questions_room", 2 * ROOM)
        (folder,) = scratch.glob("gpai-faq-metrics-*")
        assert folder != left
        assert folder.stat().st_mode & 0o077 == 0
        asked, answered_by = 0, 0
        while answered_by < 2 or asked < 20:  # each new connection goes to either worker
            assert asked < 2000, "one worker never answered"
            assert service.ask().status_code == 200
            asked += 1
            answered_by = sum(b'"faq_answers_total"' in file.read_bytes() for file in folder.glob("counter_*.db"))
        for _ in range(10):  # whichever is asked
            assert counted(service, "faq_answers_total", outcome="answered") == asked
        killed = children(service.process)[0]
        os.kill(killed, signal.SIGKILL)
        for _ in range(2400):
            if not list(folder.glob(f"gauge_live*_{killed}.db")):
                break
            time.sleep(0.05)
        until_counted(service, "faq_questions_room", 2 * ROOM)  # its room is gone, its successor's is there
        assert counted(service, "faq_answers_total", outcome="answered") == asked  # what it had counted stays
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(timeout=60)
        assert list(scratch.glob("gpai-faq-metrics-*")) == []


def test_workers_map_the_same_files_of_the_index(index_root: Path) -> None:
    def mapped(pid: int) -> set[tuple[str, str]]:
        """Inode and name of each file of the index that the process has mapped, read-only."""
        fields = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
        return {(one[4], one[5]) for one in fields if one[-1].startswith(str(index_root)) and one[1].startswith("r--")}

    with served(index_root, workers=2) as service:
        first: set[tuple[str, str]] = set()
        second = first
        for _ in range(2400):
            first, second = (mapped(pid) for pid in children(service.process))
            if first and first == second:
                break
            time.sleep(0.05)  # one of them may still be opening it
        assert first == second != set()
        assert any(name.endswith(".npy") for _, name in first), first


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


def trickled(service: Served, *said: bytes) -> bytes:
    """What comes back on a connection that sends the texts whole, each answered, and then headers byte by byte."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as slow:
        for text in said:
            slow.sendall(text)
            answer = slow.recv(65536)
            while b'"index":null}' not in answer:
                answer += slow.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
        slow.settimeout(0.05)
        came = b""
        for letter in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 2000:
            try:
                slow.sendall(bytes([letter]))
                chunk = slow.recv(65536)
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return came
            if not chunk:
                return came
            came += chunk
    raise AssertionError("the connection was never closed")


def test_headers_that_trickle_in_are_given_up_and_others_are_served(index_root: Path) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with served(index_root, request_timeout_ms=2000) as service, ThreadPoolExecutor() as pool:
        slow = [pool.submit(trickled, service), pool.submit(trickled, service, whole, whole)]
        assert service.ask().status_code == 200
        for said in (connection.result() for connection in slow):
            assert said.startswith(b"HTTP/1.1 408 ")
            assert b"application/problem+json" in said and b"did not arrive within 2000 ms" in said


def test_a_connection_that_sends_nothing_is_closed(index_root: Path) -> None:
    with served(index_root, request_timeout_ms=2000) as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as silent:
            assert silent.recv(100) == b""


def test_requests_that_take_longer_than_headers_may_share_a_connection(index_root: Path) -> None:
    connections: set[object] = set()

    def note(response: httpx.Response) -> None:
        connections.add(response.extensions["network_stream"].get_extra_info("client_addr"))

    with (
        served(index_root, request_timeout_ms=4000, slow_ms=1500, answer_cache_entries=0) as service,
        httpx.Client(base_url=service.url, timeout=120, event_hooks={"response": [note]}) as client,
    ):
        for _ in range(3):  # longer than the limit, all in all
            # 503 where the machine is so slow that the answer itself takes too long; the headers do not.
            assert client.post("/v1/answers", json=QUESTION).status_code in (200, 503)
    assert len(connections) == 1
