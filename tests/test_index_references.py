"""Legal references are read in many languages and find the entry they name."""

from __future__ import annotations

import numpy as np
import pytest

from index.references import ReferenceMatcher, find_references


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what does article 53(1)(b) say", ("art", "53", "1", "b")),
        ("Que dit l’article 53, paragraphe 1, point b) ?", ("art", "53", "1", "b")),
        ("Artikel 53 Absatz 1 Buchstabe b", ("art", "53", "1", "b")),
        ("art. 53 ust. 1 lit. b", ("art", "53", "1", "b")),
        ("az 53. cikk (1) bekezdésének b) pontja", ("art", "53", "1", "b")),
        ("53 straipsnio 1 dalies b punktas", ("art", "53", "1", "b")),
        ("άρθρο 56 παράγραφος 8", ("art", "56", "8")),
        ("чл. 56, параграф 8", ("art", "56", "8")),
        ("Article 3(63)", ("art", "3", "63")),
        ("recital 97", ("rct", "97")),
        ("considérant 109", ("rct", "109")),
        ("Anhang XIII", ("anx", "xiii")),
        ("measure 2.1 of the safety chapter", ("measure", "2", "1")),
        ("Verpflichtung 6", ("commitment", "6")),
        ("το άρθρο 53 παράγραφος 1 στοιχείο β)", ("art", "53", "1", "b")),
        ("член 53, параграф 1, буква б)", ("art", "53", "1", "b")),
        ("art. 53 ust. 2 wolna licencja zwolnienie", ("art", "53", "2")),
        ("artículo 53, apartado 1, letra b)", ("art", "53", "1", "b")),
        ("artigo 53.º, n.º 1, alínea b)", ("art", "53", "1", "b")),
        ("53 artiklan 1 kohdan b alakohta", ("art", "53", "1", "b")),
        ("artikel 53.1 b", ("art", "53", "1")),
        ("článek 53 odst. 1 písm. b)", ("art", "53", "1", "b")),
    ],
)
def test_references_are_read(text: str, expected: tuple[str, ...]) -> None:
    assert find_references(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "articles 53 and 55",
        "les articles 53 et 55",
        "art. 53 i 55 aktu w sprawie",
        "53 ja 55 artiklan",
        "articoli 53 e 55",
        "articolele 53 și 55",
    ],
)
def test_two_articles_named_together_are_two_references(text: str) -> None:
    assert sorted(find_references(text)) == [("art", "53"), ("art", "55")]


def test_a_chapter_named_decides_between_commitments_of_the_same_number() -> None:
    matcher = ReferenceMatcher([("code", "co-commitment-1"), ("code", "ss-commitment-1"), ("code", "tr-commitment-1")])
    assert matcher.scores("Ko paredz pārredzamības nodaļas 1. saistības?").argmax() == 2
    assert matcher.scores("commitment 1 of the copyright chapter").argmax() == 0
    assert len(set(matcher.scores("commitment 1").tolist())) == 1


@pytest.mark.parametrize("text", ["", "before 1 August 2025", "in what part of the start 5 things", "10^25 FLOP"])
def test_numbers_alone_are_no_reference(text: str) -> None:
    assert find_references(text) == []


def test_the_entry_named_scores_most() -> None:
    entries = [
        ("act", "art-53"),
        ("act", "art-53-1"),
        ("act", "art-53-1-b"),
        ("act", "art-54-1"),
        ("code", "ss-measure-2-1"),
    ]
    matcher = ReferenceMatcher(entries)
    point = matcher.scores("article 53(1)(b)")
    assert point.argmax() == 2
    assert point[3] == 0.0
    article = matcher.scores("article 53")
    assert article.argmax() == 0
    assert article[1] == article[2] > 0.0
    assert article[3] == 0.0
    assert matcher.scores("measure 2.1").argmax() == 4
    assert np.array_equal(matcher.scores("no reference here"), np.zeros(5, np.float32))


def test_a_point_that_is_no_entry_falls_back_to_what_is_around_it() -> None:
    matcher = ReferenceMatcher([("act", "art-101-1"), ("act", "art-101-2"), ("act", "art-5-1")])
    scores = matcher.scores("article 101(7)")
    assert scores[0] == scores[1] > 0.0
    assert scores[2] == 0.0
