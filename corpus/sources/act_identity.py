"""Which act a file holds: its ELI from links, addresses and CELEX numbers, and dates as ISO."""

from __future__ import annotations

import re

from corpus.errors import ImportRefused

_ELI = re.compile(r"/eli/([a-z_]+)/(\d{4})/(\d+)(?:/|$)")
_CELEX = re.compile(r"\b3(\d{4})([RLD])(\d{4})\b")
_NUMBER = re.compile(r"\b(?:(\d{4})/(\d{1,4})|(\d{1,4})/(\d{4}))\b")
_CELEX_TYPES = {"R": "reg", "L": "dir", "D": "dec"}
_KNOWN_TYPES = {("2024", "1689"): "reg"}
_TITLE_TYPES = {
    "reg": (
        "regul",
        "règlement",
        "reglement",
        "verordn",
        "verorden",
        "reglament",
        "regolament",
        "rozporząd",
        "forordn",
    ),
    "dir": ("directi", "richtlin", "direttiv", "dyrektyw", "direktiv", "diretiva"),
    "dec": ("decisi", "décision", "besluit", "beschluss", "decyzj", "afgørelse", "beslut"),
}


def eli_of(*addresses: str, title: list[str], numbers: tuple[str, str] = ("", "")) -> tuple[str, str, str]:
    """(type, year, number) from the first address that has an ELI or CELEX number, else from the title.

    `numbers` are the (year, number) of an annex, which has no title of its own. Raises ImportRefused when
    nothing tells.
    """
    for address in addresses:
        if match := _ELI.search(address or ""):
            return match[1], match[2], str(int(match[3]))
        if match := _CELEX.search(address or ""):
            return _CELEX_TYPES[match[2]], match[1], str(int(match[3]))
    first = title[0] if title else ""
    kind = next((kind for kind, stems in _TITLE_TYPES.items() if first.lower().startswith(stems)), "")
    if kind and (match := _NUMBER.search(first)):
        return (kind, match[1], match[2]) if match[1] else (kind, match[4], match[3])
    if numbers in _KNOWN_TYPES:
        return (_KNOWN_TYPES[numbers], *numbers)
    raise ImportRefused(
        f"The act {first[:80]!r} carries no ELI or CELEX number. Import it from its address, "
        "or give the Formex folder with its .doc.fmx.xml file."
    )


def iso_date(printed: str) -> str:
    """`12.7.2024`, `20240712` or an ISO date as `2024-07-12`; empty when it is none of them."""
    if match := re.fullmatch(r"\s*(\d{1,2})\.(\d{1,2})\.(\d{4})\s*", printed or ""):
        return f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}"
    if match := re.fullmatch(r"\s*(\d{4})-?(\d{2})-?(\d{2})\s*", printed or ""):
        return f"{match[1]}-{match[2]}-{match[3]}"
    return ""
