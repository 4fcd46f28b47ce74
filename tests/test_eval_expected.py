"""The gold test questions, asked of the shipped index: no figure falls, no language falls behind."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from eval.__main__ import EXPECTED_FILE, load_pipeline, run_questions, score_rows
from eval.expected import behind, fallen
from eval.gold import read_gold
from eval.scores import Scored, headline, language_figures
from index.errors import IndexProblem


@pytest.fixture(scope="module")
def scored() -> list[Scored]:
    try:
        pipeline = load_pipeline()
    except IndexProblem as error:
        pytest.skip(f"the shipped corpus has no index yet: {error}")
    return score_rows(pipeline, run_questions(pipeline.retriever, [q for q in read_gold() if q.split == "test"]))


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return dict(json.loads(EXPECTED_FILE.read_text(encoding="utf-8")))


def test_no_figure_falls(scored: list[Scored], expected: dict[str, Any]) -> None:
    assert fallen(headline(scored), expected) == []


def test_no_language_falls_behind_french(scored: list[Scored], expected: dict[str, Any]) -> None:
    hits = {code: figures["hit@1"] for code, figures in language_figures(scored).items()}
    assert len(hits) == 24
    assert behind(hits, expected["parity"]) == []


def test_every_quote_is_exact(scored: list[Scored]) -> None:
    assert headline(scored)["quotes_exact"] == 1.0


def test_a_fall_is_told() -> None:
    expected = {"tolerance": 0.01, "figures": {"hit@1 mean": 0.9, "ECE": 0.03}}
    assert fallen({"hit@1 mean": 0.895, "ECE": 0.035}, expected) == []
    assert len(fallen({"hit@1 mean": 0.85, "ECE": 0.05}, expected)) == 2
    assert len(fallen({"hit@1 mean": math.nan, "ECE": 0.03}, expected)) == 1


def test_a_language_behind_is_told() -> None:
    assert behind({"fr": 0.95, "mt": 0.81}, 0.15) == []
    assert len(behind({"fr": 0.95, "mt": 0.79}, 0.15)) == 1
