"""The metrics of several worker processes as one: prometheus_client keeps them in files of a shared folder.

Whichever worker is asked for `/metrics` adds up the files of all. The folder's name has to stand in the environment
before a worker imports prometheus_client.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "gpai-faq-metrics-"


@contextmanager
def metrics_shared() -> Iterator[None]:
    """The span in which workers share their metrics: in the folder that the environment names, which is then its
    owner's to clean, else in a private one that is new and goes with the span."""
    if os.environ.get(FOLDER):
        yield
        return
    _clean()
    folder = Path(mkdtemp(prefix=_PREFIX))  # for this user alone
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.environ[FOLDER] = str(folder)
    try:
        yield
    finally:
        del os.environ[FOLDER]
        os.close(lock)
        rmtree(folder, ignore_errors=True)


def forget_worker(pid: int) -> None:
    """What a worker that is gone was doing at the moment counts no more; what it has counted does."""
    if os.environ.get(FOLDER):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _clean() -> None:
    """Delete the folders of services that were killed; one that runs holds its folder's lock."""
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / "lock", os.O_RDWR)
        except OSError:  # another user's, or being made at this moment
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rmtree(folder, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(lock)
