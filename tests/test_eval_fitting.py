"""Fitting on made-up rankings where it is known what tells right from wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from corpus.passages import Passage
from eval.fitting import (
    MARGIN,
    PROMISE,
    REFERENCE_WEIGHT,
    _answer_thresholds,
    _related_threshold,
    _scope_threshold,
    fit_fusion,
    fit_judge,
    promise_threshold,
    write_json,
)
from eval.gold import GoldQuestion
from eval.runs import RunRow
from index.encoder import Encoded
from index.fusion import FEATURES, Fusion, load_fusion
from index.retrieval import Query, RankedEntry, Ranking
from service.confidence import SIGNALS, load_judge, signals

TELLING = "key_maxsim"


def row(
    number: int, features: npt.NDArray[np.float32], relevant: list[int], kind: str = "plain", off_topic: float = 0.0
) -> RunRow:
    """A question whose candidates have these features, float32 (n, f); those at the places `relevant` answer."""
    passage = Passage("p", "faq", "e", "fr", (), "", 0, 0)
    entries = tuple(
        RankedEntry("faq", f"e{place}", float(values.sum()), values, passage) for place, values in enumerate(features)
    )
    nothing = Encoded(*(np.zeros(1, np.float32) for _ in range(3)))
    ranking = Ranking(Query("some words", "en"), entries, {"off_topic": off_topic}, nothing)
    keys = tuple(("faq", f"e{place}") for place in relevant)
    return RunRow(GoldQuestion(f"q{number}", "faq", "en", "some words", kind, keys, None, "dev"), ranking, "en")


@pytest.fixture(scope="module")
def told() -> list[RunRow]:
    """In each of 60 lists of two to six, one feature is highest for the relevant entry; the others are noise."""
    rng = np.random.default_rng(2)
    rows = []
    for number in range(60):
        count = int(rng.integers(2, 7))
        features = rng.random((count, len(FEATURES))).astype(np.float32)
        place = int(rng.integers(count))
        features[place, FEATURES.index(TELLING)] = 1.5
        rows.append(row(number, features, [place]))
    return rows


def test_fusion_fit_finds_the_telling_feature(told: list[RunRow]) -> None:
    weights = fit_fusion(told)
    assert set(weights) == set(FEATURES)
    assert min(weights.values()) >= 0
    assert weights["reference"] >= REFERENCE_WEIGHT
    assert sum(weights.values()) == pytest.approx(4, abs=REFERENCE_WEIGHT + len(FEATURES) * 0.5e-4)
    others = [weight for name, weight in weights.items() if name not in (TELLING, "reference")]
    assert weights[TELLING] > 3 * max(others)
    fusion = Fusion(np.array([weights[name] for name in FEATURES], np.float32))
    first = [
        int(np.argmax(fusion.scores(np.stack([entry.features for entry in made.ranking.entries])))) for made in told
    ]
    right = [made.keys[place] in made.question.relevant for made, place in zip(told, first, strict=True)]
    assert sum(right) >= 0.95 * len(right)


def test_misleading_feature_weighs_nothing(told: list[RunRow]) -> None:
    misled = []
    for number, made in enumerate(told):
        features = np.stack([entry.features for entry in made.ranking.entries])
        place = made.keys.index(made.question.relevant[0])
        features[:, 0] = 1.0
        features[place, 0] = 0.0
        misled.append(row(number, features, [place]))
    assert fit_fusion(misled)[FEATURES[0]] == 0.0


def test_questions_without_a_relevant_candidate_teach_nothing(told: list[RunRow]) -> None:
    silent = [row(100 + number, np.ones((3, len(FEATURES)), np.float32) * number, []) for number in range(20)]
    assert fit_fusion([*told, *silent]) == fit_fusion(told)


def test_fused_weights_can_be_read_by_the_index(told: list[RunRow], tmp_path: Path) -> None:
    weights = fit_fusion(told)
    write_json(tmp_path / "made" / "fusion.json", {"weights": weights, "questions": len(told)})
    read = load_fusion(tmp_path / "made" / "fusion.json").weights.tolist()
    assert read == pytest.approx([weights[name] for name in FEATURES])


# The judge


@pytest.fixture(scope="module")
def judged() -> list[RunRow]:
    """The first entry is right where its text_maxsim is high, but for noise; off-topic questions are near others
    known to be so."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(300):
        outside = number % 5 == 0
        right = not outside and number % 3 > 0
        features = rng.random((2, len(FEATURES))).astype(np.float32)
        features[0, FEATURES.index("text_maxsim")] = (2.0 if right else 0.5) + rng.normal() * 0.4
        kind = ("hostile" if number % 2 else "off_topic") if outside else "plain" if right else "near_miss"
        rows.append(row(number, features, [0] if right else [], kind, 0.9 if outside else 0.1 + 0.1 * rng.random()))
    return rows


@pytest.fixture(scope="module")
def calibration(judged: list[RunRow]) -> dict[str, object]:
    return fit_judge(judged)


