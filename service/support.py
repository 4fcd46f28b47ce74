"""Is a sentence that a language model wrote supported by the passages that it cites? Rules first, likeness last.

What is not found in the cited text is not supported: a number, a date, a name, a negation (or its lack). A sentence
that passes says at most what could be assembled from the passage's own words; that it is about the same is judged by
likeness, whose floor was measured (`python -m eval.support`). Every doubt is decided against the sentence: the quotes
stand below it in any case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from babel.dates import get_month_names

from corpus.detection import Detector
from corpus.sentences import sentence_spans
from index.encoder import Encoder
from service.answers import Claim
from service.dates import find_dates

LIKENESS_FLOOR = 0.732
"""Least likeness of a sentence with the passages it cites. Chosen by `python -m eval.support`; see eval/LOG.md."""

MAX_CHARS = 400
"""Longest sentence, in characters."""

_DATA = Path(__file__).parent / "data"
_SURE = 0.9  # of a detected language, in [0, 1]
_MIN_WORDS = 3
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"[^\W\d_]\w*")
_NUMBER = re.compile(r"\d{1,3}(?:[ .,\u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,]\d+)?")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_MARKUP = re.compile(r"[<>`{}|\\@]|\]\(|\*\*|://|\bwww\.|^\s*[#>*-]\s")
# Words in which a month's name also is another word.
_NO_MONTHS = {"ro": {"mai"}, "en": {"may", "march"}}

Likeness = Callable[[str, Sequence[str]], Sequence[float]]
"""A sentence and texts to the sentence's likeness with each, in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a passage says: its text by language, in the asker's and in the reference language."""

    texts: Mapping[str, str]


_MARKED = re.compile(r"(?P<text>[^\[\]]+?)(?P<marks>(?:\s*\[\d{1,3}\])+)\s*[.!]?", re.DOTALL)


def claims(written: str, language: str) -> list[Claim]:
    """The sentences that carry marks, in order. What stands before a sentence without a mark of its own is left out."""
    found = []
    for match in _MARKED.finditer(written):
        text = match["text"].strip()
        spans = sentence_spans(text, language)
        if not spans:
            continue
        start, end = spans[-1]
        last = text[start:end].lstrip(".!? ")
        marks = tuple(dict.fromkeys(int(number) for number in re.findall(r"\d+", match["marks"])))
        if last:
            found.append(Claim(last if last[-1] in ".!?;" else f"{last}.", marks))
    return found


def objection(
    claim: Claim,
    passages: Sequence[Evidence],
    language: str,
    *,
    known_words: Collection[str],
    detector: Detector,
    likeness: Likeness,
    floor: float = LIKENESS_FLOOR,
) -> str | None:
    """Why the sentence is not supported, in one word; None when it is. `passages[0]` is cited as 1.

    `known_words` are words of the language in lower case: what begins a sentence with a capital is no name when there.
    """
    if not claim.marks or not all(1 <= mark <= len(passages) for mark in claim.marks):
        return "mark"
    if len(claim.text) > MAX_CHARS or len(_WORD.findall(claim.text)) < _MIN_WORDS:
        return "length"
    if _MARKUP.search(claim.text) or any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs") for c in claim.text):
        return "markup"
    found = detector.detect(claim.text)
    if found.code != language and found.confidence >= _SURE:
        return "language"
    cited = [passages[mark - 1] for mark in claim.marks]
    texts = [(code, text) for evidence in cited for code, text in evidence.texts.items()]
    said: set[str] = set().union(*(numbers(text, code) for code, text in texts))
    if not numbers(claim.text, language) <= said:
        return "number"
    if not _dates_supported(claim.text, language, texts):
        return "date"
    if _unknown_names(claim.text, texts, known_words):
        return "name"
    # In the asker's language where there is one: negations compare within a language, and so do vectors.
    own = [(language, evidence.texts[language]) for evidence in cited if language in evidence.texts] or texts
    sentences = [(code, text[start:end]) for code, text in own for start, end in sentence_spans(text, code)]
    scores = likeness(claim.text, [text for _, text in sentences])
    best = max(range(len(sentences)), key=lambda place: scores[place])
    if negated(claim.text, language, known_words) != negated(sentences[best][1], sentences[best][0], known_words):
        return "negation"
    if scores[best] < floor:
        return "unlike"
    return None


def likeness_by(encoder: Encoder) -> Likeness:
    """Likeness by the service's own encoder: how well each token of the sentence is met by a token of the text. Telling
    tokens count more, but by their root only: no word of a sentence is beside the point."""

    def compare(sentence: str, texts: Sequence[str]) -> list[float]:
        encoded = encoder.encode(sentence, "passage")
        shares = np.sqrt(encoded.weights)
        shares /= shares.sum()
        scores = []
        for text in texts:
            other = encoder.encode(text, "passage")
            met = (encoded.tokens @ other.tokens.T).max(axis=1) if len(other.tokens) else encoded.weights * 0
            scores.append(float(shares @ met))
        return scores

    return compare


def words_in(texts: Iterable[str]) -> frozenset[str]:
    """The words that stand in the texts in lower case."""
    return frozenset(word for text in texts for word in _WORD.findall(text) if word.islower())


@cache
def _table(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def _listed(word: str, listed: Sequence[str]) -> bool:
    """Whether a case-folded word is one of those listed; `*` stands for any ending."""
    folded = (entry.casefold() for entry in listed)
    return any(word.startswith(entry[:-1]) if entry.endswith("*") else word == entry for entry in folded)


def numbers(text: str, language: str) -> set[str]:
    """Every number of the text, written in digits or as a word of the language, without separators."""
    spaced = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda match: f" {match[0].translate(_SUPERSCRIPTS)}", text)
    found = set()
    for match in _NUMBER.finditer(spaced):
        grouped = re.fullmatch(r"\d{1,3}(?:[ .,\u00a0\u202f]\d{3})+", match[0])
        found.add(re.sub(r"\D", "", match[0]) if grouped else match[0].replace(",", "."))
    words = set(_WORD.findall(text.casefold()))
    for number, forms in _table("number_words").get(language, {}).items():
        if any(_listed(word, forms) for word in words):
            found.add(str(number))
    return found


def _months(text: str, language: str) -> set[int]:
    words = set(_WORD.findall(text.casefold()))
    spoken = set(_WORD.findall(text))
    found = set()
    for context in ("format", "stand-alone"):
        for number, name in get_month_names("wide", context=context, locale=language).items():
            folded = name.casefold()
            if folded in _NO_MONTHS.get(language, ()):
                if language == "en" and re.search(rf"\d\s+{name}\b|\b{name}\s+\d|\b(?:in|until|by|of) {name}\b", text):
                    found.add(number)
                continue
            if folded in words and (language not in ("de", "en") or name in spoken):
                found.add(number)
    return found


def _dates_supported(claim: str, language: str, texts: Sequence[tuple[str, str]]) -> bool:
    """Every day of a month, and every month, that the sentence names is named in the texts."""
    days = {(day.day, day.month) for day, _, _ in find_dates(claim, language, 2000)}
    known_days = {(day.day, day.month) for code, text in texts for day, _, _ in find_dates(text, code, 2000)}
    known_months: set[int] = set().union(*(_months(text, code) for code, text in texts))
    return days <= known_days and _months(claim, language) <= known_months | {month for _, month in known_days}


def _unknown_names(claim: str, texts: Sequence[tuple[str, str]], known_words: Collection[str]) -> list[str]:
    """Names and acronyms of the sentence that the texts do not have, in whatever case ending."""
    said = {word.casefold() for _, text in texts for word in _NAME.findall(text)}
    unknown = []
    for match in _NAME.finditer(claim):
        word = match[0]
        folded = word.casefold()
        # A capital within a word, or a number at its end, makes a name wherever it stands: "OpenAI", "GPT5".
        distinct = any(c.isupper() or c.isdigit() for c in word[1:])
        if not word[0].isalpha() or not (word[0].isupper() or distinct) or _among(folded, said):
            continue
        first = not _NAME.search(claim, 0, match.start())
        if first and not distinct and folded in known_words:
            continue
        unknown.append(word)
    return unknown


def _among(word: str, said: Collection[str]) -> bool:
    """Whether the word is there, or one that shares its stem: all but three letters at the end, four at least."""
    if word in said:
        return True
    stem = max(4, len(word) - 3)
    return len(word) >= stem and any(other[:stem] == word[:stem] for other in said)


def negated(text: str, language: str, known_words: Collection[str]) -> bool:
    """Whether the text has a word that turns it round. False for a language without a list."""
    rules = _table("negations").get(language)
    if rules is None:
        return False
    words = _WORD.findall(text.casefold())
    if any(_listed(word, rules["words"]) for word in words):
        return True
    prefix, suffix = rules.get("prefix"), rules.get("suffix")
    if prefix and any(
        word.startswith(prefix) and len(word) > len(prefix) + 2 and word[len(prefix) :] in known_words for word in words
    ):
        return True
    return bool(suffix) and any(before in rules["before"] and word.endswith(suffix) for before, word in pairwise(words))
