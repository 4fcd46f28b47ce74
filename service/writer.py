"""The optional writer: a language model behind an OpenAI-compatible server, asked within bounds.

Whatever it does, a caller waits at most `timeout_ms` and reads at most MAX_REPLY_BYTES; redirects are refused, since
they would carry the key elsewhere; after some failures in a row the server is left alone for a while.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import anyio
import httpx

from service.breaker import Breaker

_log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 65_536
"""Longest reply that is read, in bytes; a summary has some hundreds."""

MAX_TOKENS = 400
"""Asked of the server, as the longest text that it may write."""

_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)

Messages = list[dict[str, str]]


class WriterFault(Exception):  # noqa: N818 - not an error of ours
    """The server did not give a text: what was wrong, without anything of what it sent."""


class WriterLeftAlone(WriterFault):
    """The server was not asked: it failed several times in a row, and its time is not up."""


class Writer:
    """One model at one server."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, model: str, key: str | None, timeout_ms: int, breaker: Breaker
    ) -> None:
        """`url` is what clients call the base address: `/chat/completions` is added to it."""
        self._client = client
        self._url = f"{url.rstrip('/')}/chat/completions"
        self.model = model
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._timeout = timeout_ms / 1000
        self._breaker = breaker

    async def write(self, messages: Messages) -> str:
        """What the model writes. Raises WriterFault."""
        if not self._breaker.allows():
            raise WriterLeftAlone("The writer is left alone after failures in a row.")
        try:
            with anyio.fail_after(self._timeout):
                text = await self._ask(messages)
        except (TimeoutError, httpx.TimeoutException) as error:
            self._breaker.failed()
            raise WriterFault(f"The writer took longer than {self._timeout * 1000:.0f} ms.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._breaker.failed()
            raise WriterFault(f"The writer cannot be reached: {type(error).__name__}.") from error
        except WriterFault:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return text

    async def _ask(self, messages: Messages) -> str:
        body = {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": MAX_TOKENS, "stream": False}
        async with self._client.stream("POST", self._url, json=body, headers=self._headers) as response:
            if response.status_code != httpx.codes.OK:
                raise WriterFault(f"The writer answered HTTP {response.status_code}.")
            received = bytearray()
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > MAX_REPLY_BYTES:
                    raise WriterFault(f"The writer sent more than {MAX_REPLY_BYTES} bytes.")
        return _content(bytes(received))


def _content(body: bytes) -> str:
    """The text of a chat completion. Raises WriterFault for anything else."""
    try:
        completion: Any = json.loads(body)
        content = completion["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise WriterFault("The writer sent no chat completion.") from error
    if not isinstance(content, str):
        raise WriterFault("The writer sent no text.")
    return _THOUGHTS.sub("", content)


def make_client() -> httpx.AsyncClient:
    """The client for a writer: no redirects, no proxy and no password from the environment."""
    return httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=None)  # noqa: S113 - bounded as a whole
