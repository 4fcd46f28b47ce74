"""The judge: signals of a ranking, two logistic models, thresholds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import constant_judge

from corpus.passages import Passage
from index.encoder import Encoded
from index.fusion import FEATURES
from index.retrieval import Query, RankedEntry, Ranking
from service.confidence import CALIBRATION_FILE, SIGNALS, Judge, LogisticModel, load_judge, signals


def features(**values: float) -> tuple[float, ...]:
    """Those named, the others nought."""
    return tuple(values.get(name, 0.0) for name in FEATURES)


FIRST = features(text_dense=0.9, text_maxsim=0.8, key_dense=0.5, key_best=0.6, lexical_text=0.4, lexical_key=0.2)
SECOND = features(text_dense=0.7, text_maxsim=0.85, key_dense=0.3, key_best=0.6, lexical_text=0.5)
THIRD = features(text_dense=0.95, lexical_key=0.1)
NEGATIVE = {"near_miss": 0.45, "off_topic": 0.15, "hostile": 0.25}


def ranking(
    *rows: tuple[float, ...],
    negative: dict[str, float] | None = None,
    text: str = "Can we  withdraw?",
    language: str = "en",
) -> Ranking:
    """The rows' entries in that order, each scored with the sum of its features."""
    nothing = Encoded(*(np.zeros(1, np.float32) for _ in range(3)))
    entries = tuple(
        RankedEntry(
            "faq", f"e{number}", sum(row), np.array(row, np.float32), Passage("p", "faq", "e", "fr", (), "", 0, 0)
        )
        for number, row in enumerate(rows)
    )
    return Ranking(Query(text, language), entries, {} if negative is None else negative, nothing)


def named(made: Ranking) -> dict[str, float]:
    values = signals(made)
    assert values.shape == (len(SIGNALS),) and values.dtype == np.float32
    return dict(zip(SIGNALS, values.tolist(), strict=True))


def test_signals_are_as_defined() -> None:
    found = named(ranking(FIRST, SECOND, THIRD, negative=NEGATIVE))
    expected = {f"first_{name}": value for name, value in zip(FEATURES, FIRST, strict=True)}
    expected |= {f"gap_{name}": a - b for name, a, b in zip(FEATURES, FIRST, SECOND, strict=True)}
    expected |= {
        "score_gap": sum(FIRST) - sum(SECOND),
        # The first has the most of all but text_dense (third), text_maxsim and lexical_text (second); ties count.
        "agreement": 1 - 3 / len(FEATURES),
        "negative_near_miss": 0.45,
        "negative_off_topic": 0.15,
        "negative_hostile": 0.25,
        "key_over_near_miss": 0.6 - 0.45,
        "key_over_off_topic": 0.6 - max(0.15, 0.25),
        "question_words": math.log(1 + 3),
    }
    assert found == pytest.approx(expected, abs=1e-6)


def test_an_only_entry_leads_over_nothing() -> None:
    found = named(ranking(FIRST))
    assert {name: found[f"gap_{name}"] for name in FEATURES} == {name: found[f"first_{name}"] for name in FEATURES}
    assert found["score_gap"] == pytest.approx(sum(FIRST))
    assert found["agreement"] == 1.0
    assert found["key_over_near_miss"] == found["key_over_off_topic"] == found["first_key_best"]


def test_nothing_found_signals_nothing() -> None:
    assert not signals(ranking(negative=NEGATIVE)).any()


def test_probability_by_formula() -> None:
    rng = np.random.default_rng(1)
    mean, scale, weights, values = rng.normal(size=(4, 5))
    scale = np.abs(scale) + 0.1
    logit = 0.3 + sum(w * (v - m) / s for w, v, m, s in zip(weights, values, mean, scale, strict=True))
    model = LogisticModel(mean, scale, weights, 0.3)
    assert model.probability(values.astype(np.float32)) == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-6)


@pytest.mark.parametrize(("bias", "limit"), [(1e6, 30.0), (-1e6, -30.0)])
def test_probability_of_extremes_stays_a_number(bias: float, limit: float) -> None:
    model = LogisticModel(np.zeros(1), np.ones(1), np.zeros(1), bias)
    assert model.probability(np.zeros(1, np.float32)) == 1 / (1 + math.exp(-limit))


@pytest.mark.parametrize(
    ("confidence", "in_scope", "outcome"),
    [
        (0.81, 0.9, "answered"),
        (0.81, 0.1, "answered"),  # what is answered is not asked whether it is in scope
        (0.79, 0.9, "low_confidence"),
        (0.41, 0.51, "low_confidence"),
        (0.79, 0.49, "out_of_scope"),
        (0.39, 0.51, "no_match"),
        (0.39, 0.49, "out_of_scope"),
    ],
)
def test_outcome_follows_the_thresholds(confidence: float, in_scope: float, outcome: str) -> None:
    verdict = constant_judge(confidence, in_scope).judge(ranking(FIRST, SECOND))
    assert verdict.outcome == outcome
    assert (verdict.confidence, verdict.in_scope) == pytest.approx((confidence, in_scope))


def test_threshold_itself_answers_and_language_may_have_its_own() -> None:
    constant = constant_judge(0.6)
    exact = constant.judge(ranking(FIRST)).confidence
    judge = Judge(constant.answering, constant.scope, {"*": exact, "mt": math.nextafter(exact, 1)}, exact, 0.5)
    assert judge.judge(ranking(FIRST, language="en")).outcome == "answered"
    assert judge.judge(ranking(FIRST, language="mt")).outcome == "low_confidence"


def test_nothing_found_is_never_answered() -> None:
    verdict = constant_judge(0.99).judge(ranking())
    assert (verdict.outcome, verdict.confidence) == ("no_match", 0.0)


def stored() -> dict[str, object]:
    width = len(SIGNALS)
    model = {"mean": [0.5] * width, "scale": [2.0] * width, "weights": [0.25] * width, "bias": -0.5}
    scope = model | {"bias": 1.5}
    thresholds = {"answer": {"*": 0.7, "ga": 0.9}, "related": 0.3, "scope": 0.6}
    return {"signals": list(SIGNALS), "answering": model, "scope": scope, "thresholds": thresholds}


def test_judge_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(stored()), encoding="utf-8")
    judge = load_judge(path)
    assert (judge.answer, judge.related, judge.scope_threshold) == ({"*": 0.7, "ga": 0.9}, 0.3, 0.6)
    made = ranking(FIRST, SECOND, negative=NEGATIVE)
    logit = sum((float(value) - 0.5) / 2.0 * 0.25 for value in signals(made))
    verdict = judge.judge(made)
    assert verdict.confidence == pytest.approx(1 / (1 + math.exp(0.5 - logit)))
    assert verdict.in_scope == pytest.approx(1 / (1 + math.exp(-1.5 - logit)))


@pytest.mark.parametrize("names", [SIGNALS[:-1], SIGNALS[::-1], (*SIGNALS, "more")])
def test_other_signals_are_refused_with_the_remedy(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(stored() | {"signals": list(names)}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"calibration\.json was fitted on other signals.*eval calibrate"):
        load_judge(path)


def test_shipped_calibration_can_be_used() -> None:
    judge = load_judge()
    for model in (judge.answering, judge.scope):
        assert len(model.mean) == len(model.scale) == len(model.weights) == len(SIGNALS)
        assert (model.scale > 0).all() and np.isfinite(model.weights).all()
    assert 0 <= judge.related < judge.answer["*"] <= 1 and 0 <= judge.scope_threshold <= 1
    promise = json.loads(CALIBRATION_FILE.read_text(encoding="utf-8"))["promise"]
    assert 0.9 <= promise < 1
