"""Gold questions: what people ask, which entries answer it, which sentence does.

Source: `eval/data/gold/<part>/<language>.jsonl`, written apart from the question bank. The split into development
and test is made once, by a hash of the question's id within its language and kind: tune on development only.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["dev", "test"]

GOLD_FOLDER = Path(__file__).parent / "data" / "gold"
ANSWERABLE = ("plain", "colloquial", "keywords", "scenario", "no_accents", "typo", "false_premise")
UNANSWERABLE = ("near_miss", "off_topic", "hostile")
KINDS = ANSWERABLE + UNANSWERABLE


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """`relevant` holds `(doc_id, entry_id)`, best first, empty where nothing answers; `quote` is the sentence of the
    reference text of the first one that answers, None where none was chosen."""

    question_id: str
    part: str
    language: str
    text: str
    kind: str
    relevant: tuple[tuple[str, str], ...]
    quote: str | None
    split: Split

    @property
    def answerable(self) -> bool:
        return bool(self.relevant)


class GoldError(Exception):
    """A gold file cannot be used; names file, line and remedy."""


def read_gold(folder: Path = GOLD_FOLDER) -> list[GoldQuestion]:
    """All gold questions, sorted by id. Raises GoldError."""
    rows: list[tuple[str, dict[str, object]]] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*/*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
                kind, identity, relevant = row["kind"], row["id"], row["relevant"]
            except (ValueError, KeyError) as error:
                raise GoldError(f"{where}: not a gold question ({error}). See eval/README.md for the keys.") from error
            if kind not in KINDS:
                raise GoldError(f"{where}: the kind {kind!r} is unknown. Use one of {', '.join(KINDS)}.")
            if bool(relevant) != (kind in ANSWERABLE):
                raise GoldError(f"{where}: kind {kind!r} and relevant {relevant} do not agree. Mend one of them.")
            if identity in seen:
                raise GoldError(f"{where}: the id {identity!r} stands already at {seen[identity]}. Give it another.")
            seen[identity] = where
            rows.append((path.parent.name, row))
    splits = _splits([(str(row["id"]), f"{row['language']} {row['kind']}") for _, row in rows])
    questions = [
        GoldQuestion(
            question_id=str(row["id"]),
            part=part,
            language=str(row["language"]),
            text=str(row["question"]),
            kind=str(row["kind"]),
            relevant=tuple(_key(key) for key in row["relevant"]),  # type: ignore[attr-defined]
            quote=None if row.get("quote") is None else str(row["quote"]),
            split=splits[str(row["id"])],
        )
        for part, row in rows
    ]
    return sorted(questions, key=lambda question: question.question_id)


def _key(text: str) -> tuple[str, str]:
    doc_id, _, entry_id = text.partition("#")
    return doc_id, entry_id


def _splits(questions: list[tuple[str, str]]) -> dict[str, Split]:
    """Every other question of a language and kind, in the order of their ids' hashes, is a test question."""
    strata: dict[str, list[str]] = defaultdict(list)
    for identity, stratum in questions:
        strata[stratum].append(identity)
    chosen: dict[str, Split] = {}
    for stratum, members in strata.items():
        offset = hashlib.sha256(stratum.encode()).digest()[0] % 2  # so that odd ones out go both ways
        for place, identity in enumerate(sorted(members, key=lambda i: hashlib.sha256(i.encode()).hexdigest())):
            chosen[identity] = "dev" if (place + offset) % 2 else "test"
    return chosen
