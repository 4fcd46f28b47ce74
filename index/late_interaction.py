"""MaxSim: how well each token of a question is met by some token of a text.

Source: Khattab and Zaharia, ColBERT (2020). Tokens are weighted by how telling they are (unigram scores).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from index.encoder import Encoded
from index.texts import EncodedTexts

_INT8 = np.float32(127.0)


def max_sim(query: Encoded, texts: EncodedTexts, numbers: Sequence[int], symmetric: bool) -> npt.NDArray[np.float32]:
    """float32 (len(numbers),): the weighted mean over the question's tokens of the best cosine in each text;
    where symmetric, averaged with the same from the text's side."""
    scores = np.zeros(len(numbers), np.float32)
    spans = [(place, int(texts.offsets[n]), int(texts.offsets[n + 1])) for place, n in enumerate(numbers)]
    spans = [span for span in spans if span[2] > span[1]]
    if not spans or not len(query.weights):
        return scores
    parts = [texts.tokens[start:end] for _, start, end in spans]
    stacked = np.concatenate(parts, dtype=np.float32, casting="safe")
    likeness = query.tokens @ stacked.T  # (query tokens, all text tokens)
    sizes = np.array([end - start for _, start, end in spans])
    starts = np.cumsum(sizes) - sizes
    found: npt.NDArray[np.float32] = query.weights @ np.maximum.reduceat(likeness, starts, axis=1)
    if symmetric:
        weights = np.concatenate([texts.weights[start:end] for _, start, end in spans])
        found = np.asarray((found + np.add.reduceat(weights * likeness.max(axis=0), starts)) / 2, np.float32)
    scores[[place for place, _, _ in spans]] = found / _INT8
    return scores
