"""An act as entries: which parts are citable on their own, with their ids, references and links.

Ids never depend on the language: `art-53-1-a`, `rct-97`, `anx-xi-1-2`. Entries go down to the point
of an article's paragraph and to the sub-point of an annex; what is nested deeper stays in its
point's text, with its labels. Text that follows a list is an entry of its own, `art-5-1-sub-2`
being the second subparagraph of Article 5(1), so that the official order of the text is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from corpus.errors import ImportRefused
from corpus.sources.acts import Act, Block, Division, Point, Provision, Section, folded
from corpus.sources.labels import bare, defined_term, id_part, section_id_part, section_name
from corpus.sources.parts import MAX_LEVEL, ImportedDocument, ImportedEntry
from corpus.sources.pinpoints import Words, words_of

Kind = Literal["article", "paragraph", "annex"]

LICENCE = "CC-BY-4.0 (reuse of EUR-Lex documents, Decision 2011/833/EU)"
KNOWN_ACTS = {("2024", "1689"): "ai-act"}
_ANCHORS = {"preamble": "pbl_1", "recital": "rct_{}", "article": "art_{}", "annex": "anx_{}", "final": "fnp_1"}
_IDS = {"preamble": "preamble", "recital": "rct-{}", "article": "art-{}", "annex": "anx-{}", "final": "final"}
_ISO_639_2 = {
    **{"bg": "bul", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "et": "est"},
    **{"fi": "fin", "fr": "fra", "ga": "gle", "hr": "hrv", "hu": "hun", "it": "ita", "lt": "lit", "lv": "lav"},
    **{"mt": "mlt", "nl": "nld", "pl": "pol", "pt": "por", "ro": "ron", "sk": "slk", "sl": "slv", "sv": "swe"},
}


def act_document(act: Act) -> ImportedDocument:
    """The act as a document. Raises ImportRefused when it has no article and no annex, or an unknown language."""
    if act.language not in _ISO_639_2:
        raise ImportRefused(f"The act's language {act.language!r} is unknown. Pass --language with an EU language.")
    provisions = [part for part in act.parts if isinstance(part, Provision)]
    if not any(part.kind in ("article", "annex") for part in provisions):
        raise ImportRefused(
            "The act has no article and no annex. Use the Official Journal's HTML or Formex of the act."
        )
    url = f"https://eur-lex.europa.eu/eli/{act.eli_type}/{act.year}/{act.number}/oj/{_ISO_639_2[act.language]}"
    words = words_of(act.language)
    date = ".".join(part.lstrip("0") for part in reversed(act.published.split("-")))
    return ImportedDocument(
        doc_id=KNOWN_ACTS.get((act.year, act.number), f"{act.eli_type}-{act.year}-{act.number}"),
        language=act.language,
        title=act.title,
        url=url,
        publisher=act.publisher,
        authority="official",
        licence=LICENCE,
        published=act.published,
        state=words.state.format(f"{words.journal}, {act.year}/{act.number}, {date}"),
        entries=tuple(_Entries(act, url, words).all()),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry about to be made; `depth` counts the levels of points below it that are entries of their own."""

    level: int
    title: str
    entry_id: str
    reference: str
    kind: Kind
    depth: int


