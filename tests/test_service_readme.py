"""service/README.md names every setting with its default, and every endpoint."""

from __future__ import annotations

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
