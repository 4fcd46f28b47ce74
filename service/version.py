"""The version (semantic versioning), from its one place: `pyproject.toml`."""

from __future__ import annotations

from pathlib import Path
from tomllib import loads

VERSION: str = loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]
