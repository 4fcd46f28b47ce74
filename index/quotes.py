"""Which sentence of an entry answers: MaxSim and cosine over sentences, the translations' opinion counted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.passages import Passage
from index.contents import Contents, Sentences
from index.encoder import Encoded
from index.late_interaction import max_sim

COSINE_WEIGHT = 1.0
"""Of the sentence vectors beside MaxSim; chosen on development questions (eval/LOG.md)."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence in document offsets, half-open, and the passage it stands in."""

    passage: Passage
    start: int
    end: int


def select_quotes(
    contents: Contents, question: Encoded, entry: tuple[str, str], languages: tuple[str, ...]
) -> dict[str, Quote]:
    """Language to the quote of the entry in that language, for those of `languages` that the entry has.

    Where the versions have as many sentences, they are taken to correspond, their scores are averaged, and the same
    sentence is quoted in each.
    """
    sentences = contents.sentences(entry, languages)
    scores = {language: _scores(question, own) for language, own in sentences.items()}
    if len({len(values) for values in scores.values()}) == 1:
        together: npt.NDArray[np.float32] = np.stack(list(scores.values())).mean(axis=0)
        scores = dict.fromkeys(scores, together)
    quotes = {}
    for language, values in scores.items():
        own, place = sentences[language], int(values.argmax())
        quotes[language] = Quote(own.passages[place], *own.spans[place])
    return quotes


def _scores(question: Encoded, sentences: Sentences) -> npt.NDArray[np.float32]:
    likeness = max_sim(question, sentences.texts, sentences.numbers, symmetric=False)
    cosines = sentences.texts.vectors[sentences.numbers] @ question.sentence
    result: npt.NDArray[np.float32] = likeness + np.float32(COSINE_WEIGHT) * cosines
    return result
