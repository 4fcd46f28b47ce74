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
    if not len(numbers) or not len(query.weights):
        return scores
    spans = [(int(texts.offsets[n]), int(texts.offsets[n + 1])) for n in numbers]
    stacked = np.concatenate([texts.tokens[start:end] for start, end in spans]).astype(np.float32)
    likeness = (query.tokens @ stacked.T) / _INT8  # (query tokens, all text tokens)
    at = 0
    for place, (start, end) in enumerate(spans):
        size = end - start
        if size == 0:
            continue
        block = likeness[:, at : at + size]
        at += size
        forward = float(query.weights @ block.max(axis=1))
        if symmetric:
            backward = float(texts.weights[start:end] @ block.max(axis=0))
            scores[place] = (forward + backward) / 2
        else:
            scores[place] = forward
    return scores
