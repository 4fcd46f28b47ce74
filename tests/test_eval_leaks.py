"""No gold question stands in the bank: not as it is, not but for spelling, not in nearly the same words."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from conftest import CHECKOUT

from corpus.collection import read_collection
from eval.gold import GoldQuestion, read_gold
from index.encoder import MODEL_FOLDER, OnnxEncoder, ensure_model

WORDS = 0.9
"""Likeness (Jaccard) of word pairs from which two questions are one."""

LETTERS = 0.85
"""Likeness (Jaccard) of letter triples from which two questions are one."""

MEANING = 0.985
"""Cosine from which two questions are one, by the encoder as it comes, without our adapter."""

LETTERS_WORTH_ENCODING = 0.45
"""Letter likeness below which no two questions come near that cosine: of all 1.6 million pairs of a language, the 27
that once had 0.985 or more had 0.47 or more."""

ALLOWED: dict[str, str] = {}
"""Gold id to the bank question that may be so near, with the reason."""

Bank = dict[str, list[str]]
Grams = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def gold() -> list[GoldQuestion]:
    return read_gold()


@pytest.fixture(scope="module")
def bank() -> Bank:
    """Language to its bank questions and unanswered ones."""
    collection = read_collection(CHECKOUT / "corpus")
    texts: Bank = defaultdict(list)
    for language, text in [
        *((question.language, question.text) for question in collection.bank),
        *((negative.language, negative.text) for negative in collection.negatives),
    ]:
        texts[language].append(text)
    return texts


def plain(text: str) -> str:
    """NFKC, case folded, without punctuation and accents, single spaces."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = (c if c.isalnum() else " " for c in folded if not unicodedata.combining(c))
    return " ".join("".join(kept).split())


def word_pairs(text: str) -> set[str]:
    words = plain(text).split()
    return {f"{a} {b}" for a, b in pairwise(words)} or {plain(text)}


def letter_triples(text: str) -> set[str]:
    padded = f" {plain(text)} "
    return {padded[place : place + 3] for place in range(len(padded) - 2)}


def jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def alike(texts: list[str], bank: list[str], grams: Grams, least: float) -> Iterator[tuple[str, str]]:
    """Pairs of a text and a bank question whose grams are alike, found by the grams that they share."""
    found_in: dict[str, list[int]] = defaultdict(list)
    sizes = []
    for number, question in enumerate(bank):
        own = grams(question)
        sizes.append(len(own))
        for gram in own:
            found_in[gram].append(number)
    for text in texts:
        own = grams(text)
        shared = Counter(number for gram in own for number in found_in.get(gram, ()))
        for number, count in shared.items():
            if count >= least * (len(own) + sizes[number] - count):
                yield text, bank[number]


def alike_in_all(gold: list[GoldQuestion], bank: Bank, grams: Grams, least: float) -> list[tuple[str, str, str]]:
    """(language, gold question, bank question)."""
    texts = defaultdict(list)
    for question in gold:
        texts[question.language].append(question.text)
    return [(code, *pair) for code, own in texts.items() for pair in alike(own, bank[code], grams, least)]


def test_alike_is_jaccard() -> None:
    """The fast way against the plain one."""
    texts = ["can we withdraw", "Can we withdraw it?", "may we sign", "naïve", "x", "we can withdraw can we"]
    for grams in (word_pairs, letter_triples):
        for least in (0.2, 0.5, 1.0):
            expected = {(a, b) for a in texts for b in texts if jaccard(grams(a), grams(b)) >= least}
            assert set(alike(texts, texts, grams, least)) == expected
    assert plain("  L’ÉTÉ, ﬁnal?") == "l ete final"
    assert letter_triples("ab") == {" ab", "ab "}


def test_no_gold_question_stands_in_the_bank_of_any_language(gold: list[GoldQuestion], bank: Bank) -> None:
    known = {plain(text) for texts in bank.values() for text in texts}
    assert [question.question_id for question in gold if plain(question.text) in known] == []


@pytest.mark.parametrize(("grams", "least"), [(word_pairs, WORDS), (letter_triples, LETTERS)])
def test_no_gold_question_is_in_nearly_the_same_words(
    gold: list[GoldQuestion], bank: Bank, grams: Grams, least: float
) -> None:
    assert alike_in_all(gold, bank, grams, least) == []


def test_no_gold_question_is_nearly_the_same_in_meaning(gold: list[GoldQuestion], bank: Bank) -> None:
    pairs = alike_in_all(gold, bank, letter_triples, LETTERS_WORTH_ENCODING)
    assert len(pairs) > 100
    encoder = OnnxEncoder(ensure_model(MODEL_FOLDER, adapter=None))
    texts = sorted({text for _, *both in pairs for text in both})
    vectors = {
        text: encoded.sentence
        for text, encoded in zip(texts, encoder.encode_many(texts, "query", threads=2), strict=True)
    }
    near = {
        (language, asked, kept): float(np.dot(vectors[asked], vectors[kept]))
        for language, asked, kept in pairs
        if np.dot(vectors[asked], vectors[kept]) >= MEANING
    }
    ids = {(question.language, question.text): question.question_id for question in gold}
    leaks = {pair: cosine for pair, cosine in near.items() if ALLOWED.get(ids[pair[:2]]) != pair[2]}
    for (language, asked, kept), cosine in near.items():
        print(f"{cosine:.4f} {ids[language, asked]}: {asked!r} beside {kept!r}")
    assert leaks == {}
    assert set(ALLOWED) <= {ids[pair[:2]] for pair in near}  # an allowance that is not needed goes
