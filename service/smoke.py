"""The smoke questions: what a snapshot must find before it is served."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from index.contents import Contents
from index.errors import IndexUnfit
from index.retrieval import Query
from service.answers import QuestionLanguage
from service.pipeline import Ask, Pipeline

OWN_QUESTIONS = 24
"""How many of its own bank questions a snapshot is asked that has none of the documents of the smoke file."""


@dataclass(frozen=True, slots=True)
class SmokeQuestion:
    """A question and the entries of a document of which one must come first."""

    language: str
    question: str
    doc_id: str
    entries: tuple[str, ...]


def read_smoke(path: Path) -> tuple[SmokeQuestion, ...]:
    """Raises IndexUnfit, naming file and line, for what is not a smoke question."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise IndexUnfit(f"The smoke questions {path} cannot be read ({error}). Set SMOKE_FILE to a file.") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            found.append(SmokeQuestion(row["language"], row["question"], row["doc_id"], tuple(row["entries"])))
        except (ValueError, KeyError, TypeError) as error:
            raise IndexUnfit(
                f"{path}:{number}: {error!r}. Write a JSON object with language, question, doc_id and entries."
            ) from error
    return tuple(found)


def check_smoke(pipeline: Pipeline, questions: Sequence[SmokeQuestion], floor: float) -> float:
    """The share of the questions whose entry comes first, quoted; those on documents that the index lacks are passed
    over, and where that is all of them, it is asked questions of its own bank.

    Raises IndexUnfit when the share is below the floor, or there is nothing to find.
    """
    snapshot = pipeline.snapshot
    version = snapshot.manifest.version
    if not snapshot.manifest.counts["passages"]:
        raise IndexUnfit(f"The index {version} holds no passage. Run `make index` on a corpus that has some.")
    asked = [question for question in questions if question.doc_id in snapshot.documents] or _own(snapshot)
    if not asked:
        return 1.0
    missed = [question for question in asked if not _found(pipeline, question)]
    share = 1 - len(missed) / len(asked)
    if share < floor:
        named = "; ".join(f"{one.language}: {one.doc_id}#{one.entries[0]}" for one in missed[:5])
        raise IndexUnfit(
            f"The index {version} finds {share:.0%} of the smoke questions, less than SMOKE_FLOOR {floor:.0%} "
            f"(missed: {named}). Check the corpus and run `make index`, or `python -m index rollback`."
        )
    return share


def _own(contents: Contents) -> list[SmokeQuestion]:
    step = max(1, sum(contents.question_counts.values()) // OWN_QUESTIONS)
    return [
        SmokeQuestion(key.language, key.text, key.doc_id, (key.entry_id,))
        for key in islice(contents.questions(), 0, step * OWN_QUESTIONS, step)
    ]


def _found(pipeline: Pipeline, smoke: SmokeQuestion) -> bool:
    ranking = pipeline.retriever.rank(Query(smoke.question, smoke.language))
    # Composed as it would be for an asker, so that what cannot be quoted comes to light here.
    pipeline.judge_ranking(Ask(smoke.question), ranking, QuestionLanguage(smoke.language, 1.0, "stated"))
    first = ranking.entries[0] if ranking.entries else None
    return first is not None and first.doc_id == smoke.doc_id and first.entry_id in smoke.entries
