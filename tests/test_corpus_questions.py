"""Question banks: read with their lines, refused with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus.errors import CorpusError, Problem
from corpus.questions import bank_paths, read_bank

BANK = """# a comment
withdraw:
  - "can we withdraw"
  - leave: later
"""


def write(folder: Path, text: str | bytes, name: str = "questions/faq/de.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(path: Path) -> list[Problem]:
    with pytest.raises(CorpusError) as caught:
        read_bank(path)
    assert all(problem.remedy and problem.path == path for problem in caught.value.problems)
    return caught.value.problems


def test_questions_are_read_with_entry_and_line(tmp_path: Path) -> None:
    text = '# comment\nwithdraw:\n  - "can we withdraw?"\n  - " Weg damit "\n\ndeadline:\n  - 2025\n  - \'bis wann\'\n'
    assert read_bank(write(tmp_path, text)) == [
        ("withdraw", "can we withdraw?", 3),
        ("withdraw", "Weg damit", 4),
        ("deadline", "2025", 7),
        ("deadline", "bis wann", 8),
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_bank_holds_nothing(tmp_path: Path, text: str) -> None:
    assert read_bank(write(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('a:\n  - "x"\n - "y"\n', 3, "The file is not YAML"),
        ("a: [\n", 2, "The file is not YAML"),
        (b"a:\n  - \xe9\n", 1, "The file is not YAML"),
        ('- "x"\n', 1, "The file is not a mapping"),
        ('a:\n  - "x"\nb: "y"\n', 3, "'b' holds no list"),
        ("a:\nb:\n  - x\n", 1, "'a' holds no list"),
        ('a:\n  - "x"\n  - ""\n', 3, "The question is empty or no text"),
        ("a:\n  - x: y\n", 2, "The question is empty or no text"),
        ('a:\n  - "Straße?"\nb:\n  - "STRASSE?"\n', 4, "The question 'STRASSE?' stands already on line 2"),
        ('? [a, b]\n: ["x"]\n', 1, "The key is no entry id"),
    ],
)
def test_an_error_names_its_line(tmp_path: Path, text: str | bytes, line: int, what: str) -> None:
    (found,) = problems(write(tmp_path, text))
    assert (found.line, found.what) == (line, what)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, 'a:\n  - "x"\n  - "X"\n  - ""\nb: 1\n', "questions/faq/xx.yaml")
    assert [(p.line, p.what.split(" ")[0]) for p in problems(path)] == [
        (1, "The"),  # language
        (3, "The"),  # said before
        (4, "The"),  # empty
        (5, "'b'"),
    ]


def test_banks_lie_in_questions_sorted(tmp_path: Path) -> None:
    for name in (
        "questions/b/de.yaml",
        "questions/a/fr.yaml",
        "questions/a/de.yaml",
        "questions/x.yaml",
        "data/a/de.yaml",
    ):
        write(tmp_path, BANK, name)
    assert [path.relative_to(tmp_path).as_posix() for path in bank_paths(tmp_path)] == [
        "questions/a/de.yaml",
        "questions/a/fr.yaml",
        "questions/b/de.yaml",
    ]
