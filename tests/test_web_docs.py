"""The API's documentation page in a real browser: under the strict policy, from this service alone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from web_site import Tabs

pytest_plugins = ("web_site",)


def test_it_shows_every_operation_and_loads_nothing_from_elsewhere(site: str, tabs: Tabs) -> None:
    page = tabs.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    response = page.goto(f"{site}/docs")
    assert "script-src 'self'" in response.headers["content-security-policy"]
    page.locator(".opblock").first.wait_for()
    assert page.locator(".opblock-summary-path", has_text="/v1/answers").count() == 1
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(site).netloc}
