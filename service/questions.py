"""A question as it is read: what nobody sees is left out, and letters that pass for others are what they pass for.

Control and format characters (bidirectional overrides, zero-width and tag characters, soft hyphens) hide instructions
or split words; Cyrillic and Greek letters within a Latin word, and the other way round, make it unknown to every
index. The question that is echoed stays as it was sent. Source: Unicode Technical Standards 39 and 55.
"""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_SPACES = frozenset("\t\n\v\f\r\x85")
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_WORD = re.compile(r"[^\W\d_]{2,}")

# Letters drawn alike: Cyrillic and Greek with the Latin ones they pass for.
_CYRILLIC = dict(zip("аеорсухіјѕһԁԛԝАВЕКМНОРСТХУІЈЅ", "aeopcyxijshdqwABEKMHOPCTXYIJS", strict=True))
_GREEK = dict(zip("οανυρικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "oavupikABEZHIKMNOPTYX", strict=True))
_SCRIPTS = {"CYRILLIC": _CYRILLIC, "GREEK": _GREEK}
_MIXABLE = re.compile(r"(?=.*[A-Za-z])(?=.*[\u0370-\u03ff\u0400-\u052f])", re.DOTALL)


def legible(question: str) -> str:
    """The visible characters with single spaces; empty when there are none."""
    seen = _VARIATION.sub("", question)
    if not seen.isprintable():
        spaced = (" " if character in _SPACES else character for character in seen)
        seen = "".join(character for character in spaced if unicodedata.category(character) not in _UNSEEN)
    if _MIXABLE.match(seen):
        seen = _WORD.sub(lambda word: _one_script(word.group()), seen)
    return " ".join(seen.split())


def _one_script(word: str) -> str:
    """The word in the script that most of its letters are of, where the rest only look like letters of it."""
    scripts = [unicodedata.name(letter, "").partition(" ")[0] for letter in word]
    for script, alike in _SCRIPTS.items():
        if set(scripts) != {"LATIN", script}:
            continue
        foreign = scripts.count(script)
        to_latin = foreign <= len(word) - foreign
        table = alike if to_latin else {latin: other for other, latin in alike.items()}
        strangers = {letter for letter, found in zip(word, scripts, strict=True) if (found == script) == to_latin}
        if strangers <= table.keys():
            return "".join(table.get(letter, letter) if letter in strangers else letter for letter in word)
    return word
