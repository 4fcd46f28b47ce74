"""The check on the writer's sentences: what it keeps of supported ones, what it drops of others, and its floor.

Source: `eval/data/support.jsonl`, sentences written by hand for a passage. Kinds: `supported`; and what is wrong with
the others: `number`, `date`, `name`, `negation`, `drift` (true, but said elsewhere), `invented`. Every other sentence
of a kind, by a hash of its id, is for development; the floor is the likeness that 95 of 100 supported ones there reach.
Run: `python -m eval.support`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.collection import Collection, read_collection
from corpus.detection import detector
from corpus.documents import reference_document
from eval.gold import GoldError, Split
from index.errors import IndexProblem
from service.answers import Claim
from service.engine import make_encoder
from service.settings import settings
from service.support import LIKENESS_FLOOR, Evidence, Likeness, likeness_by, objection, words_in

SUPPORT_FILE = Path(__file__).parent / "data" / "support.jsonl"
KINDS = ("supported", "number", "date", "name", "negation", "drift", "invented")
KEPT_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence, what it cites as `doc_id#entry_id`, and whether that supports it (`kind` says what is wrong)."""

    sentence_id: str
    language: str
    cited: str
    kind: str
    sentence: str
    split: Split


def read_sentences(path: Path = SUPPORT_FILE) -> list[Judged]:
    """All sentences. Raises GoldError naming line and remedy."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            rows.append({name: str(row[name]) for name in ("id", "language", "cited", "kind", "sentence")})
        except (ValueError, KeyError) as error:
            raise GoldError(
                f"{path}:{number}: not a sentence ({error}). Write id, language, cited, kind, sentence."
            ) from error
        if rows[-1]["kind"] not in KINDS:
            raise GoldError(f"{path}:{number}: kind {rows[-1]['kind']!r} is unknown. Use one of {', '.join(KINDS)}.")
    places: dict[str, int] = {}
    by_kind: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_kind[row["kind"]].append(row["id"])
    for members in by_kind.values():
        ordered = sorted(members, key=lambda identity: hashlib.sha256(identity.encode()).hexdigest())
        places |= {identity: place for place, identity in enumerate(ordered)}
    return [
        Judged(
            row["id"], row["language"], row["cited"], row["kind"], row["sentence"],
            "dev" if places[row["id"]] % 2 else "test",
        )
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules object to, None for nothing, and the likeness with the sentence of the passage that is closest."""

    judged: Judged
    rule: str | None
    likeness: float

    def kept(self, floor: float) -> bool:
        return self.rule is None and self.likeness >= floor


def judge(sentences: Sequence[Judged], collection: Collection, likeness: Likeness) -> list[Verdict]:
    """Each sentence against the entry that it cites, in its language and in the reference text."""
    versions = collection.versions()
    found = []
    for judged in sentences:
        doc_id, entry_id = judged.cited.split("#")
        documents = versions[doc_id]
        reference = reference_document(documents)
        chosen = (reference, documents.get(judged.language, reference))
        evidence = Evidence({d.language: d.body(d.entry(entry_id)) for d in chosen})
        known = words_in(
            [d[judged.language].text for d in versions.values() if judged.language in d]
            + [question.text for question in collection.bank if question.language == judged.language]
        )
        closest: list[float] = []

        def measured(text: str, texts: Sequence[str], into: list[float] = closest) -> Sequence[float]:
            scores = likeness(text, texts)
            into.append(max(scores))
            return scores

        rule = objection(
            Claim(judged.sentence, (1,)),
            [evidence],
            judged.language,
            known_words=known,
            detector=detector("py3langid"),
            likeness=measured,
            floor=-1.0,
        )
        if not closest:  # a rule objected before the likeness was asked for
            measured(judged.sentence, list(evidence.texts.values())[-1:])
        found.append(Verdict(judged, rule, closest[-1]))
    return found


def floor_of(verdicts: Sequence[Verdict]) -> float:
    """The likeness that KEPT_SHARE of the supported development sentences reach."""
    known = [v.likeness for v in verdicts if v.judged.kind == "supported" and v.judged.split == "dev"]
    return float(np.quantile(known, 1 - KEPT_SHARE))


def table(verdicts: Sequence[Verdict], floor: float) -> str:
    """One line per split and kind: count, kept by the rules, by the floor, by both."""
    lines = [f"{'split':6}{'kind':12}{'n':>4}{'rules':>8}{'floor':>8}{'both':>8}   kept"]
    for split in ("dev", "test"):
        for kind in KINDS:
            rows = [v for v in verdicts if v.judged.kind == kind and v.judged.split == split]
            rules = sum(v.rule is None for v in rows)
            high = sum(v.likeness >= floor for v in rows)
            lines.append(f"{split:6}{kind:12}{len(rows):4}{rules:8}{high:8}{sum(v.kept(floor) for v in rows):8}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.support", description=__doc__)
    parser.add_argument("--sentences", action="store_true", help="also list development sentences judged wrongly")
    arguments = parser.parse_args()
    try:
        collection = read_collection(settings().corpus_dir)
        verdicts = judge(read_sentences(), collection, likeness_by(make_encoder(settings())))
    except (GoldError, IndexProblem) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(verdicts, LIKENESS_FLOOR))
    print(f"\nfloor in use {LIKENESS_FLOOR:.3f}, by the development half {floor_of(verdicts):.3f}")
    if arguments.sentences:
        for v in verdicts:
            if v.judged.split == "dev" and v.kept(LIKENESS_FLOOR) != (v.judged.kind == "supported"):
                print(f"{v.judged.kind:10} {v.rule or '-':9} {v.likeness:.3f} {v.judged.sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
