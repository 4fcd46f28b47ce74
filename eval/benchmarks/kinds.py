"""Kinds of dense index over the same vectors, each searched as little as finds enough; why index/dense.py has its rule.

What keeps less than whole vectors proposes ten times as many rows as are wanted, and these are compared in full.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from eval.benchmarks.memory import resident_mib, watched
from eval.benchmarks.nearest import exact_rows, shared
from eval.benchmarks.tables import Row
from eval.benchmarks.workers import percentile
from index.dense import RECALL
from index.encoder import Encoder
from index.texts import mapped

_faiss: Any = faiss
Vectors = npt.NDArray[np.float32]

KINDS = {
    "flat": "Flat",
    "lists": "IVF{lists},Flat",
    "lists, 8 bits": "IVF{lists},SQ8",
    "lists, 1 bit": "IVF{lists},PQ{bytes}",
    "graph": "HNSW32,Flat",
}
"""Name, with the bits for a number where they are not 32, to FAISS's own description."""

_TUNING, _TIMES, _TRAINED_ON, _CHUNK, _SEED = 200, 10, 64, 50_000, 1


def compare(folder: Path, kind: str, encoder: Callable[[], Encoder], texts: Sequence[str], k: int) -> Row:
    """One kind over `passages.vectors.npy` in the folder; built, saved, mapped, tuned on `questions.npy`, asked."""
    vectors: Vectors = mapped(folder / "passages.vectors.npy")
    questions = [encoder().encode(text, "query").sentence for text in texts]
    lists = int(2 * len(vectors) ** 0.5)
    path = folder / "kind.faiss"
    with watched() as work:
        described = KINDS[kind].format(lists=lists, bytes=vectors.shape[1] // 8)
        built = faiss.index_factory(vectors.shape[1], described, faiss.METRIC_INNER_PRODUCT)
        rng = np.random.default_rng(_SEED)
        sample = np.sort(rng.choice(len(vectors), min(len(vectors), lists * _TRAINED_ON), replace=False))
        built.train(np.ascontiguousarray(vectors[sample]))
        for start in range(0, len(vectors), _CHUNK):
            built.add(np.ascontiguousarray(vectors[start : start + _CHUNK]))
        faiss.write_index(built, str(path))
    del built
    before = resident_mib()
    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    whole = KINDS[kind].endswith("Flat")

    def ask(question: Vectors, effort: int) -> npt.NDArray[np.int64]:
        count = min(k if whole else k * _TIMES, len(vectors))
        rows: npt.NDArray[np.int64] = index.search(question[None, :], count, params=_parameters(kind, effort))[1][0]
        rows = rows[rows >= 0]
        return rows if whole else rows[np.argsort(-(vectors[rows] @ question), kind="stable")][:k]

    bank = mapped(folder / "questions.npy")
    tuning = list(bank[rng.choice(len(bank), min(len(bank), _TUNING), replace=False)])
    effort = _tuned(ask, tuning, exact_rows(vectors, tuning, k), 1 if kind == "flat" else lists)
    taken: list[float] = []
    found = []
    for question in questions:
        started = time.perf_counter()
        found.append(ask(question, effort))
        taken.append((time.perf_counter() - started) * 1000)
    own, files = (now - then for now, then in zip(resident_mib(), before, strict=True))
    size = path.stat().st_size / 2**20
    path.unlink()
    return {
        "passages": len(vectors),
        "kind": kind,
        "effort": effort,
        f"recall@{k}": shared(found, exact_rows(vectors, questions, k)),
        "p50 ms": percentile(taken, 0.5),
        "p95 ms": percentile(taken, 0.95),
        "build s": work.seconds,
        "build, own MiB at most": work.grew_mib,
        "MiB on disk": size,
        "own MiB": own,
        "of files, MiB": files,
    }


def _parameters(kind: str, effort: int) -> Any:
    if kind == "graph":
        return _faiss.SearchParametersHNSW(efSearch=effort)
    return None if kind == "flat" else _faiss.SearchParametersIVF(nprobe=effort)


def _tuned(
    ask: Callable[[Vectors, int], npt.NDArray[np.int64]],
    questions: Sequence[Vectors],
    right: Sequence[npt.NDArray[np.int64]],
    most: int,
) -> int:
    """The least effort (lists, or rows held while a graph is walked) that finds enough of the right rows."""
    effort = 1
    while effort < most and shared([ask(question, effort) for question in questions], right) < RECALL:
        effort = min(most, max(effort + 1, int(effort * 1.3)))
    return effort
