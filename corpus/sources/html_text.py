"""The visible text of a web page's elements, one paragraph, list item or table row a line."""

from __future__ import annotations

from collections.abc import Iterator

from lxml.html import HtmlElement

from corpus.sources.html import classes
from corpus.sources.text import collapse

_UNSEEN_TAGS = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "video", "audio"})
DROPPED_TAGS = _UNSEEN_TAGS | {"nav", "header", "footer", "aside", "form", "button", "select", "input", "label"}
DROPPED_CLASSES = frozenset(
    {
        *("ecl-breadcrumb", "ecl-social-media-share", "ecl-social-media-follow", "ecl-site-header", "ecl-site-footer"),
        *("ecl-inpage-navigation", "ecl-page-header", "ecl-pagination", "ecl-lang-select-pages"),
        *("ecl-feedback-message", "breadcrumb", "social-share", "share-buttons", "visually-hidden", "sr-only"),
    }
)
_BLOCKS = frozenset(
    {
        *("p", "div", "section", "article", "main", "ul", "ol", "li", "blockquote", "pre", "figure", "figcaption"),
        *("table", "tbody", "thead", "tfoot", "tr", "td", "th", "details", "dl", "dt", "dd", "hr", "address", "body"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    }
)


def is_block(element: HtmlElement) -> bool:
    return element.tag in _BLOCKS


def one_line(element: HtmlElement) -> str:
    """The element's text on one line, that of a button too, since an accordion's title is one."""
    pieces: list[str] = []
    _gather(element, pieces, _UNSEEN_TAGS)
    return collapse("".join(pieces))


def lines_of(element: HtmlElement) -> Iterator[str]:
    """The element's text, a line a block; list items begin with a dash, table cells are divided by bars."""
    if not isinstance(element.tag, str) or element.tag in DROPPED_TAGS or classes(element) & DROPPED_CLASSES:
        return
    if element.tag == "tr":
        cells = (" ".join(lines_of(cell)) for cell in element if cell.tag in ("td", "th"))
        if row := " | ".join(cell for cell in cells if cell):
            yield row
        return
    if element.tag == "li":
        mark = "- "
        for line in _inside(element):
            yield mark + line
            mark = ""
        return
    yield from _inside(element)


def _inside(element: HtmlElement) -> Iterator[str]:
    pieces = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and is_block(child):
            yield from _flushed(pieces)
            yield from lines_of(child)
        elif child.tag == "br":
            yield from _flushed(pieces)
        elif isinstance(child.tag, str) and any(is_block(inner) for inner in child.iterdescendants() if _is_tag(inner)):
            yield from _flushed(pieces)
            yield from lines_of(child)
        else:
            _gather(child, pieces, DROPPED_TAGS)
        pieces.append(child.tail or "")
    yield from _flushed(pieces)


def _is_tag(element: HtmlElement) -> bool:
    return isinstance(element.tag, str)


def _flushed(pieces: list[str]) -> Iterator[str]:
    if text := collapse("".join(pieces)):
        yield text
    pieces.clear()


def _gather(element: HtmlElement, pieces: list[str], dropped: frozenset[str]) -> None:
    if not isinstance(element.tag, str) or element.tag in dropped or classes(element) & DROPPED_CLASSES:
        return
    pieces.append(" " if element.tag == "br" else element.text or "")
    for child in element:
        _gather(child, pieces, dropped)
        pieces.append(child.tail or "")
