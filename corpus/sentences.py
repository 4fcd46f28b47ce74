"""Sentence boundaries with exact offsets.

Sentencex knows the abbreviations of many languages; what it misses are the short forms of legal
citations, so a piece that ends in one of those, or before a lower-case word, is joined to the next.
"""

from __future__ import annotations

import re

from sentencex import get_sentence_boundaries

# Short forms before a number in the legal texts of the Union's languages.
_LEGAL = (
    "art arts artt artic par pars para paras abs nr nrs no nos num núm n n° nº č čl článk ods odst ust st stk "
    "sec sect ch chap cap kap al alin lit let pt pkt p pp bod buchst anx ann pril příl zał załącz "
    "reg vo dir rec erwgr fr fig vol cf vgl lk vrt ks bzw ggf resp tzv tzn np itd dz atb ds płk ал чл пар т арт παρ άρθρ αρθρ στοιχ εδ σημ"
).split()
_ENDS_IN_ABBREVIATION = re.compile(rf"(?:^|[\s(«“\"’'])(?:{'|'.join(map(re.escape, _LEGAL))})\.\s*$", re.IGNORECASE)
_ENDS_IN_ORDINAL = re.compile(r"(?:^|\s)\d{1,3}\.\s*$")


def sentence_spans(text: str, language: str) -> list[tuple[int, int]]:
    """Half-open (start, end) of each sentence, surrounding space excluded; in order, never empty.

    Every character outside the spans is white space.
    """
    pieces = [(int(b["start_index"]), int(b["end_index"])) for b in get_sentence_boundaries(language, text)]
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        if joined and _continues(text[joined[-1][0] : joined[-1][1]], text[start:end]):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    spans = []
    for start, end in joined:
        piece = text[start:end]
        body = piece.strip()
        if body:
            left = start + len(piece) - len(piece.lstrip())
            spans.append((left, left + len(body)))
    return spans


def _continues(piece: str, following: str) -> bool:
    if "\n\n" in piece[len(piece.rstrip()) :]:
        return False
    begins = following.lstrip()[:1]
    if _ENDS_IN_ABBREVIATION.search(piece):
        return not begins.isupper() or begins.isdigit()
    if _ENDS_IN_ORDINAL.search(piece):
        return begins.islower()
    return begins.islower() and "\n" not in piece[len(piece.rstrip()) :]
