"""Dates in what is cited, seen from the day asked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from babel.dates import format_date
from hypothesis import given
from hypothesis import strategies as st

from corpus.languages import EU_LANGUAGES, OTHER_LANGUAGES
from service.dates import date_notes, find_dates
from service.texts import texts


def days(text: str, language: str, year: int = 2025) -> list[date]:
    return [day for day, _, _ in find_dates(text, language, year)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("fr", "avant le 1er août 2025", date(2025, 8, 1)),
        ("fr", "le 2 août 2026", date(2026, 8, 2)),
        ("fr", "le 2\u00a0AOÛT\u00a02027.", date(2027, 8, 2)),
        ("fr", "à partir du 1er février", date(2025, 2, 1)),
        ("en", "before 1 August 2025", date(2025, 8, 1)),
        ("en", "on 1st August 2026,", date(2026, 8, 1)),
        ("en", "the 2nd May, the next", date(2025, 5, 2)),
        ("en", "3rd March 2026", date(2026, 3, 3)),
        ("en", "from the 4th\nApril 2026", date(2026, 4, 4)),
        ("en", "29 February 2028", date(2028, 2, 29)),
        ("de", "am 2. August 2025", date(2025, 8, 2)),
    ],
)
def test_dates_are_read(language: str, text: str, expected: date) -> None:
    assert days(text, language) == [expected]


@pytest.mark.parametrize("language", ["fr", "en"])
@given(day=st.dates(date(1000, 1, 1), date(9999, 12, 31)))
def test_every_day_written_out_is_read(language: str, day: date) -> None:
    written = format_date(day, "d MMMM y", locale=language)
    found = list(find_dates(f"({written})", language, 1))
    assert found == [(day, 1, 1 + len(written))]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "le 31 juin 2025"),
        ("fr", "le 30 février"),
        ("fr", "le 0 mai 2025"),
        ("fr", "le 1er août 0000"),
        ("en", "29 February 2025"),
        ("en", "99 March"),
        ("en", "101 August"),  # the 01 belongs to another number
        ("en", "2 Augustus 2025"),
        ("en", "2 août 2025"),
        ("en", "in August 2025"),
        ("fr", "L’article 53 du règlement 2024/1689"),
    ],
)
def test_what_is_no_date_is_passed_over(language: str, text: str) -> None:
    assert days(text, language) == []


def test_year_not_written_is_that_of_publication() -> None:
    (note,) = date_notes("Signez avant le 1er août.", "fr", "2024-07-10", date(2025, 1, 1), "fr")
    assert note.day == date(2024, 8, 1)
    (note,) = date_notes("Signez avant le 1er août.", "fr", "2026", date(2025, 1, 1), "fr")
    assert note.day == date(2026, 8, 1)


@pytest.mark.parametrize(("shift", "status"), [(-1, "coming"), (0, "today"), (1, "past"), (400, "past")])
def test_status_follows_the_day_asked(shift: int, status: str) -> None:
    today = date(2025, 8, 2) + timedelta(days=shift)
    (note,) = date_notes("It applies from 2 August 2025.", "en", "2025-07", today, "en")
    assert note.status == status
    spoken = format_date(today, "d MMMM y", locale="en")
    assert note.message == texts("en")["notes"][status].format(date="2 August 2025", today=spoken)


def test_note_quotes_the_date_and_its_sentence() -> None:
    text = "There is no deadline. We ask you to sign before 1 August 2025. Names are published."
    (note,) = date_notes(text, "en", "2025-07", date(2026, 1, 1), "de")
    assert note.excerpt == "1 August 2025"
    assert note.about == "We ask you to sign before 1 August 2025."
    assert note.message == texts("de")["notes"]["past"].format(date="1. August 2025", today="1. Januar 2026")


def test_each_date_is_noted_once_in_order() -> None:
    text = "Avant le 2 août 2026, puis le 1er août 2025 ; le 2 août 2026 encore, et le 1er août."
    notes = date_notes(text, "fr", "2025-07", date(2026, 1, 1), "fr")
    assert [(note.day, note.excerpt, note.status) for note in notes] == [
        (date(2026, 8, 2), "2 août 2026", "coming"),
        (date(2025, 8, 1), "1er août 2025", "past"),
    ]


def test_first_of_the_month_is_an_ordinal_in_french() -> None:
    (note,) = date_notes("before 1 August 2025", "en", "2025-07", date(2025, 11, 11), "fr")
    assert note.message == texts("fr")["notes"]["past"].format(date="1er août 2025", today="11 novembre 2025")


@pytest.mark.parametrize("asker", [*EU_LANGUAGES, *OTHER_LANGUAGES])
def test_message_is_in_one_language(asker: str) -> None:
    """The asker's, and where there are no texts in it, English with English dates."""
    (note,) = date_notes("le 2 août 2026", "fr", "2025-07", date(2026, 9, 3), asker)
    spoken_in = "en_GB" if asker == "en" or asker in OTHER_LANGUAGES else asker
    said = {name: str(format_date(day, "long", locale=spoken_in)) for name, day in
            (("date", date(2026, 8, 2)), ("today", date(2026, 9, 3)))}  # fmt: skip
    assert note.message == texts(asker)["notes"]["past"].format(**said)
