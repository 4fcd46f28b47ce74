"""Memory that loading has used and left free inside the process goes back to the system."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Some 20 MiB after the index has been opened, mostly from parsing. Where the C library is not glibc, nothing."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return
