"""Questions mended by the words that the index knows: accents put back, slips undone, everything else left alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.hybrid import HybridRetriever
from index.retrieval import Query
from index.snapshot import Snapshot
from index.spelling import FREQUENT, MENDED_FROM, Spelling

TEXTS = [
    *[("fr", "La sûreté, les modèles et le délai")] * FREQUENT,
    *[("de", "Wir können später über die Änderung reden")] * FREQUENT,
    *[("en", "We withdraw the signature before the deadline")] * FREQUENT,
    *[("da", "følgen af ændringen må være små")] * FREQUENT,
    *[("pl", "Wycofać podpis później, już złożony")] * FREQUENT,
    ("fr", "Un modele sans accent et une marge"),
    ("en", "A seldom word"),
]
SPELLING = Spelling.of(TEXTS)


@pytest.mark.parametrize(
    ("language", "typed", "meant"),
    [
        ("fr", "Delai de surete", "Délai de sûreté"),
        ("de", "koennen wir spaeter ueber", "können wir später über"),
        ("de", "konnen wir spater", "können wir später"),
        ("da", "foelgen af aendringen", "følgen af ændringen"),
        ("pl", "juz zlozony pozniej", "już złożony później"),
    ],
)
def test_accents_are_put_back_in_a_question_that_has_none(language: str, typed: str, meant: str) -> None:
    assert SPELLING.corrected(typed, language) == meant


def test_a_question_with_accents_says_which_it_wants() -> None:
    assert SPELLING.corrected("le délai de surete", "fr") == "le délai de surete"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("widthdraw", "withdraw"),
        ("wihdraw", "withdraw"),
        ("withbraw", "withdraw"),
        ("wihtdraw", "withdraw"),
        ("Signiture", "Signature"),
        ("my signiture, please", "my signature, please"),
        ("beofre the seldon word", "before the seldon word"),
    ],
)
def test_a_slip_is_mended(typed: str, meant: str) -> None:
    assert SPELLING.corrected(typed, "en") == meant


@pytest.mark.parametrize(
    "typed",
    [
        "withdraws",  # another form
        "signatory",  # no single slip
        "WIDTHDRAW",  # an abbreviation, for all we know
        "befor",  # the ending again
        "the seldon word",  # "seldom" is not frequent
        "wide",  # too short
        "",
        "?!",
        "10^25 FLOP",
    ],
)
def test_what_may_be_meant_stays(typed: str) -> None:
    assert SPELLING.corrected(typed, "en") == typed


def test_words_that_stand_in_the_texts_as_they_were_typed_stay() -> None:
    assert SPELLING.corrected("une marge et un modele", "fr") == "une marge et un modele"


@pytest.mark.parametrize("language", ["ja", "hi", "xx", "it"])
def test_a_language_without_words_is_left_alone(language: str) -> None:
    assert SPELLING.corrected("Delai de surete", language) == "Delai de surete"


def test_accents_typed_apart_are_accents() -> None:
    apart = unicodedata.normalize("NFD", "La sûreté")
    assert SPELLING.corrected(apart, "fr") == "La sûreté"


@pytest.mark.parametrize("times", [1, FREQUENT])
def test_seldom_words_alone_and_frequent_words_alone_are_words(times: int) -> None:
    of_one_kind = Spelling.of([("fr", "délai sûreté")] * times)
    assert of_one_kind.corrected("Delai de surete", "fr") == "Délai de sûreté"
    assert of_one_kind.corrected("surette delay", "fr") == "surette delay"


def test_the_most_frequent_of_the_words_near_is_meant() -> None:
    near = Spelling.of([*[("en", "measure")] * (FREQUENT + 1), *[("en", "meagure")] * FREQUENT])
    assert near.corrected("meapure", "en") == "measure"
    assert (
        Spelling.of([*[("en", "measure")] * FREQUENT, *[("en", "meagure")] * 9]).corrected("meapure", "en") == "meagure"
    )


def test_it_comes_back_as_it_was_stored() -> None:
    again = Spelling(SPELLING.stored)
    assert again.corrected("Delai de surete", "fr") == "Délai de sûreté"
    assert again.stored == SPELLING.stored
    assert Spelling.of(reversed(TEXTS)).stored == SPELLING.stored


@given(st.text(max_size=80), st.sampled_from(["fr", "en", "de"]))
def test_any_text_is_borne_and_mended_once(text: str, language: str) -> None:
    once = SPELLING.corrected(text, language)
    assert SPELLING.corrected(once, language) == once
    assert len(once) <= 2 * len(unicodedata.normalize("NFC", text)) + MENDED_FROM


def test_a_mistyped_question_finds_what_it_means(snapshot: Snapshot, retriever: HybridRetriever) -> None:
    typed, meant = (
        retriever.rank(Query(text, "en")) for text in ("the signuture is signed", "the signature is signed")
    )
    assert typed.query.text == "the signature is signed"
    assert [entry.entry_id for entry in typed.entries] == [entry.entry_id for entry in meant.entries]
    assert typed.entries[0].score == meant.entries[0].score
