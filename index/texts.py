"""Texts encoded once and stored: sentence vectors, and token vectors as int8, memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.encoder import Encoded, Encoder, Side

_INT8 = np.float32(127.0)


@dataclass(frozen=True, slots=True)
class Stored:
    """One text as it is stored: `sentence` float32 (d,), `tokens` int8 (t, k), `weights` float32 (t,)."""

    sentence: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int8]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """n texts in order.

    `vectors` float32 (n, d) of unit length; `tokens` int8 (t, k), 127 times the unit vectors; text i owns tokens
    `offsets[i]:offsets[i + 1]`; `weights` float32 (t,), summing to 1 for each text; `digests` uint8 (n, 16) name
    text and side, so that what has not changed need not be encoded again.
    """

    vectors: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int8]
    offsets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    digests: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.vectors)

    def stored(self, number: int) -> Stored:
        """Text `number`."""
        start, end = int(self.offsets[number]), int(self.offsets[number + 1])
        return Stored(self.vectors[number], self.tokens[start:end], self.weights[start:end])

    def save(self, folder: Path, name: str) -> None:
        for part in ("vectors", "tokens", "offsets", "weights", "digests"):
            np.save(folder / f"{name}.{part}.npy", getattr(self, part))

    @classmethod
    def load(cls, folder: Path, name: str) -> EncodedTexts:
        parts = ("vectors", "tokens", "offsets", "weights", "digests")
        return cls(*(mapped(folder / f"{name}.{part}.npy") for part in parts))


def mapped(path: Path) -> Any:
    """An array on disk, read as it is needed; as a plain array, since numpy's memmap takes microseconds to slice."""
    return np.load(path, mmap_mode="r").view(np.ndarray)


def digest(text: str, side: Side, most_tokens: int | None = None) -> bytes:
    kept = "" if most_tokens is None else str(most_tokens)
    return hashlib.blake2b(f"{side}{kept}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def most_telling(encoded: Encoded, count: int | None) -> Encoded:
    """The text with only its `count` most telling tokens, in their order; None keeps all."""
    if count is None or len(encoded.weights) <= count:
        return encoded
    kept = np.sort(np.argsort(-encoded.weights, kind="stable")[:count])
    weights = encoded.weights[kept]
    return Encoded(encoded.sentence, encoded.tokens[kept], weights / weights.sum())


def encode_texts(
    encoder: Encoder,
    texts: Sequence[str],
    side: Side,
    known: Callable[[bytes], Stored | None],
    threads: int,
    advance: Callable[[int], None],
    most_tokens: int | None = None,
) -> tuple[EncodedTexts, int]:
    """Encode what `known` does not have yet; `advance` hears of each text done. Of each text the `most_tokens` most
    telling tokens are kept, None for all. Returns texts and how many were new."""
    digests = [digest(text, side, most_tokens) for text in texts]
    kept = [known(key) for key in digests]
    fresh: Iterator[Encoded] = encoder.encode_many(
        (text for text, row in zip(texts, kept, strict=True) if row is None), side, threads
    )
    vectors = np.zeros((len(texts), encoder.dimension), np.float32)
    tokens: list[npt.NDArray[np.int8]] = []
    weights: list[npt.NDArray[np.float32]] = []
    offsets = np.zeros(len(texts) + 1, np.int64)
    new = 0
    for number, old in enumerate(kept):
        row = old if old is not None else _quantised(most_telling(next(fresh), most_tokens))
        new += old is None
        vectors[number] = row.sentence
        tokens.append(row.tokens)
        weights.append(row.weights)
        offsets[number + 1] = offsets[number] + len(row.weights)
        advance(1)
    return (
        EncodedTexts(
            vectors,
            np.concatenate(tokens) if tokens else np.zeros((0, encoder.dimension), np.int8),
            offsets,
            np.concatenate(weights).astype(np.float32) if weights else np.zeros(0, np.float32),
            np.frombuffer(b"".join(digests), np.uint8).reshape(len(texts), 16),
        ),
        new,
    )


def _quantised(encoded: Encoded) -> Stored:
    tokens = np.clip(np.rint(encoded.tokens * _INT8), -127, 127).astype(np.int8)
    return Stored(encoded.sentence, tokens, encoded.weights)


def known_rows(blocks: Sequence[EncodedTexts]) -> Callable[[bytes], Stored | None]:
    """Looks a digest up in blocks encoded earlier with the same encoder."""
    places = {bytes(block.digests[number]): (block, number) for block in blocks for number in range(len(block))}

    def known(key: bytes) -> Stored | None:
        place = places.get(key)
        return None if place is None else place[0].stored(place[1])

    return known
