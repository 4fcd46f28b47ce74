"""Texts for users, in their language: one file per language in `service/data/texts`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from corpus.yaml_loader import LOADER

FOLDER = Path(__file__).parent / "data" / "texts"
FALLBACK = "en"

Texts = dict[str, dict[str, str]]


@cache
def text_languages() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def texts(language: str) -> Texts:
    """All texts of the language, English where there are none."""
    chosen = language if language in text_languages() else FALLBACK
    loaded: Texts = yaml.load((FOLDER / f"{chosen}.yaml").read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe one
    return loaded
