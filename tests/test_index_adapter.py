"""The adapter: W + scale * b @ a, and only for the matrices that it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.adapter import load_adapter
from index.errors import EncoderUnavailable

OUTPUT, INPUT, RANK = 6, 4, 2
RNG = np.random.default_rng(3)
A = RNG.standard_normal((RANK, INPUT)).astype(np.float16)
B = RNG.standard_normal((OUTPUT, RANK)).astype(np.float16)
W = RNG.standard_normal((OUTPUT, INPUT)).astype(np.float32)
SCALE = 2.0


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    path = tmp_path / "adapter.npz"
    np.savez_compressed(path, **{"l0.q.w.a": A, "l0.q.w.b": B, "scale": np.array(SCALE, np.float32)})  # type: ignore[arg-type]
    return path


def test_a_named_matrix_is_changed_by_the_product(adapter: Path) -> None:
    found = load_adapter(adapter)("l0.q.w", W)
    expected = [
        [float(W[o, i]) + SCALE * sum(float(B[o, r]) * float(A[r, i]) for r in range(RANK)) for i in range(INPUT)]
        for o in range(OUTPUT)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float32


def test_any_other_matrix_stays_the_very_same(adapter: Path) -> None:
    adapt = load_adapter(adapter)
    assert adapt("l0.k.w", W) is W
    assert adapt("emb.word", W) is W


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "no scale"])
def test_a_damaged_adapter_is_told_with_the_remedy(adapter: Path, damage: str) -> None:
    data = adapter.read_bytes()
    if damage == "no scale":
        np.savez(adapter, **{"l0.q.w.a": A, "l0.q.w.b": B})  # type: ignore[arg-type]
    else:
        adapter.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "text": b"no numbers here"}[damage])
    with pytest.raises(
        EncoderUnavailable, match=r"adapter\.npz is not an adapter .*delete it, or run `python -m index train`"
    ):
        load_adapter(adapter)
