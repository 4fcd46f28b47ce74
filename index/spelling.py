"""Questions as people type them: accents left out are put back and slips mended, by the words that the index knows.

A question typed without any accent gets the usual spelling of each word that differs by accents alone. A word that
nothing in the language has is taken for the most frequent word at one slip from it (a letter changed, left out or too
many, or two changed over; Damerau, 1964), unless the two differ in their endings only: that is another form of a word,
no slip. What was asked stays as it was typed everywhere but in the search.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from corpus.languages import EU_LANGUAGES
from index.analysis import fold

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
# Letters that are no base letter with an accent, but are typed without theirs all the same.
_BARE = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss", "ð": "d", "þ": "th"}
)
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


class _Words:
    """The words of one language, in some bytes each: hashes of what they are without accents, and where they stand in
    the text that is stored."""

    def __init__(self, stored: str) -> None:
        often = len(stored.partition("\n")[0].split())
        keys, typed = _bare(stored).split(), _bare(stored.translate(_DIGRAPHS)).split()
        # The first of equals counts: a frequent word before a seldom one that is the same without accents.
        hashes = [hash(key) for key in (*keys[:often], *typed[:often], *keys[often:])]
        self._hashes, firsts = np.unique(np.array(hashes, np.int64), return_index=True)
        self._places = np.array([*range(often), *range(len(keys))], np.int32)[firsts]
        lengths = np.array([len(word) for word in stored.split()], np.int32)
        ends = np.cumsum(lengths + 1, dtype=np.int32) - 1 + (not often)  # without frequent words it begins with a break
        self._spans = np.stack([ends - lengths, ends], axis=1)
        self._stored = stored
        self._frequent: dict[tuple[str, int], list[str]] = defaultdict(list)
        for key in keys[:often]:
            self._frequent[key[0], len(key)].append(key)

    def corrected(self, word: str, bare: bool) -> str:
        """`bare` says that the question has no accents at all."""
        if word.isupper():  # an abbreviation
            return word
        lower = word.lower()
        key = _bare(lower)
        place = self._place(key)
        if place is None:
            meant = self._meant(key)
            return word if meant is None else _cased(self._spelling(meant), word)
        usual = self._spelling(place)
        return _cased(usual, word) if bare and usual != lower else word

    def _spelling(self, place: int) -> str:
        start, end = self._spans[place].tolist()
        return self._stored[start:end]

    def _place(self, key: str) -> int | None:
        """A word's place among all, the most frequent first."""
        at = int(np.searchsorted(self._hashes, hash(key)))
        return int(self._places[at]) if at < len(self._hashes) and self._hashes[at] == hash(key) else None

    def _meant(self, key: str) -> int | None:
        """The place of the most frequent of the words at one slip from this one."""
        if len(key) < MENDED_FROM:
            return None
        near = (self._frequent.get((key[0], length), []) for length in (len(key) - 1, len(key), len(key) + 1))
        slips = (self._place(other) for words in near for other in words if _is_slip(key, other))
        return min((place for place in slips if place is not None), default=None)


class Spelling:
    """What the words of each language look like. Thread-safe; a language is read when it is first asked in."""

    def __init__(self, stored: Mapping[str, str]) -> None:
        """`stored` is what `stored` gave."""
        self.stored = dict(stored)
        """Language to its words, one spelling for each that differ by accents alone: those that are frequent, the most
        frequent first, a line break, and the others, between spaces."""
        self._read: dict[str, _Words] = {}

    def encoded(self) -> bytes:
        return json.dumps(self.stored, ensure_ascii=False).encode("utf-8")

    @classmethod
    def decoded(cls, data: bytes) -> Spelling:
        """What `encoded` gave."""
        return cls(json.loads(data))

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
            words = self._read[language] = _Words(self.stored[language])
        composed = unicodedata.normalize("NFC", text)
        bare = _bare(composed.lower()) == composed.lower()
        return _WORD.sub(lambda match: words.corrected(match.group(), bare), composed)


def _words(text: str) -> Iterator[str]:
    return (match.group() for match in _WORD.finditer(unicodedata.normalize("NFC", text).lower()))


def _bare(text: str) -> str:
    """Lower-case text without accents."""
    return fold(text).translate(_BARE)


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
