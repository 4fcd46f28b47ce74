"""The rules of the house: arrows point one way, folders say what they are, nothing names a machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHECKOUT

FOLDERS = ("corpus", "index", "service", "eval")
"""From left to right; a folder imports only from itself and from those to its left."""

NOT_OURS = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}


def modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted(path for path in (CHECKOUT / folder).rglob("*.py") if not NOT_OURS & set(path.parts))


def wrong_imports(source: str, folder: str) -> list[str]:
    """What a module of this folder imports against the rules, as `line: what`, wherever in the module it stands."""
    right = FOLDERS[FOLDERS.index(folder) + 1 :] if folder in FOLDERS else ()
    forbidden = {*right, "tests", "conftest"} if folder in FOLDERS else set()
    wrong = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                if root in FOLDERS or root in forbidden:
                    wrong.append(f"{node.lineno}: import {alias.name}")
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            root = module.split(".")[0]
            from_root = module in FOLDERS and folder in FOLDERS
            if node.level or root in forbidden or from_root:
                wrong.append(f"{node.lineno}: from {'.' * node.level}{module} import")
    return wrong


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_a_module_imports_only_to_its_left_and_from_the_owner(path: Path) -> None:
    folder = path.relative_to(CHECKOUT).parts[0]
    assert wrong_imports(path.read_text(encoding="utf-8"), folder) == []


@pytest.mark.parametrize("path", sorted((CHECKOUT / "tests").glob("*.py")), ids=lambda path: path.stem)
def test_a_test_imports_by_from(path: Path) -> None:
    assert wrong_imports(path.read_text(encoding="utf-8"), "tests") == []


@pytest.mark.parametrize(
    ("source", "folder", "count"),
    [
        ("from corpus.documents import Document", "index", 0),
        ("from index.dense import DenseIndex", "index", 0),
        ("import numpy as np\nfrom evaluate import x\nimport indexing", "corpus", 0),
        ("from index.dense import DenseIndex", "corpus", 1),
        ("def late():\n    from service.app import create_app", "index", 1),
        ("if TYPE_CHECKING:\n    from eval.gold import Gold", "service", 1),
        ("from index import dense", "service", 1),
        ("import eval", "eval", 1),
        ("import numpy, corpus.documents", "index", 1),
        ("from . import dense\nfrom .dense import DenseIndex", "index", 2),
        ("from conftest import CHECKOUT", "eval", 1),
        ("from index import dense", "tests", 0),
        ("import index.dense", "tests", 1),
    ],
)
def test_the_import_rule_sees_what_it_should(source: str, folder: str, count: int) -> None:
    assert len(wrong_imports(source, folder)) == count


def test_every_folder_of_code_says_in_one_line_what_it_is_and_nothing_more() -> None:
    folders = {path.parent for path in modules()}
    assert {CHECKOUT / folder for folder in FOLDERS} <= folders
    for folder in sorted(folders):
        path = folder / "__init__.py"
        assert path.is_file(), f"{folder} has no __init__.py"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstring = ast.get_docstring(tree, clean=False)
        assert docstring, f"{path} has no docstring"
        assert "\n" not in docstring, f"{path}: more than one line"
        assert len(tree.body) == 1, f"{path} holds code; a name is imported from the module that owns it"


def test_every_module_has_a_docstring() -> None:
    tests = sorted((CHECKOUT / "tests").glob("*.py"))
    silent = [
        path for path in [*modules(), *tests] if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_tests_are_flat_and_named_after_what_they_test() -> None:
    assert not [path for path in (CHECKOUT / "tests").rglob("*.py") if path.parent != CHECKOUT / "tests"]


def tracked() -> list[Path]:
    """The files under version control; in an exported tree, all that stand in the folders and at the top."""
    if (CHECKOUT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True, text=True)
        found = [CHECKOUT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for path in CHECKOUT.rglob("*") if not NOT_OURS & set(path.relative_to(CHECKOUT).parts)]
        found = [path for path in found if path.relative_to(CHECKOUT).parts[:2] not in UNTRACKED]
    return [path for path in found if path.is_file()]


UNTRACKED = {("index", "models"), ("index", "snapshots"), ("eval", "results")}

MACHINE_PATH = re.compile(r"(?<![\w.:/~*}-])/(?:work|root|tmp|home|Users|mnt)/[\w.]")
PACKAGE_INDEX = re.compile(
    r"--(?:extra-)?index-url|--trusted-host|--find-links|(?:^|\W)(?:pypi|pythonhosted|artifactory|nexus|devpi)\.[a-z.]+/",
    re.MULTILINE,
)


def found_in_tracked(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked():
        if path == Path(__file__):
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(CHECKOUT)}: {match.group()}" for match in pattern.finditer(text)]
    return found


def test_no_tracked_file_names_a_folder_of_some_machine() -> None:
    assert len(tracked()) > 100
    assert found_in_tracked(MACHINE_PATH) == []


def test_no_tracked_file_names_a_package_registry() -> None:
    assert found_in_tracked(PACKAGE_INDEX) == []


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (MACHINE_PATH, "open('/work/main/x')", True),
        (MACHINE_PATH, "/root/.cache", True),
        (MACHINE_PATH, "see /tmp/log.txt", True),
        (MACHINE_PATH, "https://example.org/work/x", False),
        (MACHINE_PATH, "out/tmp/x or ~/tmp/x", False),
        (PACKAGE_INDEX, "-r x --index-url https://mirror", True),
        (PACKAGE_INDEX, "https://pypi.example.org/simple/", True),
        (PACKAGE_INDEX, "numpy==2.4.6  # pinned", False),
    ],
)
def test_the_patterns_find_what_they_should(pattern: re.Pattern[str], text: str, found: bool) -> None:
    assert bool(pattern.search(text)) == found
