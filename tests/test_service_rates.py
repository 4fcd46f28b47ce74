"""How often one may ask. The clock is real, so that a sliding minute is told only by what it must hold."""

from __future__ import annotations

import anyio
import pytest

from service.rates import Rates, address_bucket, is_loopback


def hits(rates: Rates, who: str, per_minute: int, count: int) -> list[int | None]:
    async def run() -> list[int | None]:
        return [await rates.hit("address", who, per_minute) for _ in range(count)]

    return anyio.run(run)


def test_more_than_the_limit_is_told_when_to_come_back() -> None:
    waits = hits(Rates(), "192.0.2.1", 3, 12)
    assert waits[:3] == [None] * 3
    refused = [wait for wait in waits if wait is not None]
    assert len(refused) >= 12 - 2 * 3  # were a minute to begin meanwhile, it would let in no more than the limit again
    assert all(1 <= wait <= 60 for wait in refused)


def test_each_has_their_own_count_and_zero_is_no_limit() -> None:
    rates = Rates()
    hits(rates, "192.0.2.1", 1, 5)
    assert hits(rates, "192.0.2.2", 1, 1) == [None]
    assert hits(rates, "192.0.2.1", 0, 100) == [None] * 100


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_what_counts_as_one_client(address: str, bucket: str) -> None:
    assert address_bucket(address) == bucket


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("192.0.2.1", False), ("unknown", False)],
)
def test_loopback(address: str, own: bool) -> None:
    assert is_loopback(address) is own
