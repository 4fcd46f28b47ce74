"""Questions as people type them: accents left out are put back and slips mended, by the words that the index knows.

A question typed without any accent gets the usual spelling of each word that differs by accents alone. A word that
nothing in the language has is taken for the most frequent word at one slip from it (a letter changed, left out or too
many, or two changed over; Damerau, 1964), unless the two differ in their endings only: that is another form of a word,
no slip. What was asked stays as it was typed everywhere but in the search.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from corpus.languages import EU_LANGUAGES

SPELLING = "spelling-1"
"""Names this way of correcting; part of an index's version."""

LANGUAGES = frozenset({*EU_LANGUAGES, "ru", "tr", "uk"})
"""Those whose words are runs of letters."""

MENDED_FROM = 5
"""Letters of the shortest word that is mended: shorter ones have too many neighbours."""

FREQUENT = 3
"""Times that a word must stand in the texts to be what another was meant to be: the bank has slips of its own."""

_ENDING = 2  # letters at the end of a word that its forms differ in
_WORD = re.compile(r"[^\W\d_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
# Letters that are no base letter with an accent, but are typed without theirs all the same.
_BARE = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss", "ð": "d", "þ": "th"}
)
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


@dataclass(frozen=True, slots=True)
class _Words:
    """`spellings` maps a word without accents to its usual spelling; `frequent` maps first letter and length to
    such words that are frequent, the most frequent first."""

    spellings: Mapping[str, str]
    frequent: Mapping[tuple[str, int], list[str]]

    def corrected(self, word: str, bare: bool) -> str:
        """`bare` says that the question has no accents at all."""
        if word.isupper():  # an abbreviation
            return word
        lower = word.lower()
        key = _bare(lower)
        known = self.spellings.get(key)
        if known is None:
            known = self._meant(key)
            return word if known is None else _cased(self.spellings[known], word)
        return _cased(known, word) if bare and known != lower else word

    def _meant(self, key: str) -> str | None:
        if len(key) < MENDED_FROM:
            return None
        near = (self.frequent.get((key[0], length), []) for length in (len(key) - 1, len(key), len(key) + 1))
        return min(
            ((place, other) for words in near for place, other in enumerate(words) if _is_slip(key, other)),
            default=(0, None),
        )[1]


class Spelling:
    """What the words of each language look like. Thread-safe; a language is read when it is first asked in."""

    def __init__(self, stored: Mapping[str, str]) -> None:
        """`stored` is what `stored` gave."""
        self.stored = dict(stored)
        """Language to its words, one spelling for each that differ by accents alone: those that are frequent, the most
        frequent first, a line break, and the others, between spaces."""
        self._read: dict[str, _Words] = {}

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]]) -> Spelling:
        """Of texts with their language."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for language, text in texts:
            if language in LANGUAGES:
                counts[language].update(_words(text))
        return cls({language: _listed(counted) for language, counted in sorted(counts.items())})

    def corrected(self, text: str, language: str) -> str:
        """The text as it was most probably meant, as it is where there is nothing to mend."""
        if language not in self.stored:
            return text
        words = self._read.get(language)
        if words is None:
            words = self._read[language] = _read(self.stored[language])
        composed = unicodedata.normalize("NFC", text)
        bare = _bare(composed.lower()) == composed.lower()
        return _WORD.sub(lambda match: words.corrected(match.group(), bare), composed)


def _words(text: str) -> Iterator[str]:
    return (match.group() for match in _WORD.finditer(unicodedata.normalize("NFC", text).lower()))


def _bare(text: str) -> str:
    """Lower-case text without accents."""
    return text if text.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFD", text)).translate(_BARE)


def _cased(spelling: str, word: str) -> str:
    return spelling[0].upper() + spelling[1:] if word[0].isupper() else spelling


def _listed(counts: Counter[str]) -> str:
    usual: dict[str, tuple[int, bool, str]] = {}
    for word, count in counts.items():
        key = _bare(word)
        usual[key] = max(usual.get(key, (0, False, "")), (count, word == key, word))
    ordered = sorted(usual.values(), key=lambda found: (-found[0], found[2]))
    lines = ([word for count, _, word in ordered if (count >= FREQUENT) is often] for often in (True, False))
    return "\n".join(" ".join(line) for line in lines)


def _read(stored: str) -> _Words:
    often, seldom = stored.split("\n")
    usual = dict(zip(_bare(often).split(), often.split(), strict=True))
    spellings = dict(zip(_bare(seldom).split(), seldom.split(), strict=True))
    spellings |= dict(zip(_bare(often.translate(_DIGRAPHS)).split(), often.split(), strict=True))
    frequent: dict[tuple[str, int], list[str]] = defaultdict(list)
    for key in usual:
        frequent[key[0], len(key)].append(key)
    return _Words(spellings | usual, dict(frequent))


def _is_slip(key: str, other: str) -> bool:
    """Whether one slip, before the ending, makes one of the other."""
    shorter = min(len(key), len(other))
    start = next((place for place in range(shorter) if key[place] != other[place]), shorter)
    if start >= len(key) - _ENDING:
        return False
    rest, meant = key[start:], other[start:]
    while rest and meant and rest[-1] == meant[-1]:
        rest, meant = rest[:-1], meant[:-1]
    if len(rest) <= 1 and len(meant) <= 1:
        return True
    return len(rest) == 2 and rest == meant[::-1]
