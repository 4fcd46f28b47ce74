"""The queue: in order, within its bounds, within its time; a thread that hangs keeps its place taken."""

from __future__ import annotations

from contextvars import ContextVar
from threading import Event

import anyio
import pytest

from service.problems import Refusal
from service.queue import Queue

LONG = 60_000


def test_first_come_is_first_served() -> None:
    queue = Queue(1, 50, LONG)
    gate, order = Event(), list[int]()

    def job(number: int) -> int:
        assert gate.wait(60)
        order.append(number)
        return number

    async def one(number: int) -> None:
        assert await queue.run(lambda: job(number)) == number

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(one, number)
                await anyio.wait_all_tasks_blocked()  # the next one comes once this one waits
            gate.set()

    anyio.run(run)
    assert order == list(range(40))
    assert queue.inside == 0


def test_what_waited_too_long_is_never_begun_and_leaves_its_place() -> None:
    queue = Queue(1, 1, 50)
    gate, begun = Event(), list[str]()

    def hang(name: str) -> None:
        begun.append(name)
        assert gate.wait(60)

    async def refused(name: str) -> Refusal:
        with pytest.raises(Refusal) as caught:
            await queue.run(lambda: hang(name))
        return caught.value

    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(refused, "first")
            await anyio.wait_all_tasks_blocked()
            assert "longer than 50 ms" in (await refused("second")).detail
        assert queue.inside == 1, "the thread that hangs is not free"
        async with anyio.create_task_group() as group:
            group.start_soon(refused, "third")
            await anyio.wait_all_tasks_blocked()
            assert "Too many" in (await refused("fourth")).detail
        gate.set()
        while queue.inside:
            await anyio.sleep(0.001)
        await queue.run(lambda: begun.append("fifth"))

    anyio.run(run)
    assert begun == ["first", "fifth"]


def test_what_would_not_end_in_time_is_turned_away_at_once_and_told_when_to_come_back() -> None:
    queue = Queue(2, 50, 10_000)
    queue._job_s = 4.0  # so two at once are two turns in 8 s, and a third turn would end after 12
    gate = Event()

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(queue.run, lambda: gate.wait(60))
                await anyio.wait_all_tasks_blocked()
            with pytest.raises(Refusal) as refused:
                await queue.run(lambda: None)
            assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})
            gate.set()
        queue._job_s = 999.0
        await queue.run(lambda: None)  # a free place is never refused, or one slow job would shut the door for good
        assert queue._job_s < 999

    anyio.run(run)


def test_a_fault_is_raised_and_leaves_its_place() -> None:
    queue = Queue(1, 0, LONG)

    async def run() -> None:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await queue.run(lambda: 1 // 0)
        assert queue.inside == 0

    anyio.run(run)


def test_the_jobs_context_is_the_askers() -> None:
    queue, asker = Queue(1, 9, LONG), ContextVar("asker", default="nobody")

    async def one(name: str) -> None:
        asker.set(name)
        assert await queue.run(asker.get) == name

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for name in "abc":
                group.start_soon(one, name)

    anyio.run(run)
