"""What of a question is read: all that can be seen, and no more."""

from __future__ import annotations

import unicodedata

import pytest
from conftest import CHECKOUT
from hypothesis import given
from hypothesis import strategies as st

from corpus.questions import bank_paths, read_bank
from service.questions import legible


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("can\u200b we\u2060 with\u00addraw\ufeff", "can we withdraw"),
        ("\u202ecan\u202c \u2066we\u2069", "can we"),
        ("can\twe\r\nwith\0draw", "can we withdraw"),
        ("hi" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all") + " there", "hi there"),
        ("a\ufe0fb\U000e0100", "ab"),
        ("\ud800x\udfff", "x"),
        ("\u200b\u202e\0 ", ""),
        ("c\u0430n we withdr\u0430w", "can we withdraw"),
        ("Cοde of Prαctice", "Code of Practice"),
        ("подпиcaть Кодекс", "подписать Кодекс"),
        ("υπoγραφή", "υπογραφή"),
        ("Кодекс GPAI и AI Act", "Кодекс GPAI и AI Act"),
        ("модел-GPAI, жGPAI", "модел-GPAI, жGPAI"),
        ("Can we? ¿Sí? 🖊️", "Can we? ¿Sí? 🖊"),
        ("क्षमा करें", "क्षमा करें"),
    ],
)
def test_reading(sent: str, read: str) -> None:
    assert legible(sent) == read


@given(st.text(st.characters(), max_size=60))
def test_reading_twice_changes_nothing_and_leaves_nothing_unseen(text: str) -> None:
    read = legible(text)
    assert legible(read) == read
    assert not {unicodedata.category(character) for character in read} & {"Cc", "Cf", "Cs"}


def test_honest_questions_are_read_as_they_are() -> None:
    """In the whole bank, in 32 languages; words with joiners, which Hindi may have, aside."""
    read = 0
    for path in bank_paths(CHECKOUT / "corpus"):
        for _, question, _ in read_bank(path):
            assert legible(question) == " ".join(question.split()), path
            read += 1
    assert read > 5000