def test_judge_keeps_its_promise_and_tells_scope(
    judged: list[RunRow], calibration: dict[str, object], tmp_path: Path
) -> None:
    write_json(tmp_path / "calibration.json", calibration)
    judge = load_judge(tmp_path / "calibration.json")
    verdicts = [judge.judge(made.ranking) for made in judged]
    answered = [
        made.first_is_right for made, verdict in zip(judged, verdicts, strict=True) if verdict.outcome == "answered"
    ]
    assert len(answered) > 0.4 * len(judged)
    assert sum(answered) / len(answered) >= PROMISE - 0.01
    for made, verdict in zip(judged, verdicts, strict=True):
        if made.question.kind in ("off_topic", "hostile"):
            assert verdict.outcome == "out_of_scope"
        elif verdict.outcome != "answered":
            assert verdict.outcome in ("low_confidence", "no_match")
    assert calibration["questions"] == len(judged)
    assert calibration["promise"] == PROMISE


def test_stored_model_is_scikit_learns(judged: list[RunRow], calibration: dict[str, object], tmp_path: Path) -> None:
    write_json(tmp_path / "calibration.json", calibration)
    stored = json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8"))
    assert stored["signals"] == list(SIGNALS)
    values = np.stack([signals(made.ranking) for made in judged]).astype(np.float64)
    scaler = StandardScaler().fit(values)
    for name, labels in (
        ("answering", [made.first_is_right for made in judged]),
        ("scope", [made.question.kind not in ("off_topic", "hostile") for made in judged]),
    ):
        model = LogisticRegression(C=0.3, max_iter=2000).fit(scaler.transform(values), labels)
        judge = getattr(load_judge(tmp_path / "calibration.json"), name)
        expected = model.predict_proba(scaler.transform(values))[:, 1]
        found = [judge.probability(one) for one in values.astype(np.float32)]
        assert found == pytest.approx(expected, abs=1e-4)


# Thresholds


def test_promise_threshold_by_hand() -> None:
    probabilities = np.array([0.9, 0.5, 0.8, 0.7, 0.6])
    right = np.array([True, False, True, False, True])
    # From 0.9: 1/1, from 0.8: 2/2, from 0.7: 2/3, from 0.6: 3/4, from 0.5: 3/5.
    assert promise_threshold(probabilities, right, 1.0) == 0.8
    assert promise_threshold(probabilities, right, 0.75) == 0.6
    assert promise_threshold(probabilities, right, 0.6) == 0.5
    assert promise_threshold(probabilities, ~right, 0.9) == 1.0


def test_promise_threshold_answers_equals_together() -> None:
    right = np.array([True, True, False])
    assert promise_threshold(np.array([0.9, 0.8, 0.8]), right, 0.9) == 0.9
    assert promise_threshold(np.array([0.8, 0.8, 0.8]), right, 0.9) == 1.0


@given(
    st.lists(st.tuples(st.integers(0, 10).map(lambda n: n / 10), st.booleans()), min_size=1, max_size=30),
    st.sampled_from([0.5, 0.75, 0.97, 1.0]),
)
def test_promise_threshold_as_trying_each_has_it(pairs: list[tuple[float, bool]], promise: float) -> None:
    def precision(threshold: float) -> float:
        answered = [right for probability, right in pairs if probability >= threshold]
        return sum(answered) / len(answered)

    keeping = [threshold for threshold, _ in pairs if precision(threshold) >= promise]
    found = promise_threshold(np.array([p for p, _ in pairs]), np.array([right for _, right in pairs]), promise)
    assert found == min(keeping, default=1.0)


def test_related_threshold_by_hand() -> None:
    probabilities = np.arange(10) / 10
    right = np.array([False] * 6 + [True, False, True, True])
    # Up to 0.6 one of seven is right, up to 0.7 one of eight, up to 0.8 two of nine.
    assert _related_threshold(probabilities, right) == 0.7
    assert _related_threshold(probabilities, np.ones(10, bool)) == 0.0
    assert _related_threshold(probabilities, np.zeros(10, bool)) == 0.9


def test_scope_threshold_is_where_the_sides_part() -> None:
    probabilities = np.array([0.1, 0.2, 0.3, 0.7, 0.8])
    assert _scope_threshold(probabilities, np.array([False, False, True, True, True])) == 0.3
    strayed = np.array([False, True, False, True, True])
    errors = {t: (probabilities < t)[strayed].mean() + (probabilities >= t)[~strayed].mean() for t in probabilities}
    assert _scope_threshold(probabilities, strayed) == min(probabilities, key=lambda t: (errors[t], t))


def test_thresholds_are_probabilities(calibration: dict[str, object]) -> None:
    thresholds = calibration["thresholds"]
    assert isinstance(thresholds, dict)
    assert set(thresholds) == {"answer", "related", "scope"}
    assert all(0 < value < 1 for value in (thresholds["answer"]["*"], thresholds["related"], thresholds["scope"]))


def test_each_group_of_languages_has_the_threshold_that_keeps_its_promise() -> None:
    """French is mostly sure, Polish seldom; Greek has too few questions to be fitted apart."""
    own = {"fr": np.linspace(0.01, 0.999, 120) ** 0.04, "pl": np.linspace(0.01, 0.999, 120)}
    languages = [*["fr"] * 120, *["pl"] * 120, "el"]
    found = _answer_thresholds(np.concatenate([own["fr"], own["pl"], [0.3]]), languages)
    assert set(found) == {"*", "fr", "en", "bg", "cs", "hr", "pl", "sk", "sl"}
    for code, chances in own.items():
        answered, next_lower = chances[chances >= found[code]], chances[chances < found[code]].max()
        assert answered.mean() >= PROMISE + MARGIN > np.append(answered, next_lower).mean()
    assert found["fr"] == found["en"] < found["*"] < found["pl"]
