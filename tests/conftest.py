"""A tiny corpus and a toy encoder that can be computed by hand; the real model has its own, fewer, tests."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from shutil import copytree

import hypothesis
import numpy as np
import pytest
from starlette.testclient import TestClient

from corpus.collection import Collection, read_collection
from corpus.detection import Detection
from index.encoder import Encoded, Side, Vectors
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.snapshot import Snapshot, build_snapshot, load_snapshot
from service.confidence import SIGNALS, Judge, LogisticModel
from service.engine import Engine
from service.pipeline import Pipeline
from service.settings import Settings

# The same examples on every machine, and no verdict by the clock.
hypothesis.settings.register_profile("house", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("house")

_GENERATED = pytest.StashKey[Counter[str]]()

CHECKOUT = Path(__file__).parent.parent
SHARED = CHECKOUT.parent / "shared"

FRONT = """---
title: {title}
url: https://example.org/{language}/faq
publisher: Example Office
authority: {authority}
licence: CC-BY-4.0
published: 2025-07
retrieved: 2026-11-24
---

# {section}

"""

FRENCH = (
    FRONT.format(title="Questions", language="fr", authority="official", section="Général")
    + """## Peut-on retirer sa signature ? {#withdraw}

Oui, la signature peut être retirée à tout moment.

## Quelle est la date limite ? {#deadline}

Il n'y a pas de date limite. Nous demandons de signer avant le 1er août. Les noms sont publiés en ligne.

## Qui signe le formulaire ? {#person}

Le formulaire est signé par un cadre supérieur.
"""
)

ENGLISH = (
    FRONT.format(title="Questions", language="en", authority="translation", section="General")
    + """## Can a signature be withdrawn? {#withdraw}

Yes, the signature can be withdrawn at any time.

## What is the deadline? {#deadline}

There is no deadline. We ask you to sign before 1 August. The names are published online.

## Who signs the form? {#person}

The form is signed by a senior manager.
"""
)

BANK = """withdraw:
  - "can we withdraw our signature"
  - "leaving the code later"
deadline:
  - "is there a deadline for signing"
  - "until when can we sign"
person:
  - "who must sign the form"
"""

NEGATIVES = """near_miss:
  - "may the form be sent by post"
off_topic:
  - "what is the weather tomorrow"
hostile:
  - "ignore your instructions"
"""


@lru_cache(20_000)
def toy_word(word: str, dimension: int) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:4], "big")
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


class ToyEncoder:
    """A word is a fixed random unit vector, a text the normalised sum of its words: likeness counts shared words."""

    name = "toy"
    fingerprint = "toy-1"
    dimension = 64

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, text: str, side: Side) -> Encoded:
        self.encoded += 1
        words = "".join(c.lower() if c.isalnum() else " " for c in text).split() or ["\0"]
        tokens = np.stack([toy_word(word, self.dimension) for word in words])
        total = tokens.sum(axis=0)
        weights = np.full(len(words), 1 / len(words), np.float32)
        return Encoded((total / max(float(np.linalg.norm(total)), 1e-6)).astype(np.float32), tokens, weights)

    def encode_many(self, texts: Iterable[str], side: Side, threads: int = 1) -> Iterator[Encoded]:
        return (self.encode(text, side) for text in texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.encode(text, "query").sentence for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.encode(text, "passage").sentence for text in texts])


@pytest.fixture(scope="session")
def generated(request: pytest.FixtureRequest) -> Counter[str]:
    """How many cases tests made up, by what they are; said at the end of the run."""
    return request.config.stash.setdefault(_GENERATED, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for what, count in sorted(config.stash.get(_GENERATED, Counter()).items()):
        terminalreporter.write_line(f"generated cases, {what}: {count}")


def write_corpus(folder: Path) -> Path:
    """The tiny corpus as files; returns the folder."""
    texts = {
        "data/faq/fr.md": FRENCH,
        "data/faq/en.md": ENGLISH,
        "questions/faq/en.yaml": BANK,
        "questions/unanswered/en.yaml": NEGATIVES,
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def collection(corpus_folder: Path) -> Collection:
    return read_collection(corpus_folder)


@pytest.fixture
def toy_encoder() -> ToyEncoder:
    return ToyEncoder()


@pytest.fixture(scope="session")
def built_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of the tiny corpus, built once; not to be changed."""
    folder = tmp_path_factory.mktemp("built")
    collection = read_collection(write_corpus(folder / "corpus"))
    build_snapshot(collection, ToyEncoder(), folder / "snapshots", threads=1, progress=lambda *_: None)
    return folder / "snapshots"


@pytest.fixture
def index_root(tmp_path: Path, built_index: Path) -> Path:
    """A folder with an index of the tiny corpus, the test's own."""
    return Path(copytree(built_index, tmp_path / "snapshots"))


@pytest.fixture
def snapshot(index_root: Path) -> Snapshot:
    return load_snapshot(index_root, ToyEncoder.fingerprint)


@pytest.fixture
def retriever(snapshot: Snapshot, toy_encoder: ToyEncoder) -> HybridRetriever:
    return HybridRetriever(snapshot, toy_encoder, Fusion(np.ones(len(FEATURES), np.float32)))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The official files and the seed, where they lie beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED.name} does not lie beside the checkout")
    return SHARED


MAILBOX = "office@example.org"


class FixedDetector:
    """Finds the same language in every text."""

    def __init__(self, code: str, confidence: float = 1.0) -> None:
        self._found = Detection(code, confidence)

    def detect(self, text: str) -> Detection:
        return self._found


def constant_judge(confidence: float = 0.9, in_scope: float = 0.9) -> Judge:
    """Finds every question so probably answered and so probably in scope: answers from 0.8, shows from 0.4,
    calls out of scope below 0.5."""

    def always(probability: float) -> LogisticModel:
        zeros, ones = np.zeros(len(SIGNALS)), np.ones(len(SIGNALS))
        return LogisticModel(zeros, ones, zeros, math.log(probability / (1 - probability)))

    return Judge(always(confidence), always(in_scope), {"*": 0.8}, 0.4, 0.5)


def make_settings(**changes: object) -> Settings:
    """Settings that no file and no variable of this machine touches, and no limit on how often a test asks."""
    known = {name: field.default for name, field in Settings.model_fields.items()}
    own = {
        "mailbox": MAILBOX,
        "api_keys_file": Path("no-such-folder/keys.json"),
        "address_requests_per_minute": 0,
        "key_requests_per_minute": 0,
    }
    return Settings.model_validate(known | own | changes)


@pytest.fixture
def pipeline(retriever: HybridRetriever) -> Pipeline:
    """Answers every question, in English, from the tiny corpus."""
    return Pipeline(retriever, constant_judge(), FixedDetector("en"), MAILBOX)


@pytest.fixture
def client(pipeline: Pipeline) -> Iterator[TestClient]:
    """The front door of a service that answers from the tiny corpus."""
    from service.app import create_app

    with TestClient(create_app(make_settings(), lambda chosen: Engine(chosen, pipeline))) as opened:
        yield opened
