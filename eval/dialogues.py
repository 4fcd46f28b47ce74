"""Two-turn dialogues: how often the second question is understood, with and without the first.

Source: `eval/data/dialogues/<language>.jsonl`. Kinds: `follow_up` (the second question leans on the first), `switch`
(it stands alone, and the conversation must not get in its way), `unanswerable` (thanks, off topic, not in the corpus).
Run: `python -m eval.dialogues`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from corpus.detection import detector
from eval.gold import GoldError, Split
from eval.metrics import hit_at, mean
from index.errors import IndexProblem
from service.answers import Answer
from service.channels.dialogue import converse
from service.engine import make_encoder, make_pipeline
from service.pipeline import Ask, Pipeline
from service.settings import settings

DIALOGUES_FOLDER = Path(__file__).parent / "data" / "dialogues"
KINDS = ("follow_up", "switch", "unanswerable")
Condition = Literal["without", "with"]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Two questions of one asker; `relevant` holds `doc_id#entry_id` of what answers the second, empty for nothing."""

    dialogue_id: str
    language: str
    kind: str
    turns: tuple[str, str]
    relevant: tuple[str, ...]
    split: Split


def read_dialogues(folder: Path = DIALOGUES_FOLDER) -> list[Dialogue]:
    """All dialogues, by language and place. Raises GoldError naming file, line and remedy."""
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
                identity, kind, relevant, turns = row["id"], row["kind"], row["relevant"], row["turns"]
            except (ValueError, KeyError) as error:
                keys = "id, language, kind, turns and relevant"
                raise GoldError(f"{where}: not a dialogue ({error}). Write {keys}.") from error
            if kind not in KINDS or len(turns) != 2 or identity in seen:
                known = ", ".join(KINDS)
                found = f"kind {kind!r}, {len(turns)} turns, id {identity!r}"
                raise GoldError(f"{where}: {found}. Use a new id, one of {known}, two turns.")
            if bool(relevant) != (kind != "unanswerable"):
                raise GoldError(f"{where}: kind {kind!r} and relevant {relevant} do not agree. Mend one of them.")
            seen.add(identity)
            rows.append(row)
    splits = _splits(rows)
    return [
        Dialogue(
            dialogue_id=str(row["id"]),
            language=str(row["language"]),
            kind=str(row["kind"]),
            turns=tuple(row["turns"]),  # type: ignore[arg-type]
            relevant=tuple(row["relevant"]),  # type: ignore[arg-type]
            split=splits[str(row["id"])],
        )
        for row in rows
    ]


def _splits(rows: Iterable[dict[str, object]]) -> dict[str, Split]:
    """Every other dialogue of a language and kind, in the order of their ids' hashes, is a test dialogue."""
    strata: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        strata[f"{row['language']} {row['kind']}"].append(str(row["id"]))
    chosen: dict[str, Split] = {}
    for members in strata.values():
        for place, identity in enumerate(sorted(members, key=lambda i: hashlib.sha256(i.encode()).hexdigest())):
            chosen[identity] = "dev" if place % 2 else "test"
    return chosen


@dataclass(frozen=True, slots=True)
class DialogueResult:
    """What came of a dialogue's second question. `shown` are the entries of its answer, best first: none are shown
    with `no_match` and `out_of_scope`."""

    dialogue: Dialogue
    outcome: str
    shown: tuple[str, ...]

    @property
    def hit(self) -> float:
        """1.0 when the first entry shown is right, else 0.0; NaN where nothing is relevant."""
        return hit_at(self.shown, self.dialogue.relevant, 1)

    @property
    def answered_wrongly(self) -> bool:
        return self.outcome == "answered" and self.shown[0] not in self.dialogue.relevant


def run_dialogues(dialogues: Sequence[Dialogue], pipeline: Pipeline, condition: Condition) -> list[DialogueResult]:
    """Ask every second question, `with` or `without` the first one before it."""
    chosen = settings()
    detect = detector(chosen.language_detector)

    async def ask(question: Ask) -> Answer:
        return pipeline.answer(question)

    async def run() -> list[DialogueResult]:
        results = []
        for dialogue in dialogues:
            turns = dialogue.turns if condition == "with" else dialogue.turns[1:]
            answer = await converse(ask, turns, detect, chosen.max_question_chars, chosen.mailbox)
            shown = (passage.citation for passage in answer.passages or answer.related)
            keys = tuple(f"{citation.document.doc_id}#{citation.entry.entry_id}" for citation in shown)
            results.append(DialogueResult(dialogue, answer.outcome, keys))
        return results

    return asyncio.run(run())


def run_both(dialogues: Sequence[Dialogue], pipeline: Pipeline) -> dict[Condition, list[DialogueResult]]:
    """Every second question asked both ways."""
    return {
        "without": run_dialogues(dialogues, pipeline, "without"),
        "with": run_dialogues(dialogues, pipeline, "with"),
    }


@dataclass(frozen=True, slots=True)
class DialogueFigures:
    """Of some second questions: how many, hit@1 of what is shown (NaN where nothing is relevant), how many are
    answered, and how many of those wrongly."""

    count: int
    hit: float
    answered: int
    wrongly: int


def figures(results: Sequence[DialogueResult]) -> DialogueFigures:
    return DialogueFigures(
        count=len(results),
        hit=mean([r.hit for r in results]),
        answered=sum(r.outcome == "answered" for r in results),
        wrongly=sum(r.answered_wrongly for r in results),
    )


def table(results: dict[Condition, list[DialogueResult]]) -> str:
    """One line per split, kind and condition: count, hit@1 of what is shown, answered rightly, answered wrongly."""
    lines = [f"{'split':6}{'kind':14}{'conversation':14}{'n':>4}{'hit@1':>8}{'answered':>10}{'wrongly':>9}"]
    for split in ("dev", "test"):
        for kind in KINDS:
            for condition, rows in results.items():
                chosen = [r for r in rows if r.dialogue.kind == kind and r.dialogue.split == split]
                if not chosen:
                    continue
                f = figures(chosen)
                lines.append(f"{split:6}{kind:14}{condition:14}{f.count:4}{f.hit:8.3f}{f.answered:10}{f.wrongly:9}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.dialogues", description=__doc__)
    parser.add_argument("--split", choices=("dev", "test"), help="only these; both when not given")
    parser.add_argument("--failures", action="store_true", help="also list development dialogues that go wrong")
    arguments = parser.parse_args()
    try:
        dialogues = [d for d in read_dialogues() if arguments.split in (None, d.split)]
        pipeline = make_pipeline(settings(), make_encoder(settings()))
        results = run_both(dialogues, pipeline)
        print(table(results))
        if arguments.failures:
            for before, after in zip(results["without"], results["with"], strict=True):
                if after.dialogue.split == "dev" and (after.hit == 0.0 or after.answered_wrongly):
                    turns = " / ".join(after.dialogue.turns)
                    print(f"{after.dialogue.dialogue_id} {before.outcome} -> {after.outcome}: {turns}")
                    print(f"    relevant {', '.join(after.dialogue.relevant)}; shown {', '.join(after.shown)}")
    except (GoldError, IndexProblem) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