class _Entries:
    """Walks an act once; holds what every entry needs."""

    def __init__(self, act: Act, url: str, words: Words) -> None:
        self._act, self._url, self._words = act, url, words
        self._taken: set[str] = set()
        self._link = url
        deepest = max((part.level for part in act.parts if isinstance(part, Division)), default=0)
        # Below a chapter and a section, with room for paragraph, point and what follows a list.
        self._article_level = min(max(3, deepest + 1), 4)

    def all(self) -> Iterator[ImportedEntry]:
        for part in self._act.parts:
            if isinstance(part, Division):
                yield ImportedEntry(part.level, part.title)
            else:
                yield from self._provision(part)

    def _provision(self, part: Provision) -> Iterator[ImportedEntry]:
        self._link = f"{self._url}#{_ANCHORS[part.kind].format(part.number)}"
        entry_id = _IDS[part.kind].format(part.number.lower())
        if part.kind == "article":
            reference = "Article 1er" if (self._act.language, part.number) == ("fr", "1") else part.name
            place = _Place(self._article_level, _titled(part), entry_id, reference, "article", 2)
            yield from self._unit(place, part.blocks)
        elif part.kind == "annex":
            first, _, rest = part.name.partition(" ")
            place = _Place(1, _titled(part), entry_id, f"{first.capitalize()} {rest}".strip(), "annex", 2)
            yield from self._unit(place, part.blocks)
        else:
            names = {"recital": self._words.recital.format(part.number), "final": self._words.final}
            name = names.get(part.kind, part.name)
            place = _Place(2 if part.kind == "recital" else 1, name, entry_id, name, "article", 0)
            yield from self._unit(place, part.blocks)

    def _unit(self, place: _Place, blocks: tuple[Block, ...]) -> Iterator[ImportedEntry]:
        """The place's entry and those below it. Text after points or sections makes an entry of its own."""
        if place.depth == 0:
            yield self._entry(place, list(folded(blocks)))
            return
        several = sum(isinstance(block, str) for block in blocks) > 1
        here, lines = place, list[str]()
        given_out = False
        number = points = sections = 0
        for block in blocks:
            if isinstance(block, str):
                number += 1
                if given_out:
                    given_out, points, lines = False, 0, []
                    name = place.reference + self._ordinal(place, number)
                    entry_id = f"{place.entry_id}-sub-{number}"
                    here = replace(place, level=place.level + 1, title=name, entry_id=entry_id, reference=name)
                lines.append(block)
                continue
            if not given_out:
                given_out = True
                yield self._entry(here, lines)
            if isinstance(block, Section):
                sections += 1
                yield from self._section(here, block, sections)
            else:
                points += 1
                ordinal = several and place.kind != "annex" and not block.paragraph
                within = here.reference
                if ordinal and here is place:
                    within += self._ordinal(place, number)
                yield from self._point(here, within, block, points, ordinal)
        if not given_out:
            yield self._entry(here, lines)

    def _point(
        self, place: _Place, within: str, point: Point, position: int, after_ordinal: bool
    ) -> Iterator[ImportedEntry]:
        label, part = bare(point.label), id_part(point.label, position)
        last = place.entry_id.rpartition("-")[2]
        if part.startswith(f"{last}-"):
            # Point 3.1 of section 3: its label repeats the section's.
            part = part.removeprefix(f"{last}-")
            within = within.removesuffix(self._words.annex_point.format(last))
        reference = within + self._template(place, point, after_ordinal).format(label)
        first = point.blocks[0] if point.blocks else ""
        term = defined_term(first) if place.kind == "article" and isinstance(first, str) else ""
        title = f"{reference} – {term}" if term else reference
        depth = place.depth - 1 if place.kind == "annex" else int(point.paragraph)
        kind: Kind = "annex" if place.kind == "annex" else "paragraph"
        below = _Place(place.level + 1, title, f"{place.entry_id}-{part}", reference, kind, depth)
        yield from self._unit(below, point.blocks)

    def _template(self, place: _Place, point: Point, after_ordinal: bool) -> str:
        numbered, words = bare(point.label)[:1].isdigit(), self._words
        if place.kind == "annex":
            if numbered:
                return words.annex_point
            return words.annex_letter if place.depth < 2 else words.point_after_ordinal
        if point.paragraph:
            return words.paragraph
        if after_ordinal:
            return words.point_after_ordinal
        return words.number if numbered else words.letter

    def _section(self, place: _Place, section: Section, position: int) -> Iterator[ImportedEntry]:
        entry_id = f"{place.entry_id}-{section_id_part(section.title, position)}"
        name = section_name(section.title)
        suffix = self._words.annex_point.format(name) if name.isdigit() else f", {name}"
        below = _Place(place.level + 1, section.title, entry_id, place.reference + suffix, "annex", 2)
        yield from self._unit(below, section.blocks)

    def _ordinal(self, place: _Place, number: int) -> str:
        template = self._words.unnumbered if place.kind == "article" else self._words.subparagraph
        return template.format(self._words.ordinal(max(number, 1)))

    def _entry(self, place: _Place, lines: list[str]) -> ImportedEntry:
        unique, number = place.entry_id, 1
        while unique in self._taken:
            number += 1
            unique = f"{place.entry_id}-{number}"
        self._taken.add(unique)
        level = min(place.level, MAX_LEVEL)
        return ImportedEntry(level, place.title, unique, "\n".join(lines), place.reference, self._link)


def _titled(part: Provision) -> str:
    return f"{part.name} – {part.title}" if part.title else part.name
