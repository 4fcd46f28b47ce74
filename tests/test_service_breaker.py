"""The circuit breaker, by a clock that stands still until told."""

from __future__ import annotations

from service.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_failures_in_a_row_and_lets_one_through_when_the_time_is_up() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, seconds=30, clock=clock)
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    assert not breaker.allows()
    clock.now += 29.9
    assert not breaker.allows()
    clock.now += 0.2
    assert [breaker.allows(), breaker.allows()] == [True, False]  # one alone
    breaker.failed()
    clock.now += 29
    assert not breaker.allows()
    clock.now += 2
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_a_success_between_failures_begins_the_count_anew() -> None:
    breaker = Breaker(failures=2, seconds=30, clock=Clock())
    for _ in range(5):
        breaker.failed()
        assert breaker.allows()
        breaker.succeeded()
