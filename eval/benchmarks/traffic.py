"""Traffic for load: distinct questions, and a mixture of all that people and programs send."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

Asked = tuple[str, str]
"""A question and its language."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request and the status that it must get."""

    method: str
    path: str
    body: Any = None
    parameters: dict[str, str] | None = None
    expected: int = 200


def distinct(questions: Sequence[Asked]) -> Iterator[Call]:
    """Questions without end, no two alike, so that no answer is one remembered."""
    for number, (text, _) in zip(count(), cycle(questions), strict=False):
        yield Call("POST", "/v1/answers", {"question": f"{text} ({number})"})


def mixed(questions: Sequence[Asked], picks: random.Random, number: int) -> Call:
    """One of a hundred kinds of calls: new and repeated questions, searches, chats, documents, the page, mistakes."""
    text, language = picks.choice(questions)
    kind = number % 100
    if kind < 35:
        return Call("POST", "/v1/answers", {"question": f"{text} ({number})"})
    if kind < 55:
        return Call("POST", "/v1/answers", {"question": questions[number % 50 % len(questions)][0]})
    if kind < 70:
        return Call("GET", "/v1/search", parameters={"q": text, "language": language})
    if kind < 80:
        messages = [{"role": "user", "content": text}]
        return Call("POST", "/v1/chat/completions", {"model": "gpai-faq", "messages": messages, "stream": kind < 75})
    if kind < 84:
        return Call("GET", "/v1/documents")
    if kind < 88:
        claim = {"doc_id": "none", "language": "fr", "quote": "x", "start": 0, "end": 1}
        return Call("POST", "/v1/citations/verify", claim)
    if kind < 90:
        return Call("GET", "/")
    if kind < 92:
        return Call("GET", "/metrics")
    if kind < 94:
        return Call("GET", "/readyz")
    if kind < 96:
        return Call("POST", "/v1/answers", {"question": ""}, expected=422)
    if kind < 98:
        return Call("GET", f"/v1/documents/none-{number}", expected=404)
    return Call("GET", f"/none-{number}", expected=404)
