"""Which sentence of an entry answers: MaxSim and cosine over sentences, the translations' opinion counted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.encoder import Encoded
from index.entries import entry_number
from index.late_interaction import max_sim
from index.snapshot import Snapshot

COSINE_WEIGHT = 1.0
"""Of the sentence vectors beside MaxSim; chosen on development questions (eval/LOG.md)."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence in document offsets, half-open, and the row of the passage it stands in."""

    passage_row: int
    start: int
    end: int


def select_quotes(
    snapshot: Snapshot, question: Encoded, entry: tuple[str, str], languages: tuple[str, ...]
) -> dict[str, Quote]:
    """Language to the quote of the entry in that language, for those of `languages` that the entry has.

    Where the versions have as many sentences, they are taken to correspond, their scores are averaged, and the same
    sentence is quoted in each.
    """
    number = entry_number(snapshot, entry)
    start, end = snapshot.passage_ranges[number].tolist()
    rows: dict[str, list[int]] = {}
    for row in range(start, end):
        language = snapshot.passages[row].language
        if language in languages:
            rows.setdefault(language, []).append(row)
    sentences = {
        language: [s for row in own for s in range(*snapshot.sentence_ranges[row].tolist())]
        for language, own in rows.items()
    }
    scores = {language: _scores(snapshot, question, own) for language, own in sentences.items() if own}
    if len({len(values) for values in scores.values()}) == 1:
        together: npt.NDArray[np.float32] = np.stack(list(scores.values())).mean(axis=0)
        scores = dict.fromkeys(scores, together)
    quotes = {}
    for language, values in scores.items():
        sentence = sentences[language][int(values.argmax())]
        row = int(np.searchsorted(snapshot.sentence_ranges[:, 1], sentence, "right"))
        quotes[language] = Quote(row, *snapshot.sentence_spans[sentence].tolist())
    return quotes


def _scores(snapshot: Snapshot, question: Encoded, sentences: list[int]) -> npt.NDArray[np.float32]:
    likeness = max_sim(question, snapshot.sentence_texts, sentences, symmetric=False)
    cosines = snapshot.sentence_texts.vectors[sentences] @ question.sentence
    result: npt.NDArray[np.float32] = likeness + np.float32(COSINE_WEIGHT) * cosines
    return result
