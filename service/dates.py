"""Dates in cited texts, and whether they have passed: "before 1 August" reads differently a year later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache, lru_cache

from babel import Locale
from babel.dates import format_date, get_month_names

from corpus.sentences import sentence_spans
from service.answers import DateNote
from service.texts import FALLBACK, text_languages, texts

_REGIONS = {"en": "en_GB"}  # the Union's English writes the day first


@cache
def _pattern(language: str) -> tuple[re.Pattern[str], dict[str, int]]:
    """Matches "1er août 2025", "2 August", "am 2. August 2025"; groups day, month, year."""
    months = {name.casefold(): number for number, name in get_month_names("wide", locale=language).items()}
    alternatives = "|".join(re.escape(name) for name in sorted(months, key=len, reverse=True))
    day, space = r"(?<!\d)(?P<day>\d{1,2})(?:er|st|nd|rd|th|\.)?", r"[\s\u00a0]+"
    pattern = rf"{day}{space}(?P<month>{alternatives})\b(?:{space}(?P<year>\d{{4}}))?"
    return re.compile(pattern, re.IGNORECASE), months


def find_dates(text: str, language: str, default_year: int) -> Iterator[tuple[date, int, int]]:
    """Dates with a day and a month and where they stand, half-open; without a year, that of publication is meant."""
    pattern, months = _pattern(language)
    for match in pattern.finditer(text):
        year = int(match["year"]) if match["year"] else default_year
        try:
            yield date(year, months[match["month"].casefold()], int(match["day"])), match.start(), match.end()
        except ValueError:  # such as 31 June
            continue


@lru_cache(maxsize=4096)  # the same few hundred passages are cited again and again
def date_notes(text: str, language: str, published: str, today: date, asker: str) -> tuple[DateNote, ...]:
    """A note for each date in the text, in the asker's language, each date once."""
    notes: dict[date, DateNote] = {}
    asker = asker if asker in text_languages() else FALLBACK  # one language for the sentence and the date in it
    sentences = sentence_spans(text, language)
    for day, start, end in find_dates(text, language, int(published[:4])):
        about = next((text[a:b] for a, b in sentences if a <= start < b), text[start:end])
        status = "past" if day < today else "today" if day == today else "coming"
        message = texts(asker)["notes"][status].format(date=_spoken(day, asker), today=_spoken(today, asker))
        notes.setdefault(day, DateNote(day, text[start:end], about, status, message))  # type: ignore[arg-type]
    return tuple(notes.values())


def _spoken(day: date, language: str) -> str:
    spoken = str(format_date(day, format="long", locale=Locale.parse(_REGIONS.get(language, language))))
    return spoken.replace("1 ", "1er ", 1) if language == "fr" and day.day == 1 else spoken
