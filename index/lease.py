"""A lease on a snapshot: while it is held, in whatever process, the snapshot is not deleted."""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.errors import IndexMissing
from index.store import MANIFEST


class Lease:
    """A shared lock on a snapshot's manifest. It ends with this object, or with its process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Raises IndexMissing when there is no such snapshot."""
        try:
            handle = os.open(folder / MANIFEST, os.O_RDONLY)
        except FileNotFoundError as error:
            raise IndexMissing(f"The index {folder} is not there. Run `make index` to build it again.") from error
        self.folder = folder
        weakref.finalize(self, os.close, handle)
        with suppress(OSError):  # a file system without locks: what is deleted there stays readable while it is open
            fcntl.flock(handle, fcntl.LOCK_SH)


@contextmanager
def unleased(folder: Path) -> Iterator[bool]:
    """Whether nobody holds a lease on the snapshot; meanwhile nobody gets one."""
    try:
        handle = os.open(folder / MANIFEST, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except OSError:  # held; or unknown, where the file system has no locks
        free = False
    try:
        yield free
    finally:
        os.close(handle)
