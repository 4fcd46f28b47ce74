"""The space that token vectors are compared in: less their mean, in fewer dimensions, of unit length.

Token vectors of e5 share a large common part, as its sentence vectors do; without it they tell words apart better, and
a third of the dimensions is enough (eval/LOG.md). The principal axes of the centred vectors are fitted once, together
with the encoder's statistics, and are part of its graph: an index need not know of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 128


@dataclass(frozen=True, slots=True)
class TokenSpace:
    """`mean` float32 (d,) of token vectors of unit length; `axes` float32 (d, k), orthonormal columns."""

    mean: Vectors
    axes: Vectors

    def apply(self, tokens: Vectors) -> Vectors:
        """float32 (n, d) of unit length to float32 (n, k) of unit length."""
        return _unit(_unit(tokens - self.mean) @ self.axes)

    def save(self, path: Path) -> None:
        """As half floats, small enough to commit."""
        np.savez_compressed(path, mean=self.mean.astype(np.float16), axes=self.axes.astype(np.float16))

    @classmethod
    def load(cls, path: Path) -> TokenSpace:
        """Raises OSError, KeyError or ValueError."""
        with np.load(path) as stored:
            return cls(stored["mean"].astype(np.float32), stored["axes"].astype(np.float32))


def fit_token_space(tokens: Vectors, dimensions: int = DIMENSIONS) -> TokenSpace:
    """Of float32 (n, d), unit length."""
    mean = tokens.mean(axis=0)
    centred = _unit(tokens - mean).astype(np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    order = np.argsort(-values, kind="stable")[:dimensions]
    return TokenSpace(mean.astype(np.float32), np.ascontiguousarray(axes[:, order], np.float32))


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit
