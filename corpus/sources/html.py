"""HTML bytes to a tree, with the dangers of a foreign page met: wrong encodings, endless nesting."""

from __future__ import annotations

import codecs
import re

from lxml.etree import ParserError, XMLSyntaxError
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from corpus.errors import ImportRefused

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_HEAD_BYTES = 4096


def parse_html(data: bytes, name: str) -> HtmlElement:
    """The page's root. Raises ImportRefused for an unknown encoding, no markup at all, or nesting over 256 deep."""
    encoding = _encoding(data, name)
    parser = HTMLParser(encoding=encoding, remove_comments=True, remove_pis=True, no_network=True)
    try:
        root = document_fromstring(data.removeprefix(codecs.BOM_UTF8), parser=parser)
    except (ParserError, XMLSyntaxError, ValueError) as error:
        raise ImportRefused(f"{name} is not HTML ({error}). Save the page again, or pass another format.") from error
    for problem in parser.error_log:
        # The parser drops what lies deeper and goes on, so the text would be cut without a word.
        if "depth" in problem.message.lower():
            raise ImportRefused(f"{name}:{problem.line}: {problem.message.strip()}. Pass a page that is less nested.")
    return root


def _encoding(data: bytes, name: str) -> str:
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(data[:_HEAD_BYTES])
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    try:
        data.decode(encoding)
    except (LookupError, UnicodeDecodeError) as error:
        raise ImportRefused(f"{name} cannot be read as {encoding}. Save it as UTF-8.") from error
    return encoding


def classes(element: HtmlElement) -> set[str]:
    return set((element.get("class") or "").split())


def has_class(name: str) -> str:
    """An XPath condition: the class attribute holds this name as a word."""
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


def language_of(root: HtmlElement) -> str:
    """The page's `lang` as an ISO 639-1 code, or empty."""
    declared = root.get("lang") or root.get("xml:lang") or ""
    return declared.replace("_", "-").split("-")[0].lower()


def meta(root: HtmlElement, *names: str) -> str:
    """The first meta element of one of these names or properties, or empty."""
    for name in names:
        for element in root.iter("meta"):
            if (element.get("name") or element.get("property") or "").lower() == name.lower():
                return (element.get("content") or "").strip()
    return ""


def canonical(root: HtmlElement) -> str:
    """The address in the page's canonical link, or empty."""
    for element in root.iter("link"):
        if (element.get("rel") or "").lower() == "canonical":
            return (element.get("href") or "").strip()
    return ""
