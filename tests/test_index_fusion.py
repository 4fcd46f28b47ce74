"""Fusion: a weighted sum, its weights from the file that fitting wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from index.fusion import FEATURES, WEIGHTS_FILE, Fusion, load_fusion


def write(path: Path, weights: dict[str, float]) -> Path:
    path.write_text(json.dumps({"weights": weights}), encoding="utf-8")
    return path


def test_a_score_is_the_weighted_sum_of_features() -> None:
    weights = np.arange(1, len(FEATURES) + 1, dtype=np.float32)
    features = np.random.default_rng(0).random((5, len(FEATURES)), np.float32)
    plain = [sum(float(w) * float(x) for w, x in zip(weights, row, strict=True)) for row in features]
    np.testing.assert_allclose(Fusion(weights).scores(features), plain, rtol=1e-5)
    assert Fusion(weights).scores(features).dtype == np.float32


def test_weights_are_read_by_name_whatever_their_order(tmp_path: Path) -> None:
    stored = {name: float(place) for place, name in enumerate(FEATURES)}
    path = write(tmp_path / "fusion.json", dict(reversed(stored.items())))
    assert load_fusion(path).weights.tolist() == list(range(len(FEATURES)))


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_weights_for_other_features_are_refused_with_the_remedy(tmp_path: Path, change: str) -> None:
    stored = dict.fromkeys(FEATURES, 1.0)
    if change == "missing":
        del stored["text_dense"]
    else:
        stored["moon_phase"] = 1.0
    path = write(tmp_path / "fusion.json", stored)
    with pytest.raises(ValueError, match=r"fusion\.json weighs .*Run `python -m eval fit`"):
        load_fusion(path)


def test_the_shipped_weights_fit_the_features_and_none_counts_against() -> None:
    assert WEIGHTS_FILE.is_file()
    weights = load_fusion().weights
    assert weights.shape == (len(FEATURES),)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert weights.sum() > 0
