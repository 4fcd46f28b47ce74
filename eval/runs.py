"""A run: every gold question ranked by a retriever, and what each ranking is worth."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from eval.gold import GoldQuestion
from index.retrieval import Query, Ranker, Ranking


@dataclass(frozen=True, slots=True)
class RunRow:
    """A gold question with its ranking; `language` is the one detected, which the ranking was made for."""

    question: GoldQuestion
    ranking: Ranking
    language: str

    @property
    def keys(self) -> list[tuple[str, str]]:
        """The ranked entries, best first."""
        return [(entry.doc_id, entry.entry_id) for entry in self.ranking.entries]

    @property
    def first_is_right(self) -> bool:
        return bool(self.keys) and self.keys[0] in self.question.relevant


def make_run(
    questions: Iterable[GoldQuestion], retriever: Ranker, languages: dict[str, str], threads: int = 2
) -> list[RunRow]:
    """Rank every question in the language that `languages` gives for its id."""
    chosen = list(questions)

    def rank(question: GoldQuestion) -> RunRow:
        language = languages[question.question_id]
        return RunRow(question, retriever.rank(Query(question.text, language)), language)

    with ThreadPoolExecutor(threads) as pool:
        rows = []
        for done, row in enumerate(pool.map(rank, chosen), start=1):
            rows.append(row)
            if sys.stderr.isatty() and done % 50 == 0:
                print(f"\r{done} of {len(chosen)} questions ranked", end="", file=sys.stderr)
    return rows


def write_trec(rows: list[RunRow], run: Path, qrels: Path, tag: str) -> None:
    """TREC run and qrels files, which `ir_measures` and trec_eval read; a document is `<doc_id>#<entry_id>`."""
    with run.open("w", encoding="utf-8") as file:
        for row in rows:
            for rank, entry in enumerate(row.ranking.entries, start=1):
                name = f"{entry.doc_id}#{entry.entry_id}"
                # The score falls with the rank, since trec_eval orders by score and breaks ties by name.
                file.write(f"{row.question.question_id} Q0 {name} {rank} {1000 - rank} {tag}\n")
    with qrels.open("w", encoding="utf-8") as file:
        for row in rows:
            for doc_id, entry_id in row.question.relevant:
                file.write(f"{row.question.question_id} 0 {doc_id}#{entry_id} 1\n")
