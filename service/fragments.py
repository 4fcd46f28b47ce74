"""Text-fragment links: an address that scrolls to the quote and marks it.

Source: WICG, URL Fragment Text Directives.
"""

from __future__ import annotations

from urllib.parse import quote

_WHOLE_UP_TO = 120
_EDGE_WORDS = 6


def fragment_url(url: str, text: str) -> str:
    """The url with a directive for the text: whole when short, else its first and last words."""
    words = text.split()
    whole = " ".join(words)
    if len(whole) <= _WHOLE_UP_TO or len(words) <= 2 * _EDGE_WORDS:
        directive = _encode(whole)
    else:
        directive = f"{_encode(' '.join(words[:_EDGE_WORDS]))},{_encode(' '.join(words[-_EDGE_WORDS:]))}"
    joiner = "" if "#" in url else "#"
    return f"{url}{joiner}:~:text={directive}"


def _encode(text: str) -> str:
    # A dash, a comma and an ampersand have a meaning in a directive.
    return quote(text, safe="").replace("-", "%2D")
