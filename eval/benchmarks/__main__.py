"""Run the benchmarks; tables on standard output, figures in eval/results/benchmarks.json.

Ratios within one run are what counts: absolute times are this machine's on this day.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from eval.__main__ import RESULTS, load_pipeline
from eval.benchmarks import builds, encoders, peers, service
from eval.benchmarks.tables import Row, table
from eval.benchmarks.worker import EXPORTED
from eval.gold import GoldQuestion, read_gold
from index.errors import IndexMissing, IndexProblem
from index.snapshot import Snapshot
from service.pipeline import Pipeline
from service.settings import settings

PARTS = ("stages", "service", "encoders", "build", "peers")


def _snapshot(pipeline: Pipeline) -> Snapshot:
    """The snapshot that answers. Raises IndexMissing where the index is not in files."""
    if not isinstance(pipeline.snapshot, Snapshot):
        raise IndexMissing("The peers are compared with an index in files. Unset MILVUS_URI.")
    return pipeline.snapshot


def _questions(seed: int = 11) -> list[GoldQuestion]:
    """Answerable gold questions of the test half, all languages mixed, no text twice."""
    chosen = {q.text: q for q in read_gold() if q.answerable and q.split == "test"}
    questions = list(chosen.values())
    random.Random(seed).shuffle(questions)  # noqa: S311 - for an order
    return questions


def _run(arguments: argparse.Namespace) -> dict[str, list[Row]]:
    gold = _questions()
    texts = [question.text for question in gold]
    found: dict[str, list[Row]] = {}
    with TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        if {"encoders", "peers"} & set(arguments.parts):
            encoders.export(folder / EXPORTED)
        pipeline = load_pipeline()
        rounds = arguments.rounds
        work: dict[str, Callable[[], list[Row]]] = {
            "stages": lambda: service.stages(pipeline, texts[: rounds * service.ROUND]),
            "service": lambda: service.benchmark(pipeline, texts, rounds),
            "encoders": lambda: encoders.benchmark(folder, texts, rounds),
            "build": lambda: builds.benchmark(
                settings().corpus_dir, pipeline.retriever.encoder, folder / "build", settings().build_threads
            ),
            "peers": lambda: peers.benchmark(_snapshot(pipeline), folder, gold, rounds, arguments.peers_python),
        }
        for part in arguments.parts:
            found[part] = work[part]()
            print(table(part, found[part]), end="\n\n", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of 8 questions for each engine; default 20")
    parser.add_argument("--peers-python", help="interpreter that has the peers; this one when not given")
    parser.add_argument("--out", type=Path, default=RESULTS / "benchmarks.json", help="where the figures go")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; use some of {', '.join(PARTS)}")
    try:
        found = _run(arguments)
    except IndexProblem as error:
        print(error, file=sys.stderr)
        return 1
    machine = {"processors": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    kept = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "parts": found}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
