"""API keys in their file, and the commands that make, show and revoke them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from conftest import make_settings

from service.__main__ import main
from service.keys import KeyFile, KeysProblem
from service.settings import Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys.json"


def test_a_key_is_found_until_it_is_revoked(path: Path) -> None:
    token, made = KeyFile(path).create("helpdesk", ("ask", "admin"))
    running = KeyFile(path)
    assert running.find(token) == made
    assert (made.name, made.scopes, made.expires) == ("helpdesk", ("ask", "admin"), None)
    KeyFile(path).revoke(made.key_id)
    assert running.find(token) is None
    with pytest.raises(KeysProblem, match=made.key_id):
        KeyFile(path).revoke(made.key_id)


def test_the_key_itself_is_nowhere_on_disk(path: Path) -> None:
    token, _ = KeyFile(path).create("helpdesk", ("ask",))
    secret = token.split("_", 2)[2]
    assert len(secret) == 43  # 256 bits in base64
    for file in path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_almost_a_key_is_none(path: Path) -> None:
    token, _ = KeyFile(path).create("a", ("ask",))
    other, _ = KeyFile(path).create("b", ("ask",))
    keys = KeyFile(path)
    mixed = token[:12] + other[12:]
    last = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in ("", "faq_", token[:-1], token + "x", token.upper(), " " + token, mixed, last, "faq_\0", "é" * 56):
        assert keys.find(wrong) is None, wrong
    assert keys.find(token) is not None and keys.find(other) is not None


def test_a_key_expires(path: Path) -> None:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    token, _ = KeyFile(path, lambda: made).create("a", ("ask",), expires_days=30)
    almost, over = made + timedelta(days=30, seconds=-1), made + timedelta(days=30)
    assert KeyFile(path, lambda: almost).find(token) is not None
    assert KeyFile(path, lambda: over).find(token) is None


def test_without_a_file_there_is_no_key_until_one_is_made(path: Path) -> None:
    keys = KeyFile(path)
    assert keys.load() == {} and keys.find("faq_00000000_" + "x" * 43) is None
    token, _ = KeyFile(path).create("a", ("ask",))
    assert keys.find(token) is not None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"keys": [{}]}', '{"keys": [1]}', "\0" * 100])
def test_a_broken_file_is_named_and_changes_no_door_that_stood_open(
    path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    token, _ = KeyFile(path).create("a", ("ask",))
    running = KeyFile(path)
    assert running.find(token) is not None
    path.write_text(content, encoding="utf-8")
    assert running.find(token) is not None
    assert str(path) in caplog.text and token not in caplog.text
    with pytest.raises(KeysProblem, match=r"keys\.json"):
        KeyFile(path).load()
    with pytest.raises(KeysProblem, match=r"keys\.json"):
        KeyFile(path).create("b", ("ask",))
    assert path.read_text(encoding="utf-8") == content  # what may be mended is not overwritten


def test_a_scope_that_nobody_knows_is_refused(path: Path) -> None:
    KeyFile(path).create("a", ("ask",))
    rows = json.loads(path.read_bytes())
    rows["keys"][0]["scopes"] = ["ask", "everything"]
    path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(KeysProblem, match="everything"):
        KeyFile(path).load()


def _make(path: Path) -> None:
    for _ in range(5):
        KeyFile(path).create("one of many", ("ask",))


def test_keys_made_at_the_same_time_are_all_kept(path: Path) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=_make, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(KeyFile(path).load()) == 15
    assert sorted(file.name for file in path.parent.iterdir()) == ["keys.json", "keys.lock"]


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: Path
) -> Callable[..., tuple[int, str, str]]:
    def settings() -> Settings:
        return make_settings(api_keys_file=path)

    monkeypatch.setattr("service.__main__.settings", settings)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["service", "keys", *arguments])
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_keys_from_the_shell(shell: Callable[..., tuple[int, str, str]], path: Path) -> None:
    code, token, told = shell(
        "create", "--name", "Help desk", "--scope", "ask", "--scope", "admin", "--expires-days", "9"
    )
    found = KeyFile(path).find(token.strip())
    assert code == 0 and found is not None and found.key_id in told
    assert found.expires is not None and found.expires - found.created == timedelta(days=9)
    _, listed, _ = shell("list")
    assert all(part in listed for part in (found.key_id, "Help desk", "ask,admin", f"{found.expires:%Y-%m-%d}"))
    assert token.strip() not in listed and found.sha256 not in listed
    assert shell("revoke", found.key_id)[0] == 0
    assert KeyFile(path).find(token.strip()) is None
    code, out, told = shell("revoke", found.key_id)
    assert (code, out) == (1, "") and found.key_id in told
    assert "no keys" in shell("list")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--scope", "ask"],
        ["create", "--name", "x"],
        ["create", "--name", "x", "--scope", "root"],
        ["create", "--name", "x", "--scope", "ask", "--expires-days", "0"],
        [],
    ],
)
def test_a_key_needs_a_name_and_scopes_that_are_known(
    shell: Callable[..., tuple[int, str, str]], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        shell(*arguments)
    assert left.value.code == 2


def test_a_folder_that_cannot_be_read_changes_no_door(path: Path) -> None:
    token, made = KeyFile(path).create("helpdesk", ("ask",))
    running = KeyFile(path)
    assert running.find(token) == made
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.write_text("no folder")
    assert running.find(token) == made
    with pytest.raises(KeysProblem, match="is no file of API keys"):
        KeyFile(path).load()
