"""Errors of the corpus: each names the file, the line, what is wrong and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file; `line` counts from 1."""

    path: Path
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}. {self.remedy}"


class CorpusError(Exception):
    """A corpus cannot be used as it stands; `problems` says why, all of it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ImportRefused(Exception):  # noqa: N818 - the outcome's name
    """A file or URL cannot be imported; nothing was written."""
