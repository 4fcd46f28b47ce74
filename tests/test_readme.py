"""What the README says is what happens."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from conftest import CHECKOUT

from eval.__main__ import EXPECTED_FILE
from eval.expected import PARITY
from index.errors import IndexProblem
from service.engine import make_encoder, make_pipeline
from service.pipeline import Ask, Pipeline
from service.schemas import IndexOut, answer_out
from service.settings import Settings

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    settings = Settings()
    try:
        return make_pipeline(settings, make_encoder(settings))
    except IndexProblem as error:
        pytest.skip(f"the shipped corpus has no index yet: {error}")


def _holds(said: Any, found: Any) -> bool:
    """Whatever the README shows stands in the answer; the answer may have more."""
    if isinstance(said, dict):
        return all(name in found and _holds(value, found[name]) for name, value in said.items())
    if isinstance(said, list):
        return len(said) <= len(found) and all(_holds(a, b) for a, b in zip(said, found, strict=False))
    return bool(said == found)


def test_the_example_question_gets_the_answer_shown(pipeline: Pipeline) -> None:
    command = next(line[2:] for line in README.splitlines() if line.startswith("$ curl"))
    question = json.loads(shlex.split(command)[-1])["question"]
    shown = json.loads(re.search(r"```json\n(.*?)```", README, re.DOTALL)[1])  # type: ignore[index]
    answer = answer_out(pipeline.answer(Ask(question)), "id", IndexOut(version="v", built="b", encoder="e"))
    assert _holds(shown, answer.model_dump(mode="json"))


def test_every_make_target_named_exists() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        name
        for text in CHECKOUT.glob("**/README.md")
        if ".venv" not in text.parts
        for name in re.findall(r"`make ([a-z-]+)`|\$ make ([a-z-]+)", text.read_text(encoding="utf-8"))
        for name in name
        if name
    }
    assert named
    assert named <= targets


def test_figures_are_those_kept() -> None:
    """The table of results names each figure as `eval/data/expected.json` has it."""
    kept = json.loads(EXPECTED_FILE.read_text(encoding="utf-8"))
    rows = re.findall(r"^\| `([^`]+)` \| ([0-9.]+) \|", README, re.MULTILINE)
    assert rows
    for name, value in rows:
        assert float(value) == round(kept["figures"][name], 3), name
    assert kept["parity"] == PARITY
