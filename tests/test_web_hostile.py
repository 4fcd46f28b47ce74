"""Every attack text as a question in a real browser: the page shows it as text and does nothing it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hostile_text import INJECTIONS, MARKUP

if TYPE_CHECKING:
    from web_site import Tabs

pytest_plugins = ("web_site",)


def test_no_attack_text_does_anything_in_the_page(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog said {dialog.message}"))
    for attack in (*MARKUP, *INJECTIONS):
        visible = " ".join("".join(letter if letter.isprintable() else " " for letter in attack).split())
        page.locator("#questionText").fill(f"can we withdraw our signature {visible}")
        with page.expect_response("**/v1/answers") as got:
            page.locator(".ask-button").click()
        assert got.value.status == 200
        page.locator("#answerSection:visible").wait_for()
        assert page.locator("main img, main script, main iframe, main svg[onload]").count() == 0
        assert page.locator('a[href^="javascript:"]').count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.context.cookies() == []
    assert [url for url in asked if not url.startswith(site)] == []
