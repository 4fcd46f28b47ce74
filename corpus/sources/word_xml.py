"""Paragraphs, rows and cells of WordprocessingML, content controls looked through."""

from __future__ import annotations

from collections.abc import Iterator

from lxml.etree import _Element

from corpus.sources.text import collapse

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def blocks_of(element: _Element) -> Iterator[_Element]:
    """Paragraphs and tables, also those inside content controls."""
    for child in element:
        if child.tag in (f"{W}p", f"{W}tbl"):
            yield child
        elif child.tag in (f"{W}sdt", f"{W}sdtContent"):
            yield from blocks_of(child)


def nested(element: _Element, name: str) -> Iterator[_Element]:
    """Rows of a table or cells of a row, also those inside content controls, but not those of a table within."""
    for child in element:
        if child.tag == f"{W}{name}":
            yield child
        elif child.tag in (f"{W}sdt", f"{W}sdtContent"):
            yield from nested(child, name)


def cell_lines(cell: _Element) -> list[str]:
    lines: list[str] = []
    for block in blocks_of(cell):
        if block.tag == f"{W}tbl":
            rows = (" | ".join(" ".join(cell_lines(c)) for c in nested(row, "tc")) for row in nested(block, "tr"))
            lines.extend(line for line in rows if line.strip(" |"))
        elif text := paragraph_text(block):
            lines.append(text)
    # A label that is broken over several lines by the layout is one label.
    if len(lines) > 1 and lines[-1].endswith(":") and sum(map(len, lines)) < 80:
        return [" ".join(lines)]
    return lines


def paragraph_text(paragraph: _Element) -> str:
    pieces: list[str] = []
    for node in paragraph.iter(f"{W}t", f"{W}tab", f"{W}br", f"{W}noBreakHyphen"):
        if any(str(parent.tag).endswith("}Fallback") for parent in node.iterancestors()):
            continue  # the same text once more, for old versions of Word
        text = {f"{W}t": node.text or "", f"{W}noBreakHyphen": "-"}.get(str(node.tag), " ")
        run = node.getparent()
        raised = run is not None and run.find(f"{W}rPr/{W}vertAlign[@{W}val='superscript']") is not None
        pieces.append(f"^{text}" if raised and text.isdigit() else text)
    return collapse("".join(pieces))
