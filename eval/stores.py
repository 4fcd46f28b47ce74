"""Do both stores, the local index and Milvus, give the same answers to the gold questions?

Run: `python -m eval.stores` loads the current index into a Milvus Lite file of its own; `--uri` names another Milvus
that holds the same version.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from corpus.detection import detector
from eval.__main__ import AS_OF
from eval.gold import GoldError, GoldQuestion, read_gold
from index.errors import IndexProblem
from index.fusion import load_fusion
from index.hybrid import HybridRetriever
from index.milvus import Milvus
from index.milvus_contents import MilvusContents
from index.milvus_load import load_into
from index.milvus_retriever import MilvusRetriever
from index.retrieval import Ranker
from index.snapshot import load_snapshot
from service.answers import Answer
from service.confidence import load_judge
from service.engine import make_encoder
from service.pipeline import Ask, Pipeline
from service.settings import settings

PARTS = ("outcome", "entries", "quotes", "texts")
NEAR = 1e-3
"""Confidences that differ by less are the same: sums of float32 in another order."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One question asked of both stores: the parts in which the answers differ, and both times in milliseconds."""

    question: GoldQuestion
    differing: tuple[str, ...]
    confidence_gap: float
    local_ms: float
    milvus_ms: float

    @property
    def same(self) -> bool:
        return not self.differing and self.confidence_gap < NEAR


def spread(questions: Sequence[GoldQuestion], per_language: int) -> list[GoldQuestion]:
    """So many of each language, by a hash of the id: all kinds among them, and the same ones each time."""
    by_language: dict[str, list[GoldQuestion]] = defaultdict(list)
    for question in sorted(questions, key=lambda q: hashlib.sha256(q.question_id.encode()).hexdigest()):
        by_language[question.language].append(question)
    return [question for own in by_language.values() for question in own[:per_language]]


def compare(local: Pipeline, milvus: Pipeline, questions: Sequence[GoldQuestion]) -> list[Compared]:
    """Each question answered by both, one after the other."""
    found = []
    for question in questions:
        ask = Ask(question.text, as_of=AS_OF)
        begun = time.perf_counter()
        first = local.answer(ask)
        between = time.perf_counter()
        second = milvus.answer(ask)
        ended = time.perf_counter()
        ones, others = _parts(first), _parts(second)
        found.append(
            Compared(
                question,
                tuple(name for name in PARTS if ones[name] != others[name]),
                abs(first.confidence - second.confidence),
                1000 * (between - begun),
                1000 * (ended - between),
            )
        )
    return found


def _parts(answer: Answer) -> dict[str, object]:
    passages = answer.passages or answer.related
    return {
        "outcome": answer.outcome,
        "entries": [(p.citation.document.doc_id, p.citation.entry.entry_id) for p in passages],
        "quotes": [(p.citation.quote, p.citation.start, p.citation.end, p.shown.quote) for p in passages],
        "texts": [(p.citation.text, p.shown.text, p.citation.document.sha256) for p in passages],
    }


def pipeline_of(ranker: Ranker) -> Pipeline:
    """The service's own judge and detector over a retriever."""
    return Pipeline(ranker, load_judge(), detector(settings().language_detector), settings().mailbox)


def table(compared: Sequence[Compared]) -> str:
    """Shares of sameness, and the medians of both times."""
    count = len(compared)
    lines = [f"{count} questions in {len({c.question.language for c in compared})} languages"]
    differing = Counter(part for c in compared for part in c.differing)
    lines += [f"same {part:10} {1 - differing[part] / count:.4f}" for part in PARTS]
    lines.append(f"same in all      {sum(c.same for c in compared) / count:.4f}")
    lines.append(f"confidence apart {max(c.confidence_gap for c in compared):.6f} at most")
    local, milvus = (np.median([getattr(c, name) for c in compared]) for name in ("local_ms", "milvus_ms"))
    lines.append(f"median answer    local {local:.1f} ms, Milvus {milvus:.1f} ms")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.stores", description=__doc__)
    parser.add_argument("--uri", help="a Milvus that holds the current index's version; one is made when not given")
    parser.add_argument("--name", default="faq", help="name of the index in it; default faq")
    parser.add_argument("--per-language", type=int, default=1000, help="at most so many questions of a language")
    arguments = parser.parse_args()
    try:
        questions = spread(read_gold(), arguments.per_language)
        encoder = make_encoder(settings())
        snapshot = load_snapshot(settings().index_dir, encoder.fingerprint)
        with TemporaryDirectory(prefix="stores-") as folder:
            milvus = Milvus(arguments.uri or str(Path(folder) / "lite.db"), arguments.name, timeout_s=60, create=True)
            begun = time.perf_counter()
            if load_into(milvus, snapshot, lambda done, total: None):
                print(f"loaded in {time.perf_counter() - begun:.1f} s")
            contents = MilvusContents(milvus, snapshot.manifest.version)
            compared = compare(
                pipeline_of(HybridRetriever(snapshot, encoder, load_fusion())),
                pipeline_of(MilvusRetriever(contents, encoder, load_fusion())),
                questions,
            )
            milvus.close()
    except (GoldError, IndexProblem) as error:
        print(error, file=sys.stderr)
        return 1
    for one in compared:
        if not one.same:
            told = ", ".join(one.differing) or "confidence"
            print(f"{one.question.question_id} ({one.question.language}): {told}; by {one.confidence_gap:.6f}")
    print(table(compared))
    return 0


if __name__ == "__main__":
    sys.exit(main())
