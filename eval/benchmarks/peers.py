"""The same passages and questions in txtai, Haystack and LlamaIndex, each set up as its documentation says.

Peers are not installed with the rest: `requirements-peers.lock`, which `make bench` puts into a place of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from eval.benchmarks.tables import Row
from eval.benchmarks.worker import PASSAGES
from eval.benchmarks.workers import Worker, ask_in_turn, in_rounds, percentile, ratio, started
from eval.gold import GoldQuestion
from index.snapshot import Snapshot

OURS = ("retriever", "service")
PEERS = ("txtai", "haystack", "llamaindex")
ROUND, CALLERS = 8, 4


def write_passages(snapshot: Snapshot, folder: Path) -> None:
    """What is searched: the very texts that our index encodes."""
    lines = (
        json.dumps({"entry": f"{passage.doc_id}#{passage.entry_id}", "text": passage.searchable}, ensure_ascii=False)
        for passage in snapshot.passages
    )
    (folder / PASSAGES).write_text("\n".join(lines) + "\n", encoding="utf-8")


def benchmark(
    snapshot: Snapshot, folder: Path, questions: Sequence[GoldQuestion], rounds: int, python: str | None
) -> list[Row]:
    """One row an engine. hit@1 is over the questions asked, by the first entry found."""
    write_passages(snapshot, folder)
    asked = questions[: rounds * ROUND]
    chunks = in_rounds([question.text for question in asked], ROUND)
    pythons = dict.fromkeys(PEERS, python) if python is not None else {}
    with started([*OURS, *PEERS], folder, pythons) as (workers, missing):
        ask_in_turn(workers, chunks)
        ask_in_turn(workers, chunks, CALLERS)
        rows = [_row(worker, workers[0], asked) for worker in workers]
    return rows + [{"engine": name, "skipped": reason} for name, reason in missing.items()]


def hit_at_1(answers: dict[str, list[str]], questions: Sequence[GoldQuestion]) -> float:
    """The share of answerable questions whose first entry is right; NaN where none was asked."""
    hits = [
        answers[question.text][:1] != [] and tuple(answers[question.text][0].split("#", 1)) in question.relevant
        for question in questions
        if question.answerable and question.text in answers
    ]
    return sum(hits) / len(hits) if hits else float("nan")


def _row(worker: Worker, ours: Worker, questions: Sequence[GoldQuestion]) -> Row:
    return {
        "engine": worker.name,
        "hit@1": hit_at_1(worker.answers, questions),
        "median ms": median(worker.ms),
        "p95 ms": percentile(worker.ms, 0.95),
        "one question, times ours": ratio(worker.rounds_ms, ours.rounds_ms),
        f"questions/s, {CALLERS} callers": median(ROUND / seconds for seconds in worker.rounds_s),
        "peak MiB": worker.peak_mib,
        "memory, times ours": worker.peak_mib / ours.peak_mib,
        "ready s, index included": worker.ready_s,
    }
