"""Text to terms for BM25: words by language, or pieces of words.

NFKC, lower case, split at everything that is no letter or digit (so at hyphens and apostrophes, which splits
elisions and Maltese articles), stemmed where Snowball knows the language or a close one, accents folded. Both the
stem of the word and that of the word without accents are terms, so a question typed without accents still matches.
Chinese, Japanese and Korean become pairs of characters, also where Latin letters stand among them.

Pieces are the character n-grams of each word, its edges marked, without accents (McNamee and Mayfield, 2004): an
inflected, compounded or mistyped word still shares most of them, in a language without a stemmer too.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import Stemmer

ANALYSIS = "terms-2 grams-1"
"""Names this way of analysing; part of an index's version."""

_STEMMERS = {
    "ar": "arabic", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "it": "italian", "lt": "lithuanian", "nl": "dutch", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sv": "swedish", "tr": "turkish",
    # Close relatives stand in where Snowball has no stemmer of the language's own.
    "hr": "serbian", "sk": "czech", "uk": "russian",
}  # fmt: skip
_TRUNCATED = {"bg": 6, "lv": 6, "mt": 6, "sl": 6}
_GRAM = 4  # characters
_CJK = "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
# Vowel signs of Devanagari, or the dot that lower() leaves of a Turkish capital I, are no letters but part of a word.
_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
_WORD = re.compile(rf"(?P<cjk>[{_CJK}]+)|[^\W_{_CJK}](?:[^\W_{_CJK}]|[{_MARKS}])*")
_WORDS_KEPT = 1 << 15  # few words make most of a text; some megabytes
_local = threading.local()


def terms(text: str, language: str) -> list[str]:
    """The terms of a text in order, repeated as they are repeated; single letters are left out."""
    found: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).lower()):
        word = match.group()
        if match["cjk"]:
            found.extend(_word_pairs(word))
        elif len(word) > 1 or word.isdigit():
            found.extend(_word_terms(word, language))
    return found


def grams(text: str, language: str) -> list[str]:
    """The pieces of a text's words in order, repeated as they are repeated."""
    found: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).lower()):
        found.extend(_word_pairs(match.group()) if match["cjk"] else _word_grams(match.group()))
    return found


def _word_pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(max(1, len(word) - 1))]


@lru_cache(_WORDS_KEPT)
def _word_grams(word: str) -> tuple[str, ...]:
    marked = f" {fold(word)} "
    return tuple(marked[i : i + _GRAM] for i in range(max(1, len(marked) - _GRAM + 1)))


@lru_cache(_WORDS_KEPT)
def _word_terms(word: str, language: str) -> tuple[str, ...]:
    term, folded = fold(_stem(word, language)), fold(word)
    if folded == word:
        return (term,)
    return tuple(dict.fromkeys((term, fold(_stem(folded, language)))))


def _stem(word: str, language: str) -> str:
    if language in _TRUNCATED:
        return word[: _TRUNCATED[language]]
    name = _STEMMERS.get(language)
    if name is None or word.isdigit():
        return word
    stemmers = _local.__dict__.setdefault("stemmers", {})  # a stemmer is not to be shared by threads
    if name not in stemmers:
        stemmers[name] = Stemmer.Stemmer(name)
    return str(stemmers[name].stemWord(word))


def fold(word: str) -> str:
    """Without accents."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(character for character in decomposed if not unicodedata.combining(character))
