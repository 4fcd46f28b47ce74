"""The same weights as a sentence-transformers model: they agree with the default encoder. Needs the group `models`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import numpy as np
import numpy.typing as npt
import pytest

from index.encoder import TOKENS_FILE, Encoder, OnnxEncoder, Side, ensure_model
from index.errors import EncoderUnavailable
from index.sentence_transformer import SentenceTransformerEncoder, export_model, matrix_name
from index.token_space import TokenSpace
from index.weights import read_weights, weights_path

pytest.importorskip("sentence_transformers", reason="the group `models` is not installed", exc_type=ImportError)
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning")

TEXTS = [
    "Kann ein Unterzeichner seine Unterschrift zurückziehen?",
    "Oui, un signataire peut retirer sa signature au Code à tout moment.",
    "署名できますか",
    "  spaces   and \n lines  ",
    "x",
]
AGREES = 0.999
SIDES: tuple[Side, ...] = ("query", "passage")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The exported model; too large to be left behind."""
    folder = tmp_path_factory.mktemp("exported") / "e5"
    folder.mkdir()
    export_model(read_weights(weights_path()), folder)
    yield folder
    rmtree(folder)


@pytest.fixture(scope="module")
def exported(folder: Path) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(str(folder))


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    """The default encoder without an adapter."""
    return OnnxEncoder(ensure_model(tmp_path_factory.mktemp("models"), adapter=None))


def rowwise(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cosines of the rows."""
    cosines: npt.NDArray[np.float32] = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return cosines


def test_sentences_agree_with_the_default_encoder(exported: SentenceTransformerEncoder, default: OnnxEncoder) -> None:
    assert rowwise(exported.encode_queries(TEXTS), default.encode_queries(TEXTS)).min() >= AGREES
    assert rowwise(exported.encode_passages(TEXTS), default.encode_passages(TEXTS)).min() >= AGREES
    assert rowwise(exported.encode_queries(TEXTS), exported.encode_passages(TEXTS)).max() < AGREES, "two sides"


@pytest.mark.parametrize("side", SIDES)
def test_one_text_gives_its_sentence_and_its_tokens(exported: SentenceTransformerEncoder, side: Side) -> None:
    verb = exported.encode_queries if side == "query" else exported.encode_passages
    for text, expected in zip(TEXTS, verb(TEXTS), strict=True):
        encoded = exported.encode(text, side)
        np.testing.assert_allclose(encoded.sentence, expected, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(encoded.tokens, axis=1), 1, atol=1e-5)
        assert len(encoded.tokens) == len(encoded.weights) > 0
        assert encoded.weights.tolist() == pytest.approx([1 / len(encoded.weights)] * len(encoded.weights))


@pytest.mark.parametrize("side", SIDES)
def test_token_vectors_agree_where_both_have_them(
    exported: SentenceTransformerEncoder, default: OnnxEncoder, side: Side
) -> None:
    """The default leaves the prefix out as well, so its tokens are the last of the other's, in a space of their own."""
    own, other = default.encode(TEXTS[0], side).tokens, exported.encode(TEXTS[0], side).tokens
    assert rowwise(own, TokenSpace.load(TOKENS_FILE).apply(other[-len(own) :])).min() >= 0.995


def test_many_are_each_as_one(exported: SentenceTransformerEncoder) -> None:
    many = list(exported.encode_many(TEXTS, "query", threads=2))
    for text, found in zip(TEXTS, many, strict=True):
        assert found.sentence.tolist() == exported.encode(text, "query").sentence.tolist()
    assert exported.encode_queries([]).shape == (0, exported.dimension)


def test_it_is_an_encoder_named_by_model_and_prompts(exported: SentenceTransformerEncoder, folder: Path) -> None:
    found: Encoder = exported
    assert isinstance(found, Encoder)
    assert (found.name, found.dimension) == (str(folder), 384)
    other = SentenceTransformerEncoder(str(folder), query_prompt="ask: ")
    assert other.fingerprint != found.fingerprint
    assert other.encode_queries(["x"]).tolist() != found.encode_queries(["x"]).tolist()
    assert other.encode_passages(["x"]).tolist() == found.encode_passages(["x"]).tolist()


def test_the_weights_are_written_once(folder: Path) -> None:
    values = read_weights(weights_path()).matrices["emb.word"].nibbles.size
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert 4 * values < size < 2 * 4 * values, "the word table alone is most of the model"


def test_names_of_matrices_go_back_and_forth() -> None:
    assert matrix_name("encoder.layer.3.attention.self.query") == "l3.q.w"
    assert matrix_name("encoder.layer.11.output.dense") == "l11.fo.w"
    with pytest.raises(KeyError):
        matrix_name("encoder.layer.0.unknown")


def test_a_missing_model_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no-such' cannot be loaded .*Set ENCODER to .*`default`"):
        SentenceTransformerEncoder(str(tmp_path / "no-such"))


def test_missing_packages_are_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EncoderUnavailable, match=r"needs sentence-transformers\. Install it with `make models`"):
        SentenceTransformerEncoder("any/model")
