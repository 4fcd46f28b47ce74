"""How many requests a minute: for each API key, and for each client address that comes without one."""

from __future__ import annotations

import ipaddress
import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

_NETWORK_BITS = 64  # an IPv6 customer has at least so many to choose addresses in


class Rates:
    """Counts in a sliding minute, in the memory of this process: each worker process has its own count."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def hit(self, kind: str, who: str, per_minute: int) -> int | None:
        """Count a request. None while within the limit, else the seconds to wait; 0 per minute is no limit."""
        if per_minute == 0:
            return None
        limit = RateLimitItemPerMinute(per_minute)
        if await self._limiter.hit(limit, kind, who):
            return None
        window = await self._limiter.get_window_stats(limit, kind, who)
        return max(1, math.ceil(window.reset_time - time.time()))


def address_bucket(address: str) -> str:
    """What is counted as one client: an IPv4 address, an IPv6 network of 64 bits, or the text itself if it is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), _NETWORK_BITS), strict=False))
    return str(found)


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
