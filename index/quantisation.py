"""Matrices in 8-bit integers, for products with tokens that are in 8 bits as well, each by a scale of its own.

A token's scale is its largest value's, so its vector depends on no other text. What keeps the product near that in
float32: inputs are taken relative to their mean, columns whose input varies much are balanced against their weights
(SmoothQuant, Xiao et al., 2023; Outlier Suppression+, Wei et al., 2023), what comes out of GELU, never below -0.17,
uses all 256 levels, and the bias makes up for what rounding the weights does to the mean input. Processors without
VNNI add two products in 16 bits; weights are scaled so that no pair can overflow, and so all processors give the
same sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Columns:
    """An inner value over many texts: each column's mean, and the most that it strays from it in a text, on average;
    float32 (columns,). `index/statistics.py` measures it."""

    mean: Values
    spread: Values


Statistics = Mapping[str, Columns]
"""By the name of the inner value."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an input is brought to 8 bits: relative to its mean, or to `low`, its least value; balanced or as it is."""

    centred: bool = False
    balanced: bool = False
    low: float | None = None

    @property
    def positive(self) -> bool:
        return self.low is not None


LEVELS = {"signed": 127, "positive": 255}
GELU_LOW = -0.17
"""Just below the least value of GELU."""

_PAIR = 32767 // 255
"""The most that two neighbouring weights of one sign may come to, as integers."""


@dataclass(frozen=True, slots=True)
class IntegerMatrix:
    """x @ W.T as ((x - shift) / balance) @ integers + offset, `shift` and `balance` (columns,), `offset` (rows,);
    the integers are `values`, int8 (rows, columns), times `scales`, float32 (rows,)."""

    shift: Values | None
    balance: Values | None
    values: npt.NDArray[np.int8]
    scales: Values
    offset: Values


def quantise(matrix: Values, columns: Columns, way: Way) -> IntegerMatrix:
    """`matrix` is float32 (rows, columns)."""
    balance = None
    weights = matrix
    if way.balanced:
        balance = np.sqrt(np.maximum(columns.spread, 1e-4) / np.maximum(np.abs(matrix).max(axis=0), 1e-4))
        balance = (balance / np.median(balance)).astype(np.float32)
        weights = matrix * balance
    values, scales = _integers(weights)
    held: Values = values * scales[:, None]
    if balance is not None:
        held = held / balance
    shift = columns.mean if way.centred else None
    if way.low is not None:
        shift = np.full_like(columns.mean, way.low)
    offset = (matrix - held) @ columns.mean
    if shift is not None:
        offset = offset + held @ shift
    return IntegerMatrix(shift, balance, values, scales, offset.astype(np.float32))


def _integers(weights: Values) -> tuple[npt.NDArray[np.int8], Values]:
    pairs = weights.reshape(len(weights), -1, 2)
    together = np.maximum(np.maximum(pairs, 0).sum(axis=2), np.maximum(-pairs, 0).sum(axis=2)).max(axis=1)
    # One less than may be: each of a pair may round up by a half.
    scales = np.maximum(np.maximum(np.abs(weights).max(axis=1), together) / (_PAIR - 1), 1e-12).astype(np.float32)
    return np.rint(weights / scales[:, None]).astype(np.int8), scales


def save_statistics(statistics: Statistics, path: Path) -> None:
    """As half floats: they need no precision, and the file is small enough to commit."""
    stored = {}
    for name, columns in statistics.items():
        stored[f"{name}.mean"] = columns.mean.astype(np.float16)
        stored[f"{name}.spread"] = columns.spread.astype(np.float16)
    np.savez_compressed(path, **stored)  # type: ignore[arg-type]


def load_statistics(path: Path) -> Statistics:
    """Raises OSError, KeyError or ValueError."""
    with np.load(path) as stored:
        names = {name.rpartition(".")[0] for name in stored.files}
        return {
            name: Columns(*(stored[f"{name}.{part}"].astype(np.float32) for part in ("mean", "spread")))
            for name in sorted(names)
        }
