"""Hostile JSON as hypothesis makes it: bodies of bytes that are, or almost are, the message that an endpoint expects."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Json = Any

CONTENT_TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "APPLICATION/JSON",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/octet-stream; charset=\u00e9",
    "",
    "/",
)

# Lone surrogates (as JSON's escapes), NUL and all that Unicode has; what reads like markup or a path.
texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40),
    st.sampled_from(("\ud800", "\0", "\ud83d\ud83d", "{mailbox} %s {0.__class__}", "../../etc/passwd", "x" * 3000)),
)
numbers = st.one_of(
    st.integers(),
    st.floats(),  # NaN and the infinities too, as Python writes them
    st.sampled_from((10**400, -(10**400), 2**63, 2**64, -1, 0, 1e308, -0.0)),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


def places(found: Json, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value within, and to the whole."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [way, *(place for key, value in inner for place in places(value, (*way, key)))]


def put(found: Json, way: tuple[Any, ...], value: Json) -> Json:
    if not way:
        return value
    changed = deepcopy(found)
    holder = changed
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = value
    return changed


def dumped(value: Json) -> bytes:
    return json.dumps(value).encode()


def deep(depth: int) -> list[bytes]:
    """Nested so deeply that a reader that calls itself falls over; some never end."""
    return [
        b"[" * depth + b"]" * depth,
        b'{"a":' * depth + b"1" + b"}" * depth,
        b"[" * depth,
        b'[{"":' * (depth // 2),
    ]


@st.composite
def changed(draw: st.DrawFn, honest: Json) -> bytes:
    """The honest message with some of its values replaced, left out or added to."""
    body = deepcopy(honest)
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(places(body)))
        body = put(body, way, draw(values))
    if isinstance(body, dict):
        for key in draw(st.lists(st.sampled_from(sorted(body)), max_size=2)) if body else ():
            body.pop(key, None)
        body |= draw(st.dictionaries(texts, values, max_size=2))
    return dumped(body)


@st.composite
def nested(draw: st.DrawFn, honest: Json) -> bytes:
    """The honest message with something very deep in the place of one of its values."""
    mark = "here it goes deep"
    body = dumped(put(honest, draw(st.sampled_from(places(honest))), mark))
    return body.replace(
        dumped(mark), draw(st.sampled_from(deep(draw(st.sampled_from((200, 600, 900, 960, 980, 1100, 9000)))))), 1
    )


@st.composite
def doubled(draw: st.DrawFn, honest: dict[str, Json]) -> bytes:
    """Each key twice, the second time with another value."""
    pairs = [(key, value) for key in honest for value in (honest[key], draw(values))]
    body = b"{" + b",".join(dumped(key) + b":" + dumped(value) for key, value in pairs) + b"}"
    return body[: draw(st.one_of(st.just(len(body)), st.integers(0, len(body))))]


@st.composite
def mangled(draw: st.DrawFn, honest: Json) -> bytes:
    """No JSON in UTF-8: cut short, with bytes put in, in another encoding, or any bytes at all."""
    body = dumped(honest)
    ways: list[Callable[[], bytes]] = [
        lambda: body[: draw(st.integers(0, len(body)))],
        lambda: body.decode().encode(draw(st.sampled_from(("utf-16", "utf-32-be", "utf-8-sig")))),
        lambda: draw(st.binary(max_size=200)),
        lambda: b"\xef\xbb\xbf" + body + b"\0",
        lambda: body.replace(b'"', b'"\xed\xa0\x80\xff', draw(st.integers(1, 4))),
        lambda: b"9" * draw(st.sampled_from((30, 5000))),
        lambda: body.replace(b'"', b"'"),
    ]
    return draw(st.sampled_from(ways))()


def hostile(honest: dict[str, Json]) -> st.SearchStrategy[bytes]:
    """Bodies for an endpoint that expects a message such as `honest`."""
    return st.one_of(
        changed(honest), changed(honest), nested(honest), doubled(honest), mangled(honest), values.map(dumped)
    )
