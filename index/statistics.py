"""The encoder's inner values over texts of the corpus, measured for its quantisation and kept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from corpus.collection import Collection
from corpus.passages import split_document
from index.adapter import load_adapter
from index.encoder import Side, exact_encoder
from index.quantisation import Columns, Statistics
from index.token_space import TokenSpace, fit_token_space

QUESTIONS, PASSAGES = 240, 60
TOKEN_QUESTIONS, TOKEN_PASSAGES = 2400, 240
"""For the space of token vectors, which has more to tell apart."""

PROBES = tuple(f"layer.{layer}" for layer in range(12)) + tuple(
    f"l{layer}.{part}" for layer in range(12) for part in ("attended", "middle", "activated")
)
"""What goes into a matrix."""


def sample(
    collection: Collection, most_questions: int = QUESTIONS, most_passages: int = PASSAGES, seed: int = 5
) -> list[tuple[str, Side]]:
    """Some questions of the bank and some passages, the same ones each time."""
    rng = random.Random(seed)  # noqa: S311 - for sampling
    questions = sorted(question.text for question in collection.bank)
    passages = sorted(p.searchable for document in collection.documents for p in split_document(document))
    chosen: list[tuple[str, Side]] = [
        (text, "query") for text in rng.sample(questions, min(most_questions, len(questions)))
    ]
    chosen += [(text, "passage") for text in rng.sample(passages, min(most_passages, len(passages)))]
    return chosen


def measure(texts: Sequence[tuple[str, Side]], adapter: Path | None) -> Statistics:
    """By the encoder in float32; every text counts alike, however long."""
    adapt = load_adapter(adapter) if adapter is not None and adapter.is_file() else None
    with TemporaryDirectory() as folder:
        encoder = exact_encoder(Path(folder), adapt, PROBES)
        means = {name: np.zeros(1) for name in PROBES}
        extremes: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in PROBES}
        for text, side in texts:
            for name, values in encoder.inner(text, side, PROBES).items():
                means[name] = means[name] + values[0].mean(axis=0) / len(texts)
                extremes[name].append((values[0].min(axis=0), values[0].max(axis=0)))
    spreads = {
        name: np.mean([np.maximum(most - means[name], means[name] - least) for least, most in found], axis=0)
        for name, found in extremes.items()
    }
    return {name: Columns(means[name].astype(np.float32), spreads[name].astype(np.float32)) for name in PROBES}


def measure_tokens(texts: Sequence[tuple[str, Side]], adapter: Path | None) -> TokenSpace:
    """By the encoder in float32; every token counts alike."""
    adapt = load_adapter(adapter) if adapter is not None and adapter.is_file() else None
    with TemporaryDirectory() as folder:
        encoder = exact_encoder(Path(folder), adapt)
        return fit_token_space(np.concatenate([encoder.encode(text, side).tokens for text, side in texts]))
