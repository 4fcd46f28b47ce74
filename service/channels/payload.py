"""Reads what a platform sent as JSON: signed does not mean well made."""

from __future__ import annotations

import json
from typing import Any

from service.problems import Refusal

Json = dict[str, Any]


def read_object(body: bytes, wanted: str) -> Json:
    """The JSON object that the body is. Raises Refusal (400) naming what is wanted instead."""
    try:
        payload = json.loads(body, parse_constant=_no_constant)
    except RecursionError as error:
        raise Refusal(400, f"The body is nested too deeply. Send {wanted}.") from error
    except ValueError as error:
        raise Refusal(400, f"The body is not JSON ({error}). Send {wanted}.") from error
    if not isinstance(payload, dict):
        raise Refusal(400, f"The body is no JSON object. Send {wanted}.")
    return payload


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def word(value: object) -> str:
    """A text that can be sent on; empty for what is none. Half of a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
