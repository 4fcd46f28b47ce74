"""Links that scroll to the quote."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fragments import fragment_url

URL = "https://example.org/fr/faq"
PREFIX = f"{URL}#:~:text="


def directive(url: str) -> list[str]:
    """What a browser reads from the link: the text, or its start and its end."""
    assert url.startswith(PREFIX)
    return [unquote(part, errors="strict") for part in url.removeprefix(PREFIX).split(",")]


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("a-b", "a%2Db"),
        ("a, b", "a%2C%20b"),
        ("R&D", "R%26D"),
        ("100 %", "100%20%25"),
        ("a#b/c?d", "a%23b%2Fc%3Fd"),
        ("« l’été »", "%C2%AB%20l%E2%80%99%C3%A9t%C3%A9%20%C2%BB"),
        ('"ja"', "%22ja%22"),
    ],
)
def test_characters_with_a_meaning_are_encoded(text: str, encoded: str) -> None:
    assert fragment_url(URL, text) == PREFIX + encoded


def test_a_fragment_that_is_there_is_kept() -> None:
    assert fragment_url(f"{URL}#part", "Oui") == f"{URL}#part:~:text=Oui"


def test_white_space_is_one_space() -> None:
    assert fragment_url(URL, " a\n b\u00a0c\t") == PREFIX + "a%20b%20c"


def test_text_of_120_characters_is_whole_and_a_longer_one_is_its_edges() -> None:
    words = ["w23456789"] * 12  # 12 words of 9 letters and 11 spaces are 119 characters
    whole = " ".join([*words, ""]) + "x"
    assert len(" ".join(words)) == 119
    assert directive(fragment_url(URL, " ".join(words) + "-")) == [" ".join(words) + "-"]
    assert directive(fragment_url(URL, whole)) == [" ".join(words[:6]), " ".join([*words[:5], "x"])]


def test_few_long_words_stay_whole() -> None:
    text = " ".join(["x" * 50] * 12)
    assert directive(fragment_url(URL, text)) == [text]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400).filter(str.strip))
def test_decoding_gives_the_text_back(text: str) -> None:
    url = fragment_url(URL, text)
    raw = url.removeprefix(PREFIX)
    assert raw.isascii() and not set(raw) & set(' -&#"<>')
    whole = " ".join(text.split())
    parts = directive(url)
    if len(parts) == 1:
        assert parts == [whole]
    else:
        start, end = parts
        assert len(whole) > 120 and whole.startswith(start + " ") and whole.endswith(" " + end)
        assert len(start) + len(end) < len(whole)


@given(st.lists(st.text(st.characters(categories=["L", "P"]), min_size=1, max_size=12), min_size=13, max_size=60))
def test_long_text_is_found_by_its_edges(words: list[str]) -> None:
    whole = " ".join(" ".join(words).split())
    parts = directive(fragment_url(URL, whole))
    assert parts == ([whole] if len(whole) <= 120 else [" ".join(words[:6]), " ".join(words[-6:])])
