"""Text to terms, by language, for BM25.

NFKC, lower case, split at everything that is no letter or digit (so at hyphens and apostrophes, which splits
elisions and Maltese articles), stemmed where Snowball knows the language or a close one, accents folded. Both the
stem of the word and that of the word without accents are terms, so a question typed without accents still matches.
Chinese, Japanese and Korean become pairs of characters.
"""

from __future__ import annotations

import re
import threading
import unicodedata

import Stemmer

_STEMMERS = {
    "ar": "arabic", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "it": "italian", "lt": "lithuanian", "nl": "dutch", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sv": "swedish", "tr": "turkish",
    # Close relatives stand in where Snowball has no stemmer of the language's own.
    "hr": "serbian", "sk": "czech", "uk": "russian",
}  # fmt: skip
_TRUNCATED = {"bg": 6, "lv": 6, "mt": 6, "sl": 6}
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_local = threading.local()


def terms(text: str, language: str) -> list[str]:
    """The terms of a text in order, repeated as they are repeated; single letters are left out."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if _CJK.fullmatch(word):
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif len(word) > 1 or word.isdigit():
            stem, folded = _stem(word, language), _fold(word)
            found.append(_fold(stem))
            if folded != word and (other := _fold(_stem(folded, language))) != found[-1]:
                found.append(other)
    return found


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


def _fold(word: str) -> str:
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(character for character in decomposed if not unicodedata.combining(character))
