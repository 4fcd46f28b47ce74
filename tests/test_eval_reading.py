"""What a cross-encoder is worth, on made-up rankings where that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from conftest import make_settings
from test_eval_fitting import row

from eval import __main__ as commands
from eval.fitting import Reading, Weighing, fit_reading, mean_loss
from eval.reading import hits, read_questions, reading_table
from eval.runs import RunRow
from index.cross_encoder import Logits, Reranker
from index.fusion import FEATURES


def readings(sign: float, count: int = 60) -> list[Reading]:
    """Fused scores that say nothing; logits that are `sign` higher for the relevant entry, with noise."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(count):
        relevant = np.zeros(5, bool)
        relevant[rng.integers(5)] = True
        found.append(Reading(rng.random(5), rng.standard_normal(5) + sign * 1.5 * relevant, relevant))
    return found


def test_a_telling_cross_encoder_gets_a_weight_and_a_misleading_one_none() -> None:
    telling, misleading = readings(1.0), readings(-1.0)
    without, with_it = fit_reading(telling)
    assert without.weight == 0.0 < with_it.weight
    assert mean_loss(telling, with_it) < mean_loss(telling, without) - 0.1
    assert hits(telling, with_it.weight) > hits(telling, 0.0) + 0.2
    for factor in (0.5, 2):
        assert mean_loss(telling, with_it) <= mean_loss(telling, Weighing(with_it.scale * factor, with_it.weight))
    assert fit_reading(misleading)[1].weight == 0.0


def test_logits_that_only_repeat_the_scores_are_worth_nothing() -> None:
    """Scores that tell, on a scale too small for chances: a weight would sharpen them, and nothing else."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(200):
        relevant = np.zeros(5, bool)
        relevant[rng.integers(5)] = True
        scores = 0.1 * (rng.standard_normal(5) + 1.5 * relevant)
        found.append(Reading(scores, 10 * scores + rng.standard_normal(5), relevant))
    without, with_it = fit_reading(found)
    assert without.scale > 5
    assert with_it.weight < 0.02
    assert mean_loss(found, with_it) > mean_loss(found, without) - 0.02


def test_a_question_without_a_relevant_entry_teaches_nothing() -> None:
    lost = Reading(np.ones(2), np.array([5.0, -5.0]), np.zeros(2, bool))
    assert fit_reading([*readings(1.0), lost]) == fit_reading(readings(1.0))
    assert fit_reading([lost])[1].weight == 0.0
    assert math.isnan(mean_loss([lost], Weighing(1.0, 1.0)))
    assert math.isnan(hits([], 1.0))


class ByPlace:
    """Thinks the second text the best."""

    def logits(self, question: str, texts: Sequence[str]) -> Logits:
        return np.array([5.0 if place == 1 else 0.0 for place in range(len(texts))], np.float32)


def rows_of() -> list[RunRow]:
    """The second entry is the relevant one, the first has the higher score; in both halves."""
    features = np.zeros((3, len(FEATURES)), np.float32)
    features[0, 0] = 1.0
    found = [row(number, features, [1]) for number in range(8)]
    return [
        replace(r, question=replace(r.question, split="dev" if place % 2 else "test")) for place, r in enumerate(found)
    ]


def test_the_table_tells_both_halves_and_the_weight_to_set() -> None:
    found = read_questions(rows_of(), Reranker(ByPlace(), 2, 0.1))
    assert {split: len(own) for split, own in found.items()} == {"dev": 4, "test": 4}
    assert [len(reading.scores) for reading in found["dev"]] == [2] * 4
    table = reading_table(found)
    assert "| development | 4 | 0.000 | 1.000 |" in table
    assert "| test | 4 | 0.000 | 1.000 |" in table
    assert "CROSS_ENCODER_WEIGHT=" in table


def test_one_that_does_not_help_is_to_be_left_out() -> None:
    table = reading_table({"dev": readings(-1.0), "test": readings(-1.0)})
    assert "leave CROSS_ENCODER out" in table
    assert "CROSS_ENCODER_WEIGHT" not in table


def test_the_command_asks_for_a_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(commands, "settings", make_settings)
    monkeypatch.setattr("sys.argv", ["eval", "cross-encoder"])
    assert commands.main() == 2
    assert "CROSS_ENCODER is not set" in capsys.readouterr().err
