"""Encoded texts: stored as int8, found again by digest, the same after every save and reuse."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

import numpy as np
import pytest
from conftest import ToyEncoder

from index.encoder import Encoded
from index.texts import EncodedTexts, Stored, digest, encode_texts, known_rows, most_telling

TEXTS = ["sign the form", "withdraw", "", "sign the form", "\ud800 odd"]
HALF_STEP = 0.5 / 127


def nothing(_: bytes) -> Stored | None:
    return None


def encode(encoder: ToyEncoder, texts: list[str], threads: int = 1) -> EncodedTexts:
    return encode_texts(encoder, texts, "passage", nothing, threads, lambda _: None)[0]


def test_rows_are_what_the_encoder_gave_within_half_a_step_of_int8(toy_encoder: ToyEncoder) -> None:
    block = encode(toy_encoder, TEXTS)
    assert len(block) == len(TEXTS)
    assert block.tokens.dtype == np.int8
    for number, text in enumerate(TEXTS):
        expected, row = toy_encoder.encode(text, "passage"), block.stored(number)
        assert row.sentence.tolist() == expected.sentence.tolist()
        assert row.weights.tolist() == expected.weights.tolist()
        np.testing.assert_allclose(row.tokens / 127, expected.tokens, atol=HALF_STEP + 1e-7)
        assert row.tokens.dtype == np.int8


def test_a_digest_names_text_and_side() -> None:
    plain = hashlib.blake2b(b"query\0sign", digest_size=16).digest()
    assert digest("sign", "query") == plain
    assert len({digest(text, side) for text in ("sign", "Sign", "\ud800") for side in ("query", "passage")}) == 6


def test_only_the_most_telling_tokens_are_kept_in_their_order(toy_encoder: ToyEncoder) -> None:
    eye = np.eye(4, dtype=np.float32)
    whole = Encoded(eye[0], eye, np.array([0.1, 0.4, 0.2, 0.3], np.float32))
    kept = most_telling(whole, 2)
    assert kept.tokens.tolist() == eye[[1, 3]].tolist()
    assert kept.weights.tolist() == pytest.approx([0.4 / 0.7, 0.3 / 0.7])
    assert most_telling(whole, 4) is most_telling(whole, None) is whole

    text = "sign the long form here"
    shortened, _ = encode_texts(toy_encoder, [text], "passage", nothing, 1, lambda _: None, 2)
    expected = most_telling(toy_encoder.encode(text, "passage"), 2)
    np.testing.assert_allclose(shortened.stored(0).tokens / 127, expected.tokens, atol=HALF_STEP + 1e-7)
    assert bytes(shortened.digests[0]) == digest(text, "passage", 2) != digest(text, "passage")


def test_a_block_is_saved_and_loaded_unchanged(tmp_path: Path, toy_encoder: ToyEncoder) -> None:
    block = encode(toy_encoder, TEXTS)
    block.save(tmp_path, "keys")
    loaded = EncodedTexts.load(tmp_path, "keys")
    for part in ("vectors", "tokens", "offsets", "weights", "digests"):
        assert isinstance(getattr(loaded, part).base, (np.memmap, mmap.mmap)), "read as it is needed"
        assert getattr(loaded, part).tolist() == getattr(block, part).tolist()


def test_what_is_known_is_not_encoded_again_and_stays_the_same(toy_encoder: ToyEncoder) -> None:
    old = encode(toy_encoder, TEXTS)
    before = toy_encoder.encoded
    texts = ["new", *reversed(TEXTS), "newer"]
    heard: list[int] = []
    block, new = encode_texts(toy_encoder, texts, "passage", known_rows([old]), 1, heard.append)
    assert (new, toy_encoder.encoded - before) == (2, 2)
    assert heard == [1] * len(texts)
    afresh = encode(toy_encoder, texts)
    for part in ("vectors", "tokens", "offsets", "weights", "digests"):
        assert getattr(block, part).tolist() == getattr(afresh, part).tolist()


def test_the_other_side_of_a_text_is_another_text(toy_encoder: ToyEncoder) -> None:
    known = known_rows([encode(toy_encoder, TEXTS)])
    assert known(digest(TEXTS[0], "passage")) is not None
    assert known(digest(TEXTS[0], "query")) is None


def test_no_texts_make_an_empty_block(tmp_path: Path, toy_encoder: ToyEncoder) -> None:
    encode(toy_encoder, []).save(tmp_path, "none")
    loaded = EncodedTexts.load(tmp_path, "none")
    assert len(loaded) == 0
    assert loaded.vectors.shape == (0, toy_encoder.dimension)
    assert loaded.offsets.tolist() == [0]
    assert known_rows([loaded])(digest("x", "query")) is None


@pytest.mark.parametrize("value", [1.0, -1.0, 1.0000001])
def test_a_component_of_full_length_fits_int8(value: float) -> None:
    class OneAxis(ToyEncoder):
        def encode(self, text: str, side: object) -> Encoded:
            tokens = np.zeros((1, self.dimension), np.float32)
            tokens[0, 0] = value
            return Encoded(tokens[0], tokens, np.ones(1, np.float32))

    assert encode(OneAxis(), ["x"]).tokens[0, 0] == np.sign(value) * 127
