"""Sentence boundaries with exact offsets.

Sentencex knows the abbreviations of many languages; what it misses are the short forms of legal
citations, so a piece that ends in one of those, or before a lower-case word, is joined to the next.
What it takes wrongly for a short form are acronyms and the Lithuanian day, so a piece is cut after those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from sentencex import get_sentence_boundaries

# Short forms before a number in the legal texts of the Union's languages.
_LEGAL = (
    "art|airt|arts|artt|artic|par|pars|para|paras|abs|nr|nrs|no|nos|num|núm|n|n°|nº|č|čl|článk|ods|odst|ust|st|"
    "stk|sec|sect|ch|chap|cap|kap|al|alin|lit|let|pt|pkt|p|pp|bod|buchst|anx|ann|pril|příl|zał|załącz|reg|vo|dir|"
    "rec|erwgr|fr|fig|vol|cf|vgl|vö|sk|lk|vrt|ks|bzw|ggf|resp|tzv|tzn|np|itd|dz|atb|ds|płk|ал|чл|пар|т|арт|παρ|"
    "άρθρ|αρθρ|στοιχ|εδ|σημ"
)
_ENDS_IN_ABBREVIATION = re.compile(rf"(?:^|[\s(«“\"’'-])(?:{_LEGAL})\.\s*$", re.IGNORECASE)
_ENDS_IN_ORDINAL = re.compile(r"(?:^|\s)\d{1,3}\.\s*$")
_ACRONYM = re.compile(r"(?<![\w.])(?P<word>[^\W\d_]{2,})\.\s+(?=(?P<next>\w+))")
_LITHUANIAN_DAY = re.compile(r"(?:\d{4} m\. )?(?:\w+ )?\d{1,2} d\.\s+(?=(?P<next>\w))")
_DATE_OPENS_SENTENCE_WORDS = 3


def sentence_spans(text: str, language: str) -> list[tuple[int, int]]:
    """Half-open (start, end) of each sentence, surrounding space excluded; in order, never empty.

    Every character outside the spans is white space.
    """
    pieces = [
        piece
        for boundary in get_sentence_boundaries(language, text)
        for piece in _cut(text, int(boundary["start_index"]), int(boundary["end_index"]), language)
    ]
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


def _cut(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """The piece, cut where a sentence begins after an acronym or a Lithuanian date."""
    piece = text[start:end]
    cuts = [
        match.end()
        for match in _ACRONYM.finditer(piece)
        # Two acronyms in a row are one name ("EE. UU."), and a heading in capitals is no sentence.
        if match["word"].isupper() and match["next"][0].isupper() and not match["next"][1:].isupper()
    ]
    if language == "lt":
        cuts += [
            match.end()
            for match in _LITHUANIAN_DAY.finditer(piece)
            # "2025 m. liepos 10 d. Komisija paskelbė": a date that opens a sentence does not end it.
            if match["next"].isupper() and len(piece[: match.start()].split()) > _DATE_OPENS_SENTENCE_WORDS
        ]
    for left, right in pairwise([0, *sorted(set(cuts)), len(piece)]):
        yield start + left, start + right


def _continues(piece: str, following: str) -> bool:
    if "\n\n" in piece[len(piece.rstrip()) :]:
        return False
    begins = following.lstrip()[:1]
    if _ENDS_IN_ABBREVIATION.search(piece):
        return not begins.isupper() or begins.isdigit()
    if _ENDS_IN_ORDINAL.search(piece):
        return begins.islower()
    return begins.islower() and "\n" not in piece[len(piece.rstrip()) :]
