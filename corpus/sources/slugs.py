"""Ids from headings, labels and file names: a-z, 0-9 and hyphens."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from corpus.languages import LANGUAGES

MAX_SLUG_CHARS = 60
_FILE_ENDINGS = {"html", "htm", "xhtml", "xml", "fmx", "pdf", "docx", "md", "markdown", "jsonl", "ndjson", "txt"}


def slug(text: str, max_chars: int = MAX_SLUG_CHARS) -> str:
    """The text as an id, cut at a hyphen; empty when no Latin letter or digit is in it."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    words = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)).lower())
    joined = "-".join(words)
    if len(joined) <= max_chars:
        return joined
    cut = joined[: max_chars + 1].rfind("-")
    return joined[:cut] if cut > 0 else joined[:max_chars]


class UniqueSlugs:
    """Gives each heading an id of its own: a repeated one gets -2, -3 and so on."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, text: str, otherwise: str = "entry") -> str:
        base = slug(text) or otherwise
        candidate, number = base, 1
        while candidate in self._taken:
            number += 1
            candidate = f"{base}-{number}"
        self._taken.add(candidate)
        return candidate


def name_parts(name: str) -> tuple[str, str]:
    """(document id, language or "") from a file name or address: `code-copyright.en.pdf` gives both."""
    last = PurePosixPath(unquote(urlsplit(name).path) if "://" in name else name).name
    pieces = last.split(".")
    while len(pieces) > 1 and pieces[-1].lower() in _FILE_ENDINGS:
        pieces.pop()
    language = ""
    if len(pieces) > 1 and pieces[-1].lower() in LANGUAGES:
        language = pieces.pop().lower()
    return slug(" ".join(pieces)), language
