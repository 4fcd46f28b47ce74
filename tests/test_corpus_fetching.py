"""Fetching from a server on loopback: what is followed, and what is refused."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from corpus.errors import ImportRefused
from corpus.fetching import fetch, is_public, is_url

BODY = b"<html><body>kites</body></html>"


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    hosts: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        Handler.hosts.append(self.headers["Host"])
        routes: dict[str, Callable[[], None]] = {
            "/page.html": lambda: self._answer(BODY, "text/html; charset=utf-8"),
            "/big": lambda: self._answer(b"x" * 5000, "text/plain"),
            "/big-unsaid": lambda: self._answer(b"x" * 5000, "text/plain", length=False),
            "/picture": lambda: self._answer(BODY, "image/png"),
            "/untyped": lambda: self._answer(BODY, ""),
            "/packed": lambda: self._answer(gzip.compress(BODY), "text/html", encoding="gzip"),
            "/slow": self._slowly,
            "/moved": lambda: self._moved("/page.html"),
            "/to-file": lambda: self._moved("file:///etc/passwd"),
            "/to-private": lambda: self._moved("http://169.254.169.254/latest/meta-data"),
            "/loop": lambda: self._moved("/loop"),
        }
        routes.get(self.path, lambda: self.send_error(404))()

    def _answer(self, body: bytes, kind: str, length: bool = True, encoding: str = "") -> None:
        self.send_response(200)
        headers = {"Content-Type": kind, "Content-Encoding": encoding}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _moved(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()

    def _slowly(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        try:
            for _ in range(50):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass  # the client has left, as it should

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def get(url: str, timeout_seconds: float = 5.0, max_bytes: int = 1000, allow_private: bool = True) -> bytes:
    found = fetch(url, timeout_seconds=timeout_seconds, max_bytes=max_bytes, allow_private=allow_private)
    return found.data


def test_a_page_and_a_redirect(server: str) -> None:
    assert get(f"{server}/page.html") == BODY
    moved = fetch(f"{server}/moved", timeout_seconds=5, max_bytes=1000, allow_private=True)
    assert (moved.data, moved.url, moved.name) == (BODY, f"{server}/page.html", "page.html")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/big", "5000 bytes, more than 1000"),
        ("/big-unsaid", "larger than 1000 bytes"),
        ("/picture", "'image/png'"),
        ("/untyped", "'unknown'"),
        ("/packed", "packed"),
        ("/missing", "answers 404"),
        ("/to-file", "neither http nor https"),
        ("/loop", "more than 5 times"),
    ],
)
def test_refused_answers(server: str, path: str, complaint: str) -> None:
    with pytest.raises(ImportRefused, match=complaint):
        get(server + path)


def test_the_whole_fetch_has_a_time_limit(server: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ImportRefused, match="takes too long"):
        get(f"{server}/slow", timeout_seconds=0.3)
    assert time.monotonic() - begun < 2


def test_loopback_is_refused_unless_allowed(server: str) -> None:
    with pytest.raises(ImportRefused, match=r"127\.0\.0\.1, an address that is not public"):
        get(f"{server}/page.html", allow_private=False)


def test_every_hop_is_checked(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corpus.fetching.is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(ImportRefused, match=r"169\.254\.169\.254"):
        get(f"{server}/to-private", allow_private=False)


def test_the_connection_goes_to_the_checked_address(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to another address the second time gains nothing: it is resolved once."""
    port = int(server.rpartition(":")[2])
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("corpus.fetching.socket.getaddrinfo", _only_for("kites.test", resolve))
    assert get(f"http://kites.test:{port}/page.html") == BODY
    assert asked == ["kites.test"]
    assert Handler.hosts[-1] == f"kites.test:{port}"


def _only_for(name: str, resolve: Any) -> Any:
    real = socket.getaddrinfo

    def chosen(host: Any, *arguments: Any, **named: Any) -> Any:
        return resolve(host, *arguments, **named) if host == name else real(host, *arguments, **named)

    return chosen


def test_one_private_address_among_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("9.9.9.9", "10.0.0.1")]
    monkeypatch.setattr("corpus.fetching.socket.getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ImportRefused, match=r"10\.0\.0\.1"):
        get("https://kites.test/", allow_private=False)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("file:///etc/passwd", "neither http nor https"),
        ("ftp://example.org/x", "neither http nor https"),
        ("http://user:secret@example.org/", "user name"),
        ("http:///path", "neither http nor https"),
        ("http://localhost/", "not public"),
        ("http://[::1]/", "not public"),
        ("http://0.0.0.0/", "not public"),
        ("http://2130706433/", "not public"),
        ("http://exa mple.org/", "is not"),
        ("https://example.org/" + "x" * 3000, "2000 characters"),
        ("http://no-such-host.invalid/", "is not found"),
    ],
)
def test_refused_addresses(url: str, complaint: str) -> None:
    with pytest.raises(ImportRefused, match=complaint):
        get(url, allow_private=False)


def test_secrets_in_an_address_are_not_repeated() -> None:
    with pytest.raises(ImportRefused) as refused:
        get("http://user:secret@example.org/", allow_private=False)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1%eth0", "fc00::1"),
        *("ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:db8::1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["9.9.9.9", "147.67.34.30", "2a01:7080::1", "::ffff:9.9.9.9", "64:ff9b::909:909"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def test_what_is_an_address() -> None:
    assert is_url("https://example.org")
    assert is_url("file:///etc/passwd")  # refused by name, not taken for a path
    assert not is_url("folder/file.html")
