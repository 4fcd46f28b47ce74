"""Formex 4 and later, the Official Journal's XML: an act, its annexes and their manifests, given together.

Source: https://op.europa.eu/en/web/eu-vocabularies/formex; element names follow its schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lxml.etree import _Element

from corpus.errors import ImportRefused
from corpus.sources.act_entries import act_document
from corpus.sources.act_identity import eli_of, iso_date
from corpus.sources.acts import Act, Division, Point, Provision
from corpus.sources.formex_blocks import block_of, blocks_of
from corpus.sources.formex_text import line
from corpus.sources.parts import ImportedDocument, SourceFile
from corpus.sources.xml import child, parse_xml, root_name

_ROOTS = {"ACT", "ANNEX", "DOC", "PUBLICATION"}


def is_formex(name: str) -> bool:
    """Whether the name of a root element is one that this importer reads."""
    return name in _ROOTS


def formex_key(source: SourceFile) -> tuple[str, str, str]:
    """(year, number, language): files with the same key are of one act."""
    root = parse_xml(source.data, source.name)
    return _value(root, "YEAR"), _value(root, "NO.CURRENT") or _value(root, "NO.OJ"), _value(root, "LG.OJ")


def manifest_name(source: SourceFile) -> str:
    """The name of the manifest that belongs to an act or annex, empty when the file names none."""
    try:
        return _attribute(parse_xml(source.data, source.name), ".//DOCUMENT.REF", "FILE")
    except ImportRefused:
        return ""


def import_formex(sources: Sequence[SourceFile]) -> ImportedDocument:
    """The files of one act in one language as a document, in the order of the act: body, then annexes.

    Raises ImportRefused when they are of several acts or languages, or hold neither an act nor an annex.
    """
    roots = sorted((parse_xml(source.data, source.name) for source in sources), key=_order)
    acts = [root for root in roots if root_name(root) == "ACT"]
    annexes = [root for root in roots if root_name(root) == "ANNEX"]
    if not acts and not annexes:
        names = ", ".join(source.name for source in sources)
        raise ImportRefused(f"{names}: neither an ACT nor an ANNEX. Give the act's .fmx.xml, or the whole folder.")
    numbers = {_number(root) for root in acts + annexes}
    languages = {_value(root, "LG.DOC") or _value(root, "LG.OJ") for root in acts + annexes}
    if len(acts) > 1 or len(numbers) > 1 or len(languages) > 1:
        seen = ", ".join(sorted(f"{year}/{number}" for year, number in numbers))
        raise ImportRefused(
            f"The Formex files are of {max(len(acts), len(numbers))} acts ({seen}) in {', '.join(sorted(languages))}. "
            "Import the files of one act in one language at a time."
        )
    titles = [line(p) for act in acts for p in act.iterfind("TITLE/TI/P")]
    addresses = [_attribute(root, ".//NO.ELI", "ID") for root in roots]
    kind, year, number = eli_of(
        *addresses, *(source.url for source in sources), title=titles, numbers=next(iter(numbers))
    )
    dates = [
        _attribute(root, "PUBLICATION.REF/DATE", "ISO") or _attribute(root, ".//BIB.OJ/DATE", "ISO") for root in roots
    ]
    parts: list[Division | Provision] = []
    for act in acts:
        parts.extend(_body(act))
    parts.extend(_annex(annex, position) for position, annex in enumerate(annexes, start=1))
    document = act_document(
        Act(
            language=languages.pop().lower(),
            title=" ".join(title for title in titles if not title.startswith("(")) or _annex_title(annexes, parts),
            eli_type=kind,
            year=year,
            number=number,
            # Without a manifest only the year of publication is known; the act's own DATE is that of signature.
            published=next((iso_date(date) for date in dates if date), "") or year,
            publisher=_publisher(roots),
            parts=tuple(parts),
        )
    )
    # Annexes alone must not replace the whole act.
    part = document.entries[0].entry_id if len(annexes) == 1 else "annexes"
    return document if acts else replace(document, doc_id=f"{document.doc_id}-{part}")


def _order(root: _Element) -> tuple[int, str]:
    return root_name(root) != "ACT", _value(root, "NO.SEQ")


def _value(root: _Element, name: str) -> str:
    found = root.find(f"BIB.INSTANCE/{name}")
    if found is None:
        found = root.find(f".//{name}")
    return (found.text or "").strip() if found is not None else ""


def _attribute(root: _Element, path: str, name: str) -> str:
    found = root.find(path)
    return found.get(name, "") if found is not None else ""


def _number(root: _Element) -> tuple[str, str]:
    return _value(root, "YEAR"), _value(root, "NO.CURRENT")


def _publisher(roots: Sequence[_Element]) -> str:
    for root in roots:
        if root.find(".//BIB.OJ/TITLE/TI") is not None:
            return " ".join(line(p) for p in root.iterfind(".//BIB.OJ/TITLE/TI/P"))
    return "Official Journal of the European Union"


def _annex_title(annexes: Sequence[_Element], parts: Sequence[Division | Provision]) -> str:
    first = next(part for part in parts if isinstance(part, Provision))
    return f"{first.name} – {first.title}" if len(annexes) == 1 else f"{first.name} ff."


def _body(act: _Element) -> Iterator[Division | Provision]:
    preamble = child(act, "PREAMBLE")
    if preamble is not None:
        yield from _preamble(preamble)
    terms = child(act, "ENACTING.TERMS")
    if terms is not None:
        yield from _enacting(terms, 1)
    final = child(act, "FINAL")
    if final is not None:
        yield Provision("final", "", "", "", tuple(line(p) for p in final.iter("P")))


def _preamble(preamble: _Element) -> Iterator[Division | Provision]:
    lines = [line(p) for name in ("PREAMBLE.INIT", "GR.VISA") for p in _leaves(child(preamble, name))]
    lines += [line(p) for p in _leaves(child(preamble, "PREAMBLE.FINAL"))]
    if lines:
        yield Provision("preamble", "", lines[0].rstrip(", "), "", tuple(lines[1:]) or (lines[0],))
    recitals = child(preamble, "GR.CONSID")
    if recitals is None:
        return
    above = child(recitals, "GR.CONSID.INIT")
    yield Division(1, line(above).rstrip(": ") if above is not None else "(1)–")
    for position, recital in enumerate(recitals.iter("CONSID"), start=1):
        blocks = tuple(blocks_of(recital))
        number = str(position)
        if len(blocks) == 1 and isinstance(blocks[0], Point):
            number = blocks[0].label.strip("()") or number
            blocks = blocks[0].blocks
        yield Provision("recital", number, f"({number})", "", blocks)


def _leaves(element: _Element | None) -> Iterator[_Element]:
    if element is not None:
        yield from (
            part for part in element.iter("P", "VISA") if not any(above.tag == "NOTE" for above in part.iterancestors())
        )


def _enacting(element: _Element, level: int) -> Iterator[Division | Provision]:
    for part in element:
        if part.tag == "DIVISION":
            title = child(part, "TITLE")
            if title is not None:
                heads = [line(head) for name in ("TI", "STI") for head in title.iterfind(name)]
                yield Division(level, " – ".join(head for head in heads if head))
            yield from _enacting(part, level + 1)
        elif part.tag == "ARTICLE":
            number = part.get("IDENTIFIER", "").lstrip("0").lower()
            name, title = child(part, "TI.ART"), child(part, "STI.ART")
            skipped = {"TI.ART", "STI.ART"}
            blocks = tuple(block for piece in part if piece.tag not in skipped for block in block_of(piece))
            yield Provision(
                "article",
                number or "1",
                line(name) if name is not None else number,
                line(title) if title is not None else "",
                blocks,
            )


def _annex(annex: _Element, position: int) -> Provision:
    title = child(annex, "TITLE")
    heads = [line(p) for name in ("TI", "STI") for p in (title.iterfind(f"{name}/P") if title is not None else ())]
    number = heads[0].rpartition(" ")[2] if heads and " " in heads[0] else str(position)
    contents = child(annex, "CONTENTS")
    blocks = tuple(blocks_of(contents)) if contents is not None else ()
    return Provision("annex", number, heads[0] if heads else number, " ".join(heads[1:]), blocks)
