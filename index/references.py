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
# "Articles 53 and 55" name two articles; these words stand between the numbers.
_AND = (
    r"(?:and|et|und|y|e|ed|i|a|și|si|ja|en|och|og|ir|un|és|es|και|u|agus|in|ter|sowie|sekä|samt|kot|или|или|or|ou|oder|o|"
    r"lub|nebo|alebo|ili|ali|eller|tai|või|vai|vagy|sau|jew|nó|и|of|to|bis|à|do|až)"
)
_PARAGRAPH = (
    rf"(?:(?:\.?º)?{_GAP}[,.]?{_GAP}(?!{_AND}\b)(?:(?:n\.?º|[^\W\d_]{{1,14}}\.?){_GAP})?"
    rf"\(?(?P<paragraph>\d{{1,2}})(?![\d.]*\d)[.)]?)"
)
_POINT_WORD = (
    r"(?:lit|let|alín|aliń|point|pont|punt|punkt|ponto|buchst|písm|pism|bod|pkt|toč|toc|буква|бук|στοιχ|alakoh|kohta|"
    r"kohd|led|burt|apakšp|p|ittra|letra|lettera|litera|litra|onderd|pointe|tiret)[^\W\d_]*\.?"
)
# "(b)", "b)", "Buchstabe b", "b pont": a letter alone is a word of the sentence, as "w" and "a" are.
_POINT = (
    rf"(?:{_GAP}[,.]?{_GAP}(?:\((?P<point>[a-zа-иα-η])\)|{_POINT_WORD}{_GAP}\(?(?P<point_after>[a-zа-иα-η])\)?(?![^\W\d_])"
    rf"|(?P<point_before>[a-zа-иα-η])\)?{_GAP}{_POINT_WORD}|(?P<point_closed>[a-zа-иα-η])\)))"
)
_SECOND = rf"(?:{_GAP}{_AND}{_GAP}(?P<second>\d{{1,3}})(?![\d.(]))?"
# The points of the Greek and Bulgarian texts, in the order of the Latin ones that entry ids carry.
_LETTERS = {**dict(zip("αβγδεστζη", "abcdefghi", strict=True)), **dict(zip("абвгдежзи", "abcdefghi", strict=True))}
# Beginnings of the words that name the chapters of the Code.
_CHAPTERS = (
    (
        "tr",
        re.compile(
            r"\b(?:transpar|trasparen|läpinäky|átláthat|přehledn|przejrzyst|skaidr|pārredzam|прозрачн|διαφάν|"
            r"διαφαν|läbipaist|öppenhet|gennemsig|gjennomsikt|prozirn|preglednos|tréd|trédhear)",
            re.I,
        ),
    ),
    (
        "co",
        re.compile(
            r"\b(?:copyright|droits? d.auteur|urheber|auteursr|derechos? de autor|direitos? de autor|"
            r"diritto d.autore|drepturi\w* de autor|ophavsret|upphovsr|tekijänoikeu|autoriõig|autorių teis|"
            r"autorties|autorsk|prawa? autorsk|szerzői|авторск|πνευματικ|drittijiet tal-awtur|cóipch)",
            re.I,
        ),
    ),
    (
        "ss",
        re.compile(
            r"\b(?:safety|security|sécurité|sûreté|sicherheit|veilighe|beveilig|segurid|seguran|sicurezza|"
            r"siguran|securit|sikkerhed|säkerhet|turvalli|ohut|turval|saug|droš|bezpie|bezpeč|varnost|biztons|"
            r"безопас|сигурн|ασφάλει|ασφαλει|sigurt|sikurezz|sábhái)",
            re.I,
        ),
    ),
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "art",
        re.compile(
            rf"\b{_ARTICLE}{_GAP}(?P<number>\d{{1,3}})(?!\d){_PARAGRAPH}?(?:(?:{_GAP}[^\W\d_]{{1,14}})?{_POINT})?{_SECOND}",
            re.I,
        ),
    ),
    # Hungarian, Lithuanian, Latvian and others put the number first.
    (
        "art",
        re.compile(
            rf"\b(?:(?P<second>\d{{1,3}})\.?{_GAP}{_AND}{_GAP})?(?P<number>\d{{1,3}})\.?{_GAP}{_ARTICLE}{_PARAGRAPH}?"
            rf"(?:(?:{_GAP}[^\W\d_]{{1,14}})?{_POINT})?",
            re.I,
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
_EXACT, _BROAD, _INSIDE, _AROUND = 1.0, 0.25, 0.2, 0.15


def find_references(text: str) -> list[tuple[str, ...]]:
    """References as parts of an id: `("art", "53", "1", "b")`, each once."""
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            groups = match.groupdict()
            parts = [kind, groups["number"].lower()]
            if groups.get("paragraph"):
                parts.append(groups["paragraph"])
                point = next((groups[name] for name in groups if name.startswith("point") and groups[name]), None)
                if point:
                    parts.append(_LETTERS.get(point.lower(), point.lower()))
            found.append((match.start(), match.end(), tuple(parts)))
            if groups.get("second"):
                found.append((match.start("second"), match.start("second"), (kind, groups["second"])))
    # Where two readings overlap, as in "53 straipsnio 1 dalis", the one with more parts is meant.
    found.sort(key=lambda reading: (-len(reading[2]), reading[0]))
    kept: list[tuple[int, int, tuple[str, ...]]] = []
    for start, end, reference in found:
        if all(end <= other_start or start >= other_end or start == end for other_start, other_end, _ in kept):
            kept.append((start, end, reference))
    return list(dict.fromkeys(reference for _, _, reference in sorted(kept)))


def reference_of(entry_id: str) -> tuple[str, ...]:
    """The reference that an entry's id carries, empty where it carries none."""
    parts = entry_id.split("-")
    kinds = [place for place, part in enumerate(parts) if part in {"art", "rct", "anx", "measure", "commitment"}]
    return tuple(parts[kinds[-1] :]) if kinds else ()


class ReferenceMatcher:
    """Which entries a question names, by the ids of the entries given."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        self._count = len(entries)
        self._chapters: list[str] = []
        self._by_reference: dict[tuple[str, ...], list[int]] = {}
        for number, (_, entry_id) in enumerate(entries):
            self._chapters.append(entry_id.split("-")[0])
            if reference := reference_of(entry_id):
                self._by_reference.setdefault(reference, []).append(number)

    def scores(self, text: str) -> npt.NDArray[np.float32]:
        """float32 (e,): 1 for the very paragraph, point or measure named; less for a whole article, recital, annex or
        commitment, for what lies inside it (article 53 asked, 53(1) found) or around it."""
        scores = np.zeros(self._count, np.float32)
        references = find_references(text)
        if not references:
            return scores
        chapters = {chapter for chapter, words in _CHAPTERS if words.search(text)}
        for reference in references:
            self._mark(reference, chapters, scores)
        return scores

    def _mark(self, reference: tuple[str, ...], chapters: set[str], scores: npt.NDArray[np.float32]) -> None:
        # Each chapter of the Code counts its commitments and measures anew: a chapter named in the question decides.
        by_chapter = reference[0] in {"measure", "commitment"} and bool(chapters)
        for length in range(len(reference), 1, -1):
            wanted = reference[:length]
            exact = self._by_reference.get(wanted, [])
            inside = [n for known, numbers in self._by_reference.items() if known[:length] == wanted for n in numbers]
            if exact or inside:
                whole = length == len(reference)
                best = _EXACT if len(reference) > 2 else _BROAD
                meant = [n for n in exact if not by_chapter or self._chapters[n] in chapters] or exact
                for number in inside:
                    scores[number] = max(scores[number], _INSIDE if whole else _AROUND)
                for number in meant:
                    scores[number] = max(scores[number], best if whole else _AROUND)
                return
