"""Used-up keys: known for a span, the newest so many, and forgotten when told."""

from __future__ import annotations

from service.channels.replays import Replays


def test_a_key_is_first_once_within_the_span() -> None:
    now = [0.0]
    replays = Replays(10, clock=lambda: now[0])
    assert [replays.first("a"), replays.first("a"), replays.first("b")] == [True, False, True]
    now[0] = 9.9
    assert not replays.first("a")
    now[0] = 10.0
    assert replays.first("a")


def test_the_oldest_give_way() -> None:
    replays = Replays(10, entries=2, clock=lambda: 0.0)
    assert all(replays.first(key) for key in "abc")
    assert [replays.first("b"), replays.first("a")] == [False, True]


def test_a_forgotten_key_may_come_again() -> None:
    replays = Replays(10)
    assert replays.first("a")
    replays.forget("a")
    replays.forget("never seen")
    assert replays.first("a")
