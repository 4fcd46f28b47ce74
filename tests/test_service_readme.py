"""service/README.md names every setting with its default, every endpoint, and for every promise a test that exists."""

from __future__ import annotations

import ast
import re

from conftest import CHECKOUT
from fastapi.routing import APIRoute

from service.app import create_app
from service.settings import Settings

README = (CHECKOUT / "service" / "README.md").read_text(encoding="utf-8")


def test_settings_are_documented() -> None:
    rows = {
        name: (default, text)
        for name, default, text in re.findall(r"^\| `([A-Z_]+)` \| `(.*?)` \| (.*) \|$", README, re.M)
    }
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default, text = rows[name.upper()]
        assert text == field.description
        expected = str(field.get_default(call_default_factory=True))
        assert default == expected.removeprefix(f"{CHECKOUT}/")


def test_endpoints_are_documented() -> None:
    app = create_app(Settings())
    paths = set(app.openapi()["paths"]) | {route.path for route in app.routes if isinstance(route, APIRoute)}
    missing = [
        path
        for path in paths
        if path not in README
        and path.removeprefix("/v1") not in README
        and not path.startswith(("/v1/texts", "/v1/models/"))
    ]
    assert missing == []


def promises() -> list[tuple[str, str, str]]:
    """Promise, tests or commands, last figure."""
    section = README.partition("## Promises\n")[2]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if line[:1] == "|"]
    return [(promise, held_by, figure.strip(" |")) for promise, held_by, figure in rows[2:]]


def named_tests(held_by: str) -> list[tuple[str, str]]:
    """File and function, empty for all of the file; `::name` is of the file named before it."""
    found, file = [], ""
    for name in re.findall(r"`([^`]*)`", held_by):
        path, _, function = name.partition("::")
        if path.startswith("tests/") or (not path and function):
            file = path or file
            found.append((file, function))
    return found


def test_every_promise_names_a_test_or_a_command_that_exists() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    missing = []
    for promise, held_by, _ in promises():
        commands = re.findall(r"`make ([a-z-]+)`", held_by)
        missing += [f"make {target}" for target in commands if not re.search(rf"^{target}:", makefile, re.M)]
        tests = named_tests(held_by)
        if not tests and not commands:
            missing.append(f"nothing holds: {promise}")
        for file, function in tests:
            if not (CHECKOUT / file).is_file():
                missing.append(file)
                continue
            tree = ast.parse((CHECKOUT / file).read_text(encoding="utf-8"))
            known = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            if not (function in known if function else any(name.startswith("test_") for name in known)):
                missing.append(f"{file}::{function}")
    assert missing == []
    assert len(promises()) > 30


def test_a_test_that_does_not_exist_would_be_found() -> None:
    held_by = "`tests/test_service_readme.py::test_endpoints_are_documented`, `::test_nothing`, `make sbom`"
    assert named_tests(held_by) == [
        ("tests/test_service_readme.py", "test_endpoints_are_documented"),
        ("tests/test_service_readme.py", "test_nothing"),
    ]
