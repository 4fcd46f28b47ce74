"""Printed labels and section titles to the parts of an entry id: the same in every language."""

from __future__ import annotations

import re

DASHES = frozenset("—–-•‒―")
_QUOTES = "‘’“”„«»\"'‚‹›"
_BRACKETS = "().,:;[] \u00a0"
_NUMBERED_TITLE = re.compile(r"(\d+)\s*\.(?!\d)\s*")
_NAMED_TITLE = re.compile(r"[^\W\d]+\s+([^\W\d]|\d+|[IVXL]+)(?![\w’'])")
_NAME_AFTER = re.compile(r"([A-Z]|\d+|[IVXL]+)\.?\s+[^\W\d]+")
_TERM = re.compile(
    r"(?:‘(?P<a>[^‘]{1,90}?)’(?!\w)|«\s*(?P<b>[^«»]{1,90}?)\s*»|„(?P<c>[^„“”]{1,90}?)[“”]|“(?P<d>[^“”]{1,90}?)”)"
)


def bare(label: str) -> str:
    """The label without brackets and full stops: `(a)` is `a`, `3.1.` is `3.1`."""
    return label.strip(_BRACKETS)


def is_quoted(label: str) -> bool:
    """Whether the label opens a quotation: text that the act inserts elsewhere, no point of its own."""
    return label.strip()[:1] in _QUOTES if label.strip() else False


def id_part(label: str, position: int) -> str:
    """The label for an entry id. Letters of another alphabet count by their place: а), α) are `a`."""
    plain = bare(label).lower()
    if plain and plain.isascii():
        return "-".join(re.findall(r"[a-z0-9]+", plain)) or str(position)
    return chr(ord("a") + position - 1) if position <= 26 else str(position)


def section_id_part(title: str, position: int) -> str:
    """`Section A. List` is `a`, `Afdeling 2` is `2`, `4. Control` is `4`; else the section's place."""
    if match := _NUMBERED_TITLE.match(title):
        return match[1]
    for pattern in (_NAMED_TITLE, _NAME_AFTER):
        if match := pattern.match(title):
            label = match[1]
            return id_part(label, position) if len(label) == 1 or label.isdigit() else label.lower()
    return str(position)


def section_name(title: str) -> str:
    """How a section is cited: its printed name without the title, `Section A` of `Section A. List`."""
    if match := _NUMBERED_TITLE.match(title):
        return match[1]
    for pattern in (_NAMED_TITLE, _NAME_AFTER):
        if match := pattern.match(title):
            return match[0].rstrip(" .")
    return title


def defined_term(text: str) -> str:
    """The term in quotation marks that a definition begins with; empty when there is none."""
    match = _TERM.match(text)
    return next((group for group in match.groups() if group), "") if match else ""
