"""Growth: the index, and the whole search, at ten thousand, a hundred thousand and a million passages.

Tables on standard output, figures and curves in eval/results/. Each build and each search runs in a process of its own,
so that its memory is its own. The passages are real ones, copied, jittered and swapped (eval/benchmarks/grown.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from corpus.languages import REFERENCE_LANGUAGE
from eval.__main__ import RESULTS
from eval.benchmarks.curves import write_curves
from eval.benchmarks.grown import Grown, opened, read_base, write_rows
from eval.benchmarks.kinds import KINDS, compare
from eval.benchmarks.memory import resident_mib, watched
from eval.benchmarks.nearest import exact_rows, shared
from eval.benchmarks.tables import Row, table
from eval.benchmarks.workers import ROOT, percentile
from eval.gold import read_gold
from index.dense import DenseIndex
from index.encoder import Encoder
from index.errors import IndexProblem
from index.fusion import load_fusion
from index.hybrid import CANDIDATE_ROWS, CANDIDATES, HybridRetriever
from index.retrieval import Query
from index.snapshot import Snapshot, load_snapshot, read_passages, write_lexical
from index.texts import mapped
from service.engine import make_encoder
from service.settings import settings

SIZES = (10_000, 100_000, 1_000_000)
QUESTIONS, WARMING, LANGUAGES, K = 200, 20, 3, 10

Asked = tuple[str, str]
"""A question and its language."""

Times = list[float]
T = TypeVar("T")


def default_encoder() -> Encoder:
    return make_encoder(settings())


@dataclass(frozen=True, slots=True)
class Ground:
    """What grows and where, as a process of its own can be told: the index whose passages are the first, the folder of
    official files or None, the folder to work in."""

    index_dir: Path
    official: Path | None
    work: Path
    threads: int
    encoder: Callable[[], Encoder] = default_encoder

    def grown(self, count: int) -> tuple[Grown, Snapshot, Encoder]:
        encoder = self.encoder()
        snapshot = load_snapshot(self.index_dir, encoder.fingerprint)
        base = read_base(snapshot, self.official, encoder, self.work / "base", self.threads)
        return Grown(base, count), snapshot, encoder

    def folder(self, count: int) -> Path:
        return self.work / str(count)


def build(ground: Ground, count: int) -> Row:
    """Build what grows with the passages; making and encoding them is not in the times."""
    grown, snapshot, _ = ground.grown(count)
    folder = ground.folder(count)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_rows(grown, folder)
    passages, vectors, entries = read_passages(folder), mapped(folder / "passages.vectors.npy"), grown.entries()
    questions = snapshot.key_texts.vectors
    np.save(folder / "questions.npy", questions)
    with watched() as dense:
        DenseIndex.build(vectors, questions).save(folder / "passages.faiss")
    with watched() as lexical:
        write_lexical(folder / "lexical_text", passages, lambda passage: passage.searchable, entries)
    return {
        "passages": count,
        "dense s": dense.seconds,
        "BM25 s": lexical.seconds,
        "dense, own MiB at most": dense.grew_mib,
        "BM25, own MiB at most": lexical.grew_mib,
        "dense, MiB on disk": _size_mib(folder / "passages.faiss"),
        "BM25, MiB on disk": _size_mib(folder / "lexical_text"),
        "vectors and texts, MiB on disk": _size_mib(folder / "passages.vectors.npy")
        + _size_mib(folder / "passages.jsonl"),
    }


def search(ground: Ground, count: int, questions: Sequence[Asked]) -> Row:
    """The whole search as the service does it, and its parts, over questions after some to warm up."""
    threadpool_limits(1, user_api="blas")  # as the service has it
    grown, snapshot, encoder = ground.grown(count)
    started = time.perf_counter()
    big = opened(grown, ground.folder(count), snapshot)
    retriever = HybridRetriever(big, encoder, load_fusion())
    ready_s = time.perf_counter() - started
    for text, language in questions[:WARMING]:
        retriever.search(Query(text, language), K)

    def searched(documents: tuple[str, ...] | None = None) -> Times:
        return _times(questions, lambda asked: retriever.search(Query(asked[0], asked[1], documents), K))

    first = HybridRetriever(snapshot, encoder, load_fusion())
    beside = _times(questions, lambda asked: first.search(Query(*asked), K))
    worked = time.process_time()
    whole = searched()
    worked = time.process_time() - worked
    own, files = resident_mib()
    documents = list(dict.fromkeys(doc_id for doc_id, _ in big.entries))
    vectors = [encoder.encode(text, "query").sentence for text, _ in questions]
    parts = {
        "encoder": _times(questions, lambda asked: encoder.encode(asked[0], "query")),
        "dense": _times(vectors, lambda vector: big.passage_index.search(vector, CANDIDATE_ROWS)),
        "BM25": _times(questions, lambda asked: _propose(big, *asked)),
        "one document": searched((documents[-1],)),
        "half of the documents": searched(tuple(documents[::2])),
    }
    found = {k: [big.passage_index.search(vector, k)[0] for vector in vectors] for k in (K, CANDIDATE_ROWS)}
    right = exact_rows(big.passage_texts.vectors, vectors, CANDIDATE_ROWS)
    row: Row = {"passages": count, "p50 ms": percentile(whole, 0.5), "p95 ms": percentile(whole, 0.95)}
    for name, values in parts.items():
        row |= {f"{name} p50": percentile(values, 0.5), f"{name} p95": percentile(values, 0.95)}
    return row | {
        "times the index that ships": median(whole) / median(beside),
        "processor ms": 1000 * worked / len(questions),
        f"recall@{K}": shared(found[K], [rows[:K] for rows in right]),
        f"recall@{CANDIDATE_ROWS}": shared(found[CANDIDATE_ROWS], right),
        "own MiB": own,
        "of files, MiB": files,
        "ready s": ready_s,
    }


def gold_questions(languages: Sequence[str]) -> list[Asked]:
    """Answerable gold questions of the test half in these languages, in turn."""
    asked = {
        language: [q.text for q in read_gold() if q.language == language and q.split == "test" and q.answerable]
        for language in languages
    }
    longest = max(map(len, asked.values()))
    return [(texts[place % len(texts)], code) for place in range(longest) for code, texts in asked.items()][:QUESTIONS]


def apart(work: Callable[..., Row], *arguments: object) -> Row:
    """Do it in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def report(
    ground: Ground,
    sizes: Sequence[int],
    kinds: Sequence[str],
    keep: bool,
    run: Callable[..., Row] = apart,
    ask: Callable[[Sequence[str]], list[Asked]] = gold_questions,
) -> dict[str, list[Row]]:
    """Tables by name: `build` and `search`, a row a size, and `kinds` for the kinds of dense index named."""
    grown, _, _ = ground.grown(1)
    spoken = Counter(passage.language for passage in grown.base.passages)
    questions = ask([language for language, _ in spoken.most_common(LANGUAGES)])
    del grown
    found: dict[str, list[Row]] = {"build": [], "search": [], "kinds": []}
    for size in sizes:
        found["build"].append(run(build, ground, size))
        print(table("build", found["build"][-1:]), end="\n\n", flush=True)
        found["search"].append(run(search, ground, size, questions))
        print(table("search", found["search"][-1:]), end="\n\n", flush=True)
        for kind in kinds:
            texts = [text for text, _ in questions]
            found["kinds"].append(run(compare, ground.folder(size), kind, ground.encoder, texts, K))
            print(table("kinds", found["kinds"][-1:]), end="\n\n", flush=True)
        if not keep:
            shutil.rmtree(ground.folder(size))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.benchmarks.growth", description=__doc__)
    parser.add_argument(
        "sizes", nargs="*", type=int, default=list(SIZES), metavar="PASSAGES", help="default: %(default)s"
    )
    official = ROOT.parent / "shared" / "corpus"
    parser.add_argument(
        "--official", type=Path, default=official, metavar="DIR",
        help="folder with official files; without it, the shipped corpus is what grows",
    )  # fmt: skip
    parser.add_argument(
        "--kinds", nargs="*", choices=list(KINDS), help="dense indexes to compare as well; all when none is named"
    )
    parser.add_argument("--keep", action="store_true", help="keep what was built")
    parser.add_argument("--out", type=Path, default=RESULTS / "growth", metavar="DIR", help="where all of it goes")
    options = parser.parse_args(arguments)
    chosen = settings()
    given = options.official if options.official.is_dir() else None
    ground = Ground(chosen.index_dir, given, options.out, chosen.build_threads)
    try:
        kinds = () if options.kinds is None else options.kinds or tuple(KINDS)
        found = report(ground, options.sizes, kinds, options.keep)
    except IndexProblem as error:
        print(error, file=sys.stderr)
        return 1
    for name, rows in found.items():
        if rows:
            print(table(name, rows), end="\n\n")
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (options.out / "growth.json").write_text(text, encoding="utf-8")
    write_curves(found["search"], found["build"], options.out / "growth.svg")
    return 0


def _propose(snapshot: Snapshot, text: str, language: str) -> list[list[int]]:
    """The entries that BM25 proposes, in the question's language and in the reference language."""
    legs = [snapshot.lexical_text.get(code) for code in dict.fromkeys((language, REFERENCE_LANGUAGE))]
    return [leg.ask(text, len(snapshot.entries)).best(CANDIDATES) for leg in legs if leg is not None]


def _times(items: Sequence[T], work: Callable[[T], object]) -> Times:
    """Milliseconds for each."""
    taken = []
    for item in items:
        started = time.perf_counter()
        work(item)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def _size_mib(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20


if __name__ == "__main__":
    sys.exit(main())
