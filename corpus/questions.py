"""Question banks: other ways people ask for an entry, and questions that no entry answers.

They become index keys and training data, so a gold question never stands among them.
Source: `corpus/questions/<doc_id>/<language>.yaml` and `corpus/questions/unanswered/<language>.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from corpus.errors import CorpusError, Problem
from corpus.languages import LANGUAGES
from corpus.yaml_loader import LOADER

UNANSWERED = "unanswered"
NEGATIVE_KINDS = ("near_miss", "off_topic", "hostile")


@dataclass(frozen=True, slots=True)
class BankQuestion:
    """A question and the entry that answers it."""

    doc_id: str
    entry_id: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Negative:
    """A question that nothing in the corpus answers; kind is one of NEGATIVE_KINDS."""

    kind: str
    language: str
    text: str


def bank_paths(corpus: Path) -> Iterator[Path]:
    yield from sorted((corpus / "questions").glob("*/*.yaml"))


def read_bank(path: Path) -> list[tuple[str, str, int]]:
    """(entry id or kind, question, line) of one file. Raises CorpusError naming every problem."""
    problems: list[Problem] = []
    if path.stem not in LANGUAGES:
        problems.append(Problem(path, 1, f"The language {path.stem!r} is unknown", "Name the file as de.yaml"))
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        raise CorpusError(
            [Problem(path, line, "The file is not YAML", "Put each question in double quotes")]
        ) from error
    found: list[tuple[str, str, int]] = []
    if root is not None and not isinstance(root, yaml.MappingNode):
        problems.append(
            Problem(path, 1, "The file is not a mapping", 'Write `entry-id:` and below it `  - "question"`')
        )
        root = None
    seen: dict[str, int] = {}
    for key, value in root.value if root is not None else []:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(path, line, "The key is no entry id", 'Write `entry-id:` and below it `  - "..."`'))
            continue
        if not isinstance(value, yaml.SequenceNode):
            problems.append(Problem(path, line, f"{key.value!r} holds no list", 'Write its questions as `  - "..."`'))
            continue
        for node in value.value:
            line = node.start_mark.line + 1
            if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
                problems.append(Problem(path, line, "The question is empty or no text", "Put it in double quotes"))
                continue
            text = node.value.strip()
            if text.casefold() in seen:
                what = f"The question {text!r} stands already on line {seen[text.casefold()]}"
                problems.append(Problem(path, line, what, "Keep it under the entry that answers it best"))
                continue
            seen[text.casefold()] = line
            found.append((key.value, text, line))
    if problems:
        raise CorpusError(problems)
    return found
