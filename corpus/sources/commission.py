"""Commission FAQ and policy pages, and other web pages: accordions and headings become entries.

Source: pages built with the Europa Component Library (`ecl-accordion`), as on
https://digital-strategy.ec.europa.eu and https://commission.europa.eu; `<details>`, Bootstrap's
accordions and definition lists are read in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from corpus.errors import ImportRefused
from corpus.sources.html import canonical, classes, has_class, language_of, meta, parse_html
from corpus.sources.html_text import DROPPED_CLASSES, DROPPED_TAGS, is_block, lines_of, one_line
from corpus.sources.parts import (
    COMMISSION_LICENCE,
    MAX_LEVEL,
    UNKNOWN_LICENCE,
    ImportedDocument,
    ImportedEntry,
    SourceFile,
)
from corpus.sources.slugs import UniqueSlugs, name_parts, slug

_HEADING = re.compile(r"h([1-6])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_NAMES = ("article:published_time", "dcterms.issued", "dcterms.created", "dcterms.date", "dc.date", "date")
# Class of an accordion's item: the classes of its title and of its content.
_ACCORDIONS = {
    "ecl-accordion__item": (("ecl-accordion__toggle-title", "ecl-accordion__title"), ("ecl-accordion__content",)),
    "accordion-item": (("accordion-button", "accordion-header"), ("accordion-body", "accordion-collapse")),
    "panel": (("panel-title", "panel-heading"), ("panel-body", "panel-collapse")),
}


def import_commission(source: SourceFile) -> ImportedDocument:
    """A page as a document. Raises ImportRefused when it has neither an accordion nor a heading with text."""
    root = parse_html(source.data, source.name)
    address = source.url or canonical(root) or meta(root, "og:url")
    main = _main(root)
    heading = next(iter(main.iter("h1")), None)
    heading = heading if heading is not None else next(iter(root.iter("h1")), None)
    title = (
        one_line(heading)
        if heading is not None
        else meta(root, "og:title") or (root.findtext(".//title") or "").strip()
    )
    entries = tuple(_Page(address, title).entries(main))
    if not any(entry.text for entry in entries):
        remedy = "Save the page after it has loaded fully, or pass its text as Markdown"
        raise ImportRefused(f"{source.name} has neither an accordion nor a heading with text below it. {remedy}.")
    doc_id, language = name_parts(address or source.name)
    if match := re.search(r"_([a-z]{2})(?:\.html?)?$", urlsplit(address).path):
        doc_id = slug(urlsplit(address).path.rpartition("/")[2].removesuffix(match[0]))
    official = _is_official(address, root)
    found = (_DATE.match(meta(root, name)) for name in _DATE_NAMES)
    stamped = (_DATE.match(element.get("datetime") or "") for element in main.iter("time"))
    published = next((match[0] for match in (*found, *stamped) if match), "")
    return ImportedDocument(
        doc_id=doc_id,
        language=language_of(root) or language,
        title=title or doc_id,
        url=address,
        publisher="European Commission" if official else meta(root, "og:site_name"),
        authority="official" if official else "summary",
        licence=COMMISSION_LICENCE if official else UNKNOWN_LICENCE,
        published=published,
        entries=entries,
        stable_ids=False,
    )


def _is_official(address: str, root: HtmlElement) -> bool:
    host = (urlsplit(address).hostname or "").lower()
    if host:
        return host == "europa.eu" or host.endswith(".europa.eu")
    return bool(root.xpath(f"//*[{has_class('ecl-accordion')}] | //*[{has_class('ecl-site-header')}]"))


def _main(root: HtmlElement) -> HtmlElement:
    for path in ("//main", "//*[@role='main']", "//article", "//body"):
        found: list[HtmlElement] = root.xpath(path)
        if found:
            return max(found, key=lambda element: len(element.text_content()))
    return root


class _Page:
    """Collects a page's entries: a heading or question, then the lines up to the next."""

    def __init__(self, address: str, title: str) -> None:
        self._address, self._title = address, title
        self._slugs = UniqueSlugs()
        self._lines: list[str] = []
        self._heading, self._level, self._anchor = title, 1, ""

    def entries(self, main: HtmlElement) -> Iterator[ImportedEntry]:
        yield from self._walk(main)
        yield from self._close()

    def _walk(self, element: HtmlElement) -> Iterator[ImportedEntry]:
        for child in element:
            if not isinstance(child.tag, str) or child.tag in DROPPED_TAGS or classes(child) & DROPPED_CLASSES:
                continue
            if question := self._accordion(child):
                yield from self._close(keep_heading=True)
                yield question
            elif match := _HEADING.fullmatch(child.tag):
                if match[1] == "1":
                    continue
                yield from self._close()
                self._heading, self._level = one_line(child), max(1, int(match[1]) - 1)
                self._anchor = child.get("id") or ""
            elif child.tag == "dl":
                yield from self._definitions(child)
            elif _holds_structure(child):
                yield from self._walk(child)
            else:
                self._lines.extend(lines_of(child))

    def _close(self, keep_heading: bool = False) -> Iterator[ImportedEntry]:
        """Give out what is open; a heading without text of its own becomes a section heading."""
        if self._heading and (self._lines or self._heading != self._title):
            entry_id = self._slugs.of(self._heading) if self._lines else None
            url = f"{self._address}#{self._anchor}" if self._address and self._anchor else ""
            text = "\n".join(self._lines)
            yield ImportedEntry(min(self._level, MAX_LEVEL), self._heading, entry_id, text, "", url if entry_id else "")
        self._lines, self._heading, self._anchor = [], "", ""
        if not keep_heading:
            self._level = 0

    def _question(self, title: str, lines: list[str], anchor: str) -> ImportedEntry | None:
        if not title or not lines:
            return None
        url = f"{self._address}#{anchor}" if self._address and anchor else ""
        level = min(self._level + 1, MAX_LEVEL)
        return ImportedEntry(level, title, self._slugs.of(title), "\n".join(lines), "", url)

    def _accordion(self, element: HtmlElement) -> ImportedEntry | None:
        if element.tag == "details":
            summary = element.find("summary")
            if summary is None:
                return None
            title = one_line(summary)
            summary.drop_tree()
            return self._question(title, list(lines_of(element)), element.get("id") or "")
        for item in classes(element) & set(_ACCORDIONS):
            titles, contents = _ACCORDIONS[item]
            head, body = _first(element, titles), _first(element, contents)
            if head is not None and body is not None:
                return self._question(one_line(head), list(lines_of(body)), element.get("id") or "")
        return None

    def _definitions(self, element: HtmlElement) -> Iterator[ImportedEntry]:
        yield from self._close(keep_heading=True)
        title = ""
        lines: list[str] = []
        for child in [*element.iter("dt", "dd"), None]:
            if child is None or child.tag == "dt":
                if question := self._question(title, lines, ""):
                    yield question
                title, lines = ("" if child is None else one_line(child)), []
            else:
                lines.extend(lines_of(child))


def _first(element: HtmlElement, names: tuple[str, ...]) -> HtmlElement | None:
    for name in names:
        found: list[HtmlElement] = element.xpath(f".//*[{has_class(name)}]")
        if found:
            return found[0]
    return None


def _holds_structure(element: HtmlElement) -> bool:
    """Whether headings, accordions or definition lists stand somewhere below."""
    if not is_block(element):
        return False
    for child in element.iterdescendants():
        if isinstance(child.tag, str) and (
            _HEADING.fullmatch(child.tag) or child.tag in ("details", "dl") or classes(child) & set(_ACCORDIONS)
        ):
            return True
    return False
