"""The check on a model's sentences: what is not in the cited text is not supported."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import yaml
from conftest import CHECKOUT, FixedDetector, ToyEncoder

from corpus.languages import EU_LANGUAGES
from service.answers import Claim
from service.support import MAX_CHARS, Evidence, claims, likeness_by, negated, numbers, objection, words_in

DEADLINE = (
    "There is no deadline for signing. Providers are asked to sign before 1 August. The AI Office reviews the Code at "
    "least every two years, under Article 56(8). Fines reach 3 % or EUR 15 000 000. Models need over 10^25 operations."
)
FRENCH = "Il n'y a pas de date limite. Le Bureau de l’IA demande de signer avant le 1er août."
KNOWN = words_in(["providers may be asked to sign before the day; signing has a deadline; fines; models; in all"])


def check(
    sentence: str, *marks: int, language: str = "en", found: str | None = None, floor: float = -1.0
) -> str | None:
    evidence = [Evidence({"en": DEADLINE, "fr": FRENCH}), Evidence({"en": "The form is signed by a manager."})]
    return objection(
        Claim(sentence, marks or (1,)),
        evidence,
        language,
        known_words=KNOWN,
        detector=FixedDetector(found or language),
        likeness=likeness_by(ToyEncoder()),
        floor=floor,
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no deadline for signing.",
        "Providers are asked to sign before 1 August.",
        "Signing has no deadline for providers.",
        "The AI Office reviews the Code every 2 years.",
        "The review is based on Article 56(8), says the AI Office.",
        "Fines reach EUR 15,000,000 or 3 %.",
        "Models need over 10²⁵ operations.",
        "In August the AI Office asks to sign.",
    ],
)
def test_what_the_passage_says_in_its_words_is_supported(sentence: str) -> None:
    assert check(sentence) is None


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The AI Office reviews the Code every five years.", "number"),
        ("Fines reach EUR 35 000 000.", "number"),
        ("Fines reach 15 000 euros.", "number"),
        ("Providers are asked to sign before 3 August.", "date"),
        ("Providers are asked to sign before September.", "date"),
        ("Providers are asked by OpenAI to sign.", "name"),
        ("OpenAI asked to sign before 1 August.", "name"),
        ("Microsoft has to sign before 1 August.", "name"),
        ("The Council reviews the Code every two years.", "name"),
        ("There is a deadline for signing.", "negation"),
        ("Providers are not asked to sign before 1 August.", "negation"),
        ("Sign at https://evil.example before 1 August.", "markup"),
        ("Write to evil@example.org before 1 August.", "markup"),
        ("<img src=x onerror=alert(1)> sign before 1 August.", "markup"),
        ("Sign **now** before 1 August.", "markup"),
        ("[Sign](x) before 1 August.", "markup"),
        ("Sign\u202e before 1 August.", "markup"),
        ("Sign\x00 before 1 August.", "markup"),
        ("Sign now.", "length"),
        ("sign before " * MAX_CHARS, "length"),
    ],
)
def test_what_it_does_not_say_is_not(sentence: str, reason: str | None) -> None:
    assert check(sentence) == reason


def test_a_number_of_the_passage_in_the_wrong_place_is_left_to_the_floor() -> None:
    """What rules by words cannot see: 3 stands in the passage, of fines."""
    assert check("The AI Office reviews the Code every 3 years.") is None


def test_marks_must_exist_and_only_what_is_cited_counts() -> None:
    assert check("The form is signed by a manager.", 2) is None
    assert check("The form is signed by a manager.", 1, floor=0.9) in ("negation", "unlike")
    for mark in (0, 3, 99):
        assert check("The form is signed by a manager.", 2, mark) == "mark"
    assert objection(
        Claim("No mark here.", ()), [], "en", known_words=KNOWN, detector=FixedDetector("en"), likeness=no_likeness
    ) == "mark"  # fmt: skip


def no_likeness(sentence: str, texts: Sequence[str]) -> Sequence[float]:
    raise AssertionError("rules come first")


def test_another_language_is_refused_when_it_is_sure() -> None:
    assert check("There is no deadline for signing.", found="de") == "language"


def test_the_floor_is_what_decides_last() -> None:
    assert check("Fines may be a day before the day.", floor=0.7) == "unlike"
    assert check("There is no deadline for signing.", floor=0.99) is None


@pytest.mark.parametrize(
    ("sentence", "reason"), [("Signing has no deadline.", None), ("Signing has a deadline.", "negation")]
)
def test_where_the_passage_has_no_text_of_the_language_the_reference_text_counts(
    sentence: str, reason: str | None
) -> None:
    assert objection(
        Claim(sentence, (1,)),
        [Evidence({"fr": FRENCH})],
        "en",
        known_words=KNOWN,
        detector=FixedDetector("en"),
        likeness=lambda _, texts: [1.0] + [0.5] * (len(texts) - 1),
    ) == reason  # fmt: skip


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("It can be withdrawn. [1]", [("It can be withdrawn.", (1,))]),
        ("It can be withdrawn [1].", [("It can be withdrawn.", (1,))]),
        ("It can [1][2]. So can they. [2] [2]", [("It can.", (1, 2)), ("So can they.", (2,))]),
        ("Hello! Unmarked here. It can be withdrawn [1]", [("It can be withdrawn.", (1,))]),
        ("It can be withdrawn [1]. And this has none.", [("It can be withdrawn.", (1,))]),
        ("no marks at all", []),
        ("", []),
        ("[1][2]", []),
        ("Look at [that] now [1]", [("now.", (1,))]),
    ],
)
def test_only_sentences_with_marks_are_claims(written: str, found: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(claim.text, claim.marks) for claim in claims(written, "en")] == found


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "You don't have to.", True), ("en", "You have to.", False), ("cs", "Nemusí se podepsat.", True),
        ("cs", "Musí se podepsat.", False), ("mt", "Min ma jiffirmax il-Kodiċi", True), ("mt", "Min jiffirma", False),
        ("de", "Es gibt keinen Termin.", True), ("fi", "Määräaikaa ei ole.", True), ("lt", "Nereikia pasirašyti.", True),
        ("el", "Δεν υπάρχει προθεσμία.", True), ("fr", "Il n’y a pas de date.", True), ("bg", "Няма срок.", True),
        ("uk", "Не треба.", False),
    ],
)  # fmt: skip
def test_negations_are_found(language: str, text: str, expected: bool) -> None:
    known = {"musí", "reikia", "se", "podepsat"}
    assert negated(text, language, known) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "two of 1,000 and 7.5 % in 10^25", {"2", "1000", "7.5", "10", "25"}),
        ("de", "zwei von 15 000 000, 7,5 %", {"2", "15000000", "7.5"}),
        ("pl", "po trzech latach", {"3"}),
        ("lt", "dešimties dienų", {"10"}),
        ("uk", "два", set()),
    ],
)
def test_numbers_are_read_in_digits_and_words(language: str, text: str, expected: set[str]) -> None:
    assert numbers(text, language) == expected


@pytest.mark.parametrize("name", ["negations", "number_words"])
def test_the_word_lists_are_in_lower_case_for_every_language(name: str) -> None:
    table = yaml.safe_load((CHECKOUT / "service" / "data" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(table) == set(EU_LANGUAGES)
    for language, rules in table.items():
        words = rules["words"] if name == "negations" else [word for forms in rules.values() for word in forms]
        assert words and all(isinstance(word, str) and word == word.lower() for word in words), language
