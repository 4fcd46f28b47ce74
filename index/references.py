"""Legal references in questions: "article 53(1)(b)", "Artikel 53 Absatz 1 Buchstabe b", "measure 2.1", "recital 97".

A reference names an entry by its id (`art-53-1-b`), whatever the language it is written in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# Beginnings of the words for article, recital, annex, measure and commitment in the languages of the Union.
_ARTICLE = r"(?:art|чл|член|άρθρ|αρθρ|člán|clan|člen|član|čl|cikk|straipsn|str|pant|airteag|alt)\w*\.?"
_RECITAL = (
    r"(?:recital|considérant|considerant|considerand|erwägungsgr|overweging|skäl|betragtning|johdanto|motyw|odůvodn|"
    r"odôvodn|uvodn|съображени|αιτιολογικ|preambul|põhjendus|apsvērum|konstatuoj|aithris|premess)\w*\.?"
)
_ANNEX = (
    r"(?:annex|anexa|anexo|anhang|allegato|bijlage|bilaga|bilag|liite|załącznik|příloh|prílo|prilog|приложен|"
    r"παράρτημα|παραρτήμα|melléklet|lisa|pielikum|pried|iarscríbhinn|anness)\w*\.?"
)
_MEASURE = (
    r"(?:measure|mesure|maßnahme|massnahme|medida|misura|maatregel|åtgärd|foranstaltning|toimenpi|środ|opatřen|opatren|"
    r"mjer|ukrep|мярк|μέτρ|intézkedés|meede|meetme|pasākum|priemon|beart|miżura|măsur)\w*\.?"
)
_COMMITMENT = (
    r"(?:commitment|engagement|verpflichtung|compromiso|compromisso|impegno|verbintenis|åtagande|forpligtelse|sitoumu|"
    r"zobowiązan|závaz|záväz|obvez|zavez|ангажимент|δέσμευση|kötelezettségváll|kohustus|saistīb|įsipareigoj|gealltanas|"
    r"impenn|angajament)\w*\.?"
)
_GAP = r"[\s\u00a0]*"
_PARAGRAPH = rf"(?:{_GAP}[,.]?{_GAP}(?:[^\W\d_]{{1,14}}\.?{_GAP})?\(?(?P<paragraph>\d{{1,2}})[.)]?(?!\d))"
_POINT = rf"(?:{_GAP}[,.]?{_GAP}(?:[^\W\d_]{{2,14}}\.?{_GAP})?\(?(?P<point>[a-zа-и])\)?(?![^\W\d_]))"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "art",
        re.compile(rf"\b{_ARTICLE}{_GAP}(?P<number>\d{{1,3}})(?!\d){_PARAGRAPH}?(?:[^\W\d_]{{0,14}}){_POINT}?", re.I),
    ),
    # Hungarian, Lithuanian, Latvian and others put the number first.
    (
        "art",
        re.compile(
            rf"\b(?P<number>\d{{1,3}})\.?{_GAP}{_ARTICLE}{_PARAGRAPH}?(?:{_GAP}[^\W\d_]{{0,14}}){_POINT}?", re.I
        ),
    ),
    ("rct", re.compile(rf"\b{_RECITAL}{_GAP}\(?(?P<number>\d{{1,3}})", re.I)),
    ("rct", re.compile(rf"\(?(?P<number>\d{{1,3}})\)?\.?{_GAP}{_RECITAL}", re.I)),
    ("anx", re.compile(rf"\b{_ANNEX}{_GAP}(?P<number>[ivx]{{1,5}})\b", re.I)),
    ("anx", re.compile(rf"\b(?P<number>[ivx]{{1,5}})\.?{_GAP}{_ANNEX}", re.I)),
    ("measure", re.compile(rf"\b{_MEASURE}{_GAP}(?P<number>\d{{1,2}})\.(?P<paragraph>\d{{1,2}})", re.I)),
    ("measure", re.compile(rf"\b(?P<number>\d{{1,2}})\.(?P<paragraph>\d{{1,2}})\.?{_GAP}{_MEASURE}", re.I)),
    ("commitment", re.compile(rf"\b{_COMMITMENT}{_GAP}(?P<number>\d{{1,2}})\b(?!\.\d)", re.I)),
    ("commitment", re.compile(rf"\b(?P<number>\d{{1,2}})\.{_GAP}{_COMMITMENT}", re.I)),
)
_EXACT, _INSIDE, _AROUND = 1.0, 0.7, 0.5


def find_references(text: str) -> list[tuple[str, ...]]:
    """References as parts of an id: `("art", "53", "1", "b")`, each once."""
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            groups = match.groupdict()
            parts = [kind, groups["number"].lower()]
            if groups.get("paragraph"):
                parts.append(groups["paragraph"])
                if groups.get("point"):
                    parts.append(groups["point"].lower())
            found.append((match.start(), match.end(), tuple(parts)))
    # Where two readings overlap, as in "53 straipsnio 1 dalis", the one with more parts is meant.
    found.sort(key=lambda reading: (-len(reading[2]), reading[0]))
    kept: list[tuple[int, int, tuple[str, ...]]] = []
    for start, end, reference in found:
        if all(end <= other_start or start >= other_end for other_start, other_end, _ in kept):
            kept.append((start, end, reference))
    return list(dict.fromkeys(reference for _, _, reference in sorted(kept)))


class ReferenceMatcher:
    """Which entries a question names, by the ids of the entries given."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        self._count = len(entries)
        self._by_reference: dict[tuple[str, ...], list[int]] = {}
        for number, (_, entry_id) in enumerate(entries):
            parts = entry_id.split("-")
            kinds = [
                place for place, part in enumerate(parts) if part in {"art", "rct", "anx", "measure", "commitment"}
            ]
            if kinds:
                reference = tuple(parts[kinds[-1] :])
                self._by_reference.setdefault(reference, []).append(number)

    def scores(self, text: str) -> npt.NDArray[np.float32]:
        """float32 (e,): 1 for the entry named, less for one inside it (article 53 asked, 53(1) found) or around it."""
        scores = np.zeros(self._count, np.float32)
        for reference in find_references(text):
            self._mark(reference, scores)
        return scores

    def _mark(self, reference: tuple[str, ...], scores: npt.NDArray[np.float32]) -> None:
        for length in range(len(reference), 1, -1):
            wanted = reference[:length]
            exact = self._by_reference.get(wanted, [])
            inside = [n for known, numbers in self._by_reference.items() if known[:length] == wanted for n in numbers]
            if exact or inside:
                whole = length == len(reference)
                for number in inside:
                    scores[number] = max(scores[number], _INSIDE if whole else _AROUND)
                for number in exact:
                    scores[number] = max(scores[number], _EXACT if whole else _AROUND)
                return
