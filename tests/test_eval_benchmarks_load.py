"""The load test, short, against the tiny service as a real process; its verdicts on figures made up."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import httpx
import pytest
from conftest import make_settings
from test_service_serving import served

from eval.benchmarks import load
from eval.benchmarks.load import GROWTH_LIMIT_MIB, Level, Soak, Tally, faults, measure, table
from eval.benchmarks.memory import grown_mib, tree, tree_own_mib
from eval.benchmarks.traffic import Call, distinct, mixed

QUESTIONS = [("can we withdraw our signature", "en"), ("is there a deadline for signing", "en")]


def test_a_short_run_against_a_real_process(
    index_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "figures" / "load.json"
    with served(index_root, answer_cache_entries=64, timeout_ms=120_000) as service:
        arguments = ["load", "--url", service.url, "--pid", str(service.process.pid), "--json", str(out)]
        monkeypatch.setattr(sys, "argv", [*arguments, "--seconds", "1", "--minutes", "0.1", "--levels", "1", "8"])
        code = load.main()
    told = capsys.readouterr()
    assert code == 0, told.err
    figures = json.loads(out.read_text())
    assert [level["clients"] for level in figures["levels"]] == [1, 8]
    for level in figures["levels"]:
        assert level["answered"] > 0 and level["failed"] == level["turned_away"] == 0
        assert 0 < level["p50_ms"] <= level["p95_ms"]
    soaked = figures["soak"]
    assert soaked["requests"] > 0
    assert soaked["failed"] == 0 and min(soaked["memory_mib"]) > 20
    assert told.out.count("\n| ") == 3 - 1 and "Mixed traffic, 0.1 minutes" in told.out


def test_each_kind_of_the_mixed_traffic_is_answered_as_expected(index_root: Path) -> None:
    async def run(url: str) -> Tally:
        tally, picks = Tally(), random.Random(1)
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            for number in range(100):
                await tally.send(client, mixed(QUESTIONS, picks, number))
        return tally

    with served(index_root, timeout_ms=120_000) as service:
        tally = asyncio.run(run(service.url))
    assert (len(tally.latencies_ms), dict(tally.failures)) == (100, {})


def test_beyond_the_queue_clients_are_told_when_to_come_back(index_root: Path) -> None:
    with served(index_root, concurrent_questions=1, queued_questions=1, slow_ms=50) as service:
        calls = distinct(QUESTIONS)
        level = asyncio.run(measure(service.url, 6, 2.0, lambda: next(calls)))
    assert level.answered > 0 and level.turned_away > 0
    assert level.failures == {}


def replies(status: int, text: str = "", headers: dict[str, str] | None = None) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status, text=text, headers=headers))


@pytest.mark.parametrize(
    ("transport", "failed", "turned_away"),
    [
        (replies(200), False, False),
        (replies(500), True, False),
        (replies(503, "Too many questions", {"Retry-After": "1"}), False, True),
        (replies(503, "Too many questions"), True, False),
        (replies(503, "The answer took longer", {"Retry-After": "5"}), False, True),
        (replies(429), True, False),
    ],
)
def test_only_a_refusal_that_says_when_to_come_back_is_no_failure(
    transport: httpx.MockTransport, failed: bool, turned_away: bool
) -> None:
    level = asyncio.run(measure("http://x", 2, 0.1, lambda: Call("POST", "/v1/answers", {}), transport))
    assert (level.failed > 0, level.turned_away > 0) == (failed, turned_away)
    assert (level.answered > 0) == (not failed and not turned_away)


GOOD = Level(8, 1.0, 100, 0, 0, 100.0, 5.0, 9.0, {})
STILL = Soak(1.0, 100, 0, [100.0] * 60, 0.0, {})


def test_what_breaks_a_promise_is_named() -> None:
    room = make_settings().concurrent_questions + make_settings().queued_questions
    beyond = replace(GOOD, clients=2 * room, turned_away=7)
    assert faults([GOOD, beyond], STILL, room) == []
    for bad, said in (
        (replace(GOOD, failed=1, failures={"/": 1}), "8 clients: 1 failed"),
        (replace(GOOD, turned_away=1), "turned away, though"),
        (replace(GOOD, answered=0), "nothing was answered"),
    ):
        (fault,) = faults([GOOD, bad], STILL, room)
        assert said in fault
    (fault,) = faults([GOOD], replace(STILL, grown_mib=GROWTH_LIMIT_MIB + 1), room)
    assert "memory grew" in fault
    (fault,) = faults([GOOD], replace(STILL, failed=2), room)
    assert "mixed traffic: 2 failed" in fault
    assert table([GOOD, beyond], None).splitlines()[2:] == [
        "| 8 | 100.0 | 5.0 | 9.0 | 0 | 0 |",
        f"| {2 * room} | 100.0 | 5.0 | 9.0 | 7 | 0 |",
    ]


def test_growth_is_the_last_third_over_the_middle_one() -> None:
    assert grown_mib([0, 50, 100, 100, 101, 99, 110, 110, 110]) == 110 - 100
    assert grown_mib([0.0, 90.0, *[100.0] * 10]) == 0
    assert grown_mib([1.0, 2.0, 3.0]) == 0


def test_memory_is_read_of_the_process_and_those_below() -> None:
    assert os.getpid() in tree(os.getpid())
    before = tree_own_mib(os.getpid())
    held = bytearray(b"x") * (64 << 20)
    assert 60 < tree_own_mib(os.getpid()) - before < 68
    assert len(held) == 64 << 20
    assert tree_own_mib(2**30) == 0


def test_the_traffic_is_mixed_and_the_same_each_time() -> None:
    calls = [mixed(QUESTIONS, random.Random(1), number) for number in range(100)]
    assert {call.path.split("/")[1] for call in calls} >= {"v1", "", "metrics", "readyz"}
    assert {call.expected for call in calls} == {200, 404, 422}
    assert calls == [mixed(QUESTIONS, random.Random(1), number) for number in range(100)]
    asked = [call.body["question"] for call in islice(distinct(QUESTIONS), 50)]
    assert len(set(asked)) == 50
