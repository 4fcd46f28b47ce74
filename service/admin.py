"""What only administrators see: closed without an API key that has the scope `admin`."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Request

from service.desk import desk_of
from service.doors import needs
from service.problems import PROBLEM_RESPONSES
from service.schemas import Strict

router = APIRouter(
    prefix="/v1/admin", tags=["administration"], dependencies=[Depends(needs("admin"))], responses=PROBLEM_RESPONSES
)


class IndexDetails(Strict):
    """The index that answers. `age_seconds` counts from when it was built."""

    version: str
    built: str
    age_seconds: int
    encoder: str
    corpus_sha256: str
    counts: dict[str, int]
    packages: dict[str, str]


@router.get("/index", summary="The index that answers: what it holds and what it was made with")
async def index_details(request: Request) -> IndexDetails:
    manifest = desk_of(request.app).engine.snapshot.manifest
    age = datetime.now(UTC) - datetime.fromisoformat(manifest.built)
    return IndexDetails(
        version=manifest.version,
        built=manifest.built,
        age_seconds=int(age.total_seconds()),
        encoder=manifest.fingerprint,
        corpus_sha256=manifest.corpus_sha256,
        counts=manifest.counts,
        packages=manifest.packages,
    )
