"""Which sentence of an entry answers: MaxSim and cosine over sentences, and the words that the question shares with
them in its own language, by pieces; the translations' opinion is counted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.passages import Passage
from index.analysis import grams
from index.contents import Contents, Sentences
from index.encoder import Encoded
from index.late_interaction import max_sim
from index.retrieval import Query

COSINE_WEIGHT = 1.0
WORDS_WEIGHT = 1.0
"""Of the sentence vectors, and of the share of the question's pieces of words, beside MaxSim; chosen on development
questions (eval/LOG.md)."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence in document offsets, half-open, and the passage it stands in."""

    passage: Passage
    start: int
    end: int


def select_quotes(
    contents: Contents, query: Query, question: Encoded, entry: tuple[str, str], languages: tuple[str, ...]
) -> dict[str, Quote]:
    """Language to the quote of the entry in that language, for those of `languages` that the entry has.

    `question` is the query's text, encoded. Where the versions have as many sentences, they are taken to correspond,
    their scores are averaged, and the same sentence is quoted in each.
    """
    sentences = contents.sentences(entry, languages)
    scores = {language: _scores(question, own) for language, own in sentences.items()}
    shared: Scores | None = None
    if query.language in sentences:
        document = contents.documents[entry[0]][query.language].text
        shared = _shared(query, [document[start:end] for start, end in sentences[query.language].spans])
    if len({len(values) for values in scores.values()}) == 1:
        together: Scores = np.stack(list(scores.values())).mean(axis=0)
        scores = dict.fromkeys(scores, together if shared is None else together + shared)
    elif shared is not None:
        scores[query.language] = scores[query.language] + shared
    quotes = {}
    for language, values in scores.items():
        own, place = sentences[language], int(values.argmax())
        quotes[language] = Quote(own.passages[place], *own.spans[place])
    return quotes


def _scores(question: Encoded, sentences: Sentences) -> Scores:
    likeness = max_sim(question, sentences.texts, sentences.numbers, symmetric=False)
    cosines = sentences.texts.vectors[sentences.numbers] @ question.sentence
    result: Scores = likeness + np.float32(COSINE_WEIGHT) * cosines
    return result


def _shared(query: Query, texts: list[str]) -> Scores:
    """For each sentence the share of the question's pieces of words that it has, weighted: float32 (len(texts),)."""
    asked = set(grams(query.text, query.language))
    found = [len(asked.intersection(grams(text, query.language))) for text in texts]
    return np.float32(WORDS_WEIGHT) * np.array(found, np.float32) / np.float32(max(1, len(asked)))
