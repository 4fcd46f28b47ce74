"""Errors over HTTP: application/problem+json (RFC 9457), the same shape at every endpoint, never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from index.errors import StoreUnavailable
from service.schemas import FieldError, Problem

STORE_RETRY_S = "5"
"""After which to ask again where Milvus was not reached."""

_FASTAPI_UNREADABLE = "There was an error parsing the body"
_READABLE = "The body cannot be read. Send one JSON object, in UTF-8, nested at most a hundred levels."

_log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


class Refusal(Exception):  # noqa: N818 - an answer to the client, not a fault
    """Said to the client: a status, what is wrong and the remedy."""

    def __init__(self, status: int, detail: str, field: str | None = None, headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = headers


def problem_response(
    status: int, detail: str, errors: list[FieldError] | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    title = HTTPStatus(status).phrase
    body = Problem(type="about:blank", title=title, status=status, detail=sayable(detail), errors=errors or [])
    return JSONResponse(body.model_dump(), status_code=status, headers=headers, media_type=PROBLEM_TYPE)


def unreached(error: StoreUnavailable) -> Refusal:
    """What the asker is told; the error, which names an address inside, is for the log."""
    _log.error("A question was not answered: %s", error)
    return Refusal(503, "The index cannot be reached at the moment. Try again.", headers={"Retry-After": STORE_RETRY_S})


def install_problem_handlers(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> JSONResponse:
        fields = [FieldError(field=error.field, message=sayable(error.detail))] if error.field else []
        return problem_response(error.status, error.detail, fields, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [_field_error(item) for item in error.errors()]
        named = "; ".join(f"{field.field}: {field.message}" for field in fields)
        return problem_response(422, f"The request is not valid. {named}", fields)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers) if error.headers else None
        detail = _READABLE if error.detail == _FASTAPI_UNREADABLE else str(error.detail)
        return problem_response(error.status_code, detail, headers=headers)

    @app.exception_handler(StoreUnavailable)
    async def store(_: Request, error: StoreUnavailable) -> JSONResponse:
        refusal = unreached(error)
        return problem_response(refusal.status, refusal.detail, headers=refusal.headers)

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        _log.error("Unhandled fault: %s", type(error).__name__, exc_info=error)
        return problem_response(500, "Something went wrong on our side. Try again; if it stays, report the time.")


def _field_error(item: Mapping[str, Any]) -> FieldError:
    if item["type"] != "json_invalid":
        return FieldError(field=_field(item["loc"]), message=sayable(item["msg"]))
    why = sayable(f"not JSON ({item['ctx']['error']}, at character {item['loc'][-1]}). Send one JSON object, in UTF-8")
    return FieldError(field="body", message=why)


def _field(location: tuple[Any, ...]) -> str:
    parts = [str(part) for part in location if part not in ("body", "query", "path")]
    return sayable(".".join(parts)) or "body"


def sayable(text: str) -> str:
    """The text as UTF-8 can hold it: half of a surrogate pair, which JSON's escapes can spell, becomes its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How these statuses are described in the OpenAPI document."""
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase, "content": {PROBLEM_TYPE: {}}}
        for status in statuses
    }


PROBLEM_RESPONSES = problem_responses(400, 404, 413, 422, 503)
