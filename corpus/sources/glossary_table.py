"""The Code's glossary: a table of two columns, a term and its meaning, as one entry a term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from corpus.sources.labels import defined_term
from corpus.sources.parts import ImportedEntry
from corpus.sources.pdf_lines import Line
from corpus.sources.pdf_paragraphs import Joiner, Paragraph, blocks
from corpus.sources.slugs import UniqueSlugs

_NEAR = 3.0
_HEADER = ("Term", "Definition")


def glossary_entries(lines: Sequence[Line], joiner: Joiner, reference: str) -> list[ImportedEntry]:
    """The text above the table as the entry `glossary`, then `glossary-near-miss` and so on below it."""
    header = next((n for n, line in enumerate(lines) if tuple(w.text for w in line.words) == _HEADER), len(lines))
    entries = [ImportedEntry(1, "Glossary", "glossary", _text(lines[:header], joiner), reference)]
    if header == len(lines):
        return entries
    column = lines[header].words[1].x
    rows: list[tuple[list[Line], list[Line]]] = []
    for line in lines[header + 1 :]:
        left = [word for word in line.words if word.x < column - _NEAR]
        right = [word for word in line.words if word.x >= column - _NEAR]
        if left:
            if left[0].text.startswith("‘") and (not rows or _complete(rows[-1][0])):
                rows.append(([], []))
            if rows:
                rows[-1][0].append(replace(line, words=tuple(left), hyphenated=line.hyphenated and not right))
        if right and rows:
            rows[-1][1].append(replace(line, words=tuple(right), x=right[0].x))
    slugs = UniqueSlugs()
    for term, meaning in rows:
        title = joiner.text(term)
        entry_id = f"glossary-{slugs.of(defined_term(title) or title)}"
        entries.append(ImportedEntry(2, title, entry_id, _text(meaning, joiner), f"{reference}, {title}"))
    return entries


def _complete(term: Sequence[Line]) -> bool:
    """Whether the quotation of the term is closed, so that another quotation mark begins another term."""
    text = " ".join(line.text for line in term)
    return text.count("‘") <= text.count("’")


def _text(lines: Sequence[Line], joiner: Joiner) -> str:
    size = lines[0].size if lines else 0.0
    found = blocks(lines, size, joiner)
    return "\n".join(joiner.text(block.lines) for block in found if isinstance(block, Paragraph))
