"""Run inside a network namespace without a route and on a read-only file system: serve, ask once, say what was seen.

A program of its own, started by `test_service_offline.py`; prints one JSON object.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

_SIOCSIFFLAGS, _IFF_UP, _PR_SET_MDWE = 0x8914, 0x1, 65
_OPEN = build_opener(ProxyHandler({})).open


def outside() -> str:
    """The name of the error with which the outside cannot be reached."""
    try:
        socket.create_connection(("192.0.2.1", 443), timeout=5)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "reached"


def write(path: Path) -> str:
    try:
        path.write_text("x", encoding="utf-8")
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "written"


def asked(address: str, question: str) -> Any:
    body = json.dumps({"question": question}).encode()
    with _OPEN(Request(f"{address}/v1/answers", body, {"Content-Type": "application/json"}), timeout=120) as response:
        return json.load(response)


def ready(address: str, server: subprocess.Popen[bytes], seconds: float) -> tuple[bool, str]:
    """Whether it becomes ready, and what it told last."""
    told = "nothing"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with _OPEN(f"{address}/readyz", timeout=10) as response:
                return True, response.read().decode()
        except HTTPError as error:
            told = error.read().decode("utf-8", "replace")
        except OSError as error:
            told = str(error)
        time.sleep(0.2)
    return False, told


def main(question: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    seen: dict[str, Any] = {"outside": outside(), "write": write(Path("written-by-the-test"))}
    # No memory that is both writable and executable, as the systemd unit has it; older kernels do not know this.
    seen["no_writable_code"] = ctypes.CDLL(None).prctl(_PR_SET_MDWE, 1, 0, 0, 0) == 0
    address = f"http://127.0.0.1:{os.environ['PORT']}"
    with subprocess.Popen([sys.executable, "-m", "service", "serve"], stdout=sys.stderr) as server:
        try:
            seen["ready"], seen["told"] = ready(address, server, 300)
            if seen["ready"]:
                seen["answer"] = asked(address, question)
                status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
                seen["peak_mib"] = int(status.split("VmHWM:")[1].split()[0]) // 1024
                probe = subprocess.run([sys.executable, "-m", "service.health"], capture_output=True, check=False)
                seen["health"] = probe.returncode
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                seen["exit"] = server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
