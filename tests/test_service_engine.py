"""The engine: repeated questions are remembered, too many are turned away, a slow one is given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from threading import Event

import anyio
import pytest
from conftest import MAILBOX, FixedDetector, constant_judge, make_settings

from index.hybrid import HybridRetriever
from index.retrieval import Query
from service.answers import Answer
from service.engine import Engine
from service.pipeline import Ask, Pipeline, UnknownDocument, UnknownLanguage
from service.problems import Refusal
from service.queue import Queue

QUESTION = "Can we revoke the cafe\u0301 clause?"


class Watched(Pipeline):
    """Counts the questions it is asked; works on each only while its gate is open."""

    def __init__(self, retriever: HybridRetriever) -> None:
        super().__init__(retriever, constant_judge(), FixedDetector("en"), MAILBOX)
        self.asked: list[Ask] = []
        self.gate = Event()
        self.gate.set()

    def answer(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        assert self.gate.wait(60)
        return super().answer(ask)


@pytest.fixture
def watched(retriever: HybridRetriever) -> Watched:
    return Watched(retriever)


def ask_all(engine: Engine, *asks: Ask) -> list[Answer]:
    """One after the other."""

    async def run() -> list[Answer]:
        return [await engine.answer(ask) for ask in asks]

    return anyio.run(run)


@pytest.mark.parametrize(
    "again",
    [
        QUESTION,
        "Can we revoke the caf\u00e9 clause?",
        f"  {QUESTION}\n",
        QUESTION.replace(" ", "\u00a0 \t"),
    ],
)
def test_repeated_question_is_not_searched_again(watched: Watched, again: str) -> None:
    first, second = ask_all(Engine(make_settings(), watched), Ask(QUESTION), Ask(again))
    assert len(watched.asked) == 1
    assert second.question == again
    assert replace(second, question=first.question) == first


@pytest.mark.parametrize(
    "other",
    [
        Ask(QUESTION.upper()),
        Ask(QUESTION.replace(" ", "")),
        Ask(QUESTION, language="fr"),
        Ask(QUESTION, top_k=1),
        Ask(QUESTION, documents=("faq",)),
        Ask(QUESTION, as_of=date(2025, 1, 1)),
    ],
)
def test_other_question_is_searched(watched: Watched, other: Ask) -> None:
    engine = Engine(make_settings(), watched)
    found = ask_all(engine, Ask(QUESTION), other, other)
    assert watched.asked == [Ask(QUESTION), other]
    assert found[1] == found[2]


def test_cache_is_bounded_and_forgets_what_was_longest_unasked(watched: Watched) -> None:
    a, b, c = (Ask(f"question {name}") for name in "abc")
    engine = Engine(make_settings(answer_cache_entries=2), watched)
    ask_all(engine, a, b, a, c)  # b was longest unasked when c came
    assert watched.asked == [a, b, c]
    ask_all(engine, a, c)
    assert watched.asked == [a, b, c]
    ask_all(engine, b)
    assert watched.asked == [a, b, c, b]


def test_cache_of_none_keeps_none(watched: Watched) -> None:
    ask_all(Engine(make_settings(answer_cache_entries=0), watched), Ask(QUESTION), Ask(QUESTION))
    assert len(watched.asked) == 2


def test_refusals_are_not_remembered(watched: Watched) -> None:
    engine = Engine(make_settings(), watched)
    for _ in range(2):
        with pytest.raises(UnknownLanguage):
            ask_all(engine, Ask(QUESTION, language="xx"))
        with pytest.raises(UnknownDocument):
            ask_all(engine, Ask(QUESTION, documents=("no-such",)))
    assert len(watched.asked) == 4


async def refusal(work: Callable[[], Awaitable[object]]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await work()
    return refused.value


@pytest.mark.parametrize(("concurrent", "queued"), [(1, 0), (1, 2), (3, 1)])
def test_full_queue_refuses_with_when_to_come_back(watched: Watched, concurrent: int, queued: int) -> None:
    engine = Engine(make_settings(concurrent_questions=concurrent, queued_questions=queued), watched)
    watched.gate.clear()
    answered: list[Answer] = []

    async def one(number: int) -> None:
        answered.append(await engine.answer(Ask(f"question {number}")))

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for number in range(concurrent + queued):
                group.start_soon(one, number)
            await anyio.wait_all_tasks_blocked()
            for work in (lambda: engine.answer(Ask("one more")), lambda: engine.search(Query("one more", "en"), 3)):
                refused = await refusal(work)
                assert (refused.status, refused.headers) == (503, {"Retry-After": "1"})
                assert "Too many" in refused.detail
            watched.gate.set()
        assert len(await engine.search(Query("one more", "en"), 3)) == 3  # there is room again

    anyio.run(run)
    assert len(answered) == concurrent + queued
    assert Ask("one more") not in watched.asked


def test_no_more_are_worked_on_than_set(watched: Watched) -> None:
    engine = Engine(make_settings(concurrent_questions=2, queued_questions=3), watched)
    watched.gate.clear()

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(engine.answer, Ask(f"question {number}"))
            await anyio.wait_all_tasks_blocked()
            assert engine.queue.inside == 5
            assert len(watched.asked) <= 2
            watched.gate.set()

    anyio.run(run)
    assert len(watched.asked) == 5


def test_slow_answer_is_given_up_and_not_remembered(watched: Watched) -> None:
    engine = Engine(make_settings(timeout_ms=1), watched)
    watched.gate.clear()

    async def run() -> None:
        refused = await refusal(lambda: engine.answer(Ask(QUESTION)))
        assert (refused.status, refused.headers) == (503, {"Retry-After": "5"})
        assert "longer than 1 ms" in refused.detail
        watched.gate.set()

    anyio.run(run)
    assert not engine._cache
    engine.queue = Queue(1, 0, timeout_ms=10_000)
    (answer,) = ask_all(engine, Ask(QUESTION))
    assert answer.outcome == "answered"
