"""Settings: from the environment and a `.env` file, unknown keys refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from corpus.documents import data_folder
from service.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without `.env`, an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_the_contracts() -> None:
    chosen = Settings()
    assert (chosen.host, chosen.port) == ("127.0.0.1", 8000)
    assert chosen.encoder == "default"
    assert data_folder(chosen.corpus_dir) == chosen.corpus_dir / "data"
    assert chosen.corpus_dir.is_dir()
    assert chosen.index_dir.parent == chosen.model_dir.parent == chosen.corpus_dir.parent / "index"


def test_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nHOST=0.0.0.0\nINDEX_DIR=/srv/index\n", encoding="utf-8")
    monkeypatch.setenv("PORT", "9002")
    chosen = Settings()
    assert (chosen.port, chosen.host, chosen.index_dir) == (9002, "0.0.0.0", Path("/srv/index"))


def test_unknown_key_in_the_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROT=9001\n", encoding="utf-8")
    with pytest.raises(ValidationError, match="prot"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("TIMEOUT_MS", "0"),
        ("CONCURRENT_QUESTIONS", "0"),
        ("QUEUED_QUESTIONS", "-1"),
        ("ANSWER_CACHE_ENTRIES", "-1"),
        ("MAX_QUESTION_CHARS", "0"),
        ("MAX_BODY_BYTES", "10"),
        ("LANGUAGE_DETECTOR", "guess"),
    ],
)
def test_value_that_cannot_be_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_each_is_described_and_carries_its_unit() -> None:
    """A number's description says its unit, and the name does where the unit is no mere count."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
    units = {"milliseconds": "_ms", "bytes": "_bytes", "characters": "_chars"}
    for name, field in Settings.model_fields.items():
        for word, suffix in units.items():
            if re.search(rf"\bin {word}\b", field.description or ""):
                assert name.endswith(suffix)
