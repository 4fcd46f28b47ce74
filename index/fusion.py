"""Fusing the signals: a weighted sum of features, its weights fitted on development questions.

Source: `index/data/fusion.json`, written by `python -m eval fit`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FEATURES = (
    "text_dense",  # best cosine of question and passage, any language
    "text_maxsim",  # best MaxSim of question and passage, any language
    "key_dense",  # mean of the three best cosines with question keys, language means removed, projected
    "key_best",  # the best of those
    "key_maxsim",  # best symmetric MaxSim of question and question keys
    "lexical_text",  # BM25 over passages in the question's language
    "lexical_key",  # BM25 over question keys in the question's language
    "lexical_reference",  # BM25 over passages in French
    "lexical_entry",  # BM25 over all that an entry says and is asked in the question's language, by pieces of words
    "reference",  # the question names the entry: article, recital, annex, measure or commitment
)
WEIGHTS_FILE = Path(__file__).parent / "data" / "fusion.json"


@dataclass(frozen=True, slots=True)
class Fusion:
    """score = features @ weights, features as named by FEATURES."""

    weights: npt.NDArray[np.float32]

    def scores(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """features (n, f) -> float32 (n,)."""
        return features @ self.weights


def load_fusion(path: Path = WEIGHTS_FILE) -> Fusion:
    """The fitted weights. Raises ValueError when the file names other features than this code has."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    if set(stored["weights"]) != set(FEATURES):
        raise ValueError(
            f"{path} weighs {sorted(stored['weights'])}, not {sorted(FEATURES)}. Run `python -m eval fit`."
        )
    return Fusion(np.array([stored["weights"][name] for name in FEATURES], np.float32))
