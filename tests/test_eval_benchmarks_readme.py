"""eval/benchmarks/README.md names the parts there are, and the sizes from which something changes."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec

import pytest
from conftest import CHECKOUT

from eval.benchmarks.__main__ import PARTS
from index.dense import RECALL
from index.snapshot import PASSAGE_TOKENS

README = (CHECKOUT / "eval" / "benchmarks" / "README.md").read_text(encoding="utf-8")
LIMITS = re.findall(r"^\| ([\d,]+) [^|]*\| [^|]*\| `(\w+)` in `(\w+)/(\w+)\.py` \|$", README, re.MULTILINE)


def test_every_part_is_named_with_its_command() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `python -m ([\w.]+)( \w+)?` \|", README, re.MULTILINE)
    assert {name for name, _, part in rows if part} == set(PARTS)
    for name, module, part in rows:
        assert find_spec(module) is not None, module
        assert part.strip() == name or module == f"eval.benchmarks.{name}"
    assert {name for name, _, part in rows if not part} == {"load", "growth"}


@pytest.mark.parametrize(("said", "name", "folder", "module"), LIMITS, ids=[limit[1] for limit in LIMITS])
def test_limits_are_those_of_the_code(said: str, name: str, folder: str, module: str) -> None:
    assert int(said.replace(",", "")) == getattr(import_module(f"{folder}.{module}"), name)


def test_every_limit_is_said() -> None:
    assert [name for _, name, _, _ in LIMITS] == ["FLAT_UP_TO", "COMPARED_UP_TO", "SCORED_UP_TO", "HELD_UP_TO"]
    assert f"{RECALL} of the nearest" in README.replace("\n", " ")
    assert f"at most {PASSAGE_TOKENS} a passage" in README.replace("\n", " ")
