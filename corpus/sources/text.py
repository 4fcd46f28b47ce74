"""White space and the small repairs that every importer makes."""

from __future__ import annotations


def collapse(text: str) -> str:
    """One line: every run of white space, no-break and thin spaces included, becomes one space."""
    return " ".join(text.split())


def collapse_lines(text: str) -> str:
    """Each line collapsed, empty lines dropped."""
    return "\n".join(line for line in map(collapse, text.splitlines()) if line)
