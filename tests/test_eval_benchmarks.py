"""The benchmarks' arithmetic, and their engines over the wire, with a worker that needs no model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from eval.benchmarks import worker as worker_module
from eval.benchmarks.peers import hit_at_1, write_passages
from eval.benchmarks.tables import table
from eval.benchmarks.worker import PASSAGES, memory_mib, run
from eval.benchmarks.workers import EngineMissing, Worker, ask_in_turn, in_rounds, percentile, ratio, started
from eval.gold import GoldQuestion
from index.snapshot import Snapshot


def question(text: str, *relevant: tuple[str, str]) -> GoldQuestion:
    return GoldQuestion(text, "faq", "en", text, "plain" if relevant else "off_topic", relevant, None, "test")


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.9, 0.95, 1.0)] == [50, 90, 95, 100]
    assert percentile([7.0], 0.95) == 7.0


def test_a_ratio_is_of_rounds_so_that_a_slow_moment_falls_on_both() -> None:
    slow, quick = [[4.0, 4.0], [400.0, 400.0], [4.0, 4.0]], [[2.0, 2.0], [200.0, 200.0], [2.0, 2.0]]
    assert ratio(slow, quick) == 2.0
    with pytest.raises(ValueError):
        ratio(slow, quick[:2])


def test_rounds_are_whole() -> None:
    assert in_rounds(["a", "b", "c", "d", "e"], 2) == [["a", "b"], ["c", "d"]]


def test_hit_at_1_counts_answerable_questions_by_their_first_entry() -> None:
    questions = [
        question("a", ("faq", "x")),
        question("b", ("faq", "x"), ("faq", "y")),
        question("c"),
        question("d", ("f", "z")),
    ]
    answers = {"a": ["faq#x", "faq#y"], "b": ["faq#z", "faq#y"], "c": ["faq#x"], "d": []}
    assert hit_at_1(answers, questions) == pytest.approx(1 / 3)
    assert hit_at_1(answers, [question("b", ("faq", "z"))]) == 1
    assert hit_at_1({}, questions) != hit_at_1({}, questions), "NaN where none was asked"


def test_callers_answer_every_text_in_order() -> None:
    for callers in (1, 3):
        reply = run(lambda text: [text.upper()], ["a", "b", "c", "d"], callers)
        assert reply["answers"] == [["A"], ["B"], ["C"], ["D"]]
        assert len(reply["ms"]) == 4  # type: ignore[arg-type]
    assert 0 < memory_mib()["resident_mib"] <= memory_mib()["peak_mib"]


STUB = """
import sys
from eval.benchmarks import worker

def make(folder):
    print("engines may print")
    return lambda text: [f"{folder.name}#{text}"]

worker.ENGINES["stub"] = make
sys.exit(worker.main())
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter whose worker knows the engine `stub`."""
    script, program = tmp_path / "stub.py", tmp_path / "python"
    script.write_text(STUB, encoding="utf-8")
    program.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "{script}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_an_engine_answers_from_its_own_process(python: str, tmp_path: Path) -> None:
    engines = [Worker("stub", tmp_path / name, python) for name in ("one", "two")]
    try:
        ask_in_turn(engines, [["a", "b"], ["c", "d"]])
        ask_in_turn(engines, [["a", "b"]], callers=2)
        for engine, name in zip(engines, ("one", "two"), strict=True):
            assert engine.answers == {text: [f"{name}#{text}"] for text in "abcd"}
            assert [len(times) for times in engine.rounds_ms] == [2, 2]
            assert len(engine.ms) == 4
            assert len(engine.rounds_s) == 1
            assert engine.ready_s > 0 and engine.peak_mib >= engine.start_mib > 0
    finally:
        for engine in engines:
            engine.stop()


def test_an_engine_that_cannot_start_is_left_out_with_the_reason(python: str, tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="no-such"):
        Worker("no-such", tmp_path, python)
    with started(["stub", "no-such"], tmp_path, {"stub": python, "no-such": python}) as (workers, missing):
        assert [worker.name for worker in workers] == ["stub"]
        assert list(missing) == ["no-such"]


def test_peers_search_the_texts_that_we_encode(snapshot: Snapshot, tmp_path: Path) -> None:
    write_passages(snapshot, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / PASSAGES).read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == [passage.searchable for passage in snapshot.passages]
    assert {row["entry"] for row in rows} == {f"{doc_id}#{entry_id}" for doc_id, entry_id in snapshot.entries}
    assert worker_module._rows(tmp_path) == rows


def test_a_table_shows_what_is_missing() -> None:
    told = table("Speed", [{"engine": "a", "ms": 1.2345, "n": 123456.0}, {"engine": "b", "skipped": "no | package"}])
    assert told.splitlines() == [
        "### Speed",
        "",
        "| engine | ms | n | skipped |",
        "| --- | --- | --- | --- |",
        "| a | 1.23 | 123,456 | – |",
        "| b | – | – | no \\| package |",
    ]
