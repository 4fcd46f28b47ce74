"""The figures that must not fall, with their tolerance, and which questions went wrong when they were kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.scores import METRICS, Scored, headline, language_figures
from index.store import Manifest

TOLERANCE = 0.01
"""CPUs differ in rounding, so a few questions near a border may change sides."""

PARITY = 0.22
"""No EU language may fall further behind French in hit@1 than this."""

LOWER_IS_BETTER = ("ECE",)
_NOT_GATED = ("quotes_judged",)


def write_expected(path: Path, scored: Sequence[Scored], manifest: Manifest) -> None:
    missed = [s.row.question.question_id for s in scored if METRICS["hit@1"](s.row) == 0.0]
    kept = {
        "index": manifest.version,
        "tolerance": TOLERANCE,
        "parity": PARITY,
        "figures": {name: round(value, 4) for name, value in headline(scored).items()},
        "hit@1": {code: round(figures["hit@1"], 4) for code, figures in language_figures(scored).items()},
        "missed": missed,
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def fallen(found: Mapping[str, float], expected: Mapping[str, Any]) -> list[str]:
    """What is worse than expected by more than the tolerance, in words; empty when all holds."""
    told = []
    for name, value in expected["figures"].items():
        if name in _NOT_GATED or math.isnan(value):
            continue
        worse = found[name] - value if name in LOWER_IS_BETTER else value - found[name]
        if not worse <= expected["tolerance"]:
            told.append(f"{name} was {value:.4f} and is {found[name]:.4f}")
    return told


def behind(hits: Mapping[str, float], parity: float) -> list[str]:
    """Languages further behind French than the parity distance, in words."""
    return [
        f"{code} has hit@1 {hit:.3f}, French {hits['fr']:.3f}"
        for code, hit in hits.items()
        if hits["fr"] - hit > parity
    ]
