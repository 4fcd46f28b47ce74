"""The text of a Formex element on one line, as the Official Journal prints it."""

from __future__ import annotations

from lxml.etree import _Element

from corpus.sources.text import collapse

_BETWEEN = {"P", "TI", "STI", "NO.P", "TXT", "ALINEA", "NP"}


def line(element: _Element, until: _Element | None = None) -> str:
    """The text without notes; quotation marks, grouped digits and capitals as printed. `until` stops before a child."""
    pieces: list[str] = []
    _gather(element, pieces, until)
    return collapse("".join(pieces))


def _gather(element: _Element, pieces: list[str], until: _Element | None) -> None:
    pieces.append(element.text or "")
    for child in element:
        if child is until:
            return
        if isinstance(child.tag, str):
            _child(child, pieces)
        pieces.append(child.tail or "")


def _child(child: _Element, pieces: list[str]) -> None:
    if child.tag == "NOTE":
        return
    if child.tag in ("QUOT.START", "QUOT.END"):
        code = child.get("CODE", "")
        pieces.append(chr(int(code, 16)) if code else '"')
        return
    inner: list[str] = []
    _gather(child, inner, None)
    text = "".join(inner)
    if child.tag == "HT" and child.get("TYPE") == "UC":
        text = text.upper()
    elif child.tag == "HT" and child.get("TYPE") == "SUP" and text.strip().isdigit():
        text = f"^{text.strip()}"
    elif child.tag == "FT" and child.get("TYPE") == "NUMBER" and text.isdigit():
        text = f"{int(text):,}".replace(",", " ")
    pieces.append(f" {text} " if child.tag in _BETWEEN else text)
