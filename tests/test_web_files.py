"""The page's files as they are written: no markup from texts, no third party, every text there in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import CHECKOUT
from starlette.testclient import TestClient

from corpus.languages import EU_LANGUAGES
from service.texts import text_languages, texts

WEB = CHECKOUT / "service" / "web"
SCRIPTS = sorted(WEB.glob("*.js"))
PAGES = sorted(WEB.glob("*.html"))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_turns_text_into_markup_or_code(path: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|srcdoc|setTimeout\(\s*[\"'`]"
    assert re.findall(forbidden, read(path)) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_keep_to_the_policy(path: Path) -> None:
    """No inline script, style or listener, and nothing loaded from elsewhere."""
    text = read(path)
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", text) == []
    assert re.findall(r'<\w[^>]*\s(?:src|href)="(?:https?:)?//', text) == []


def test_style_sheets_and_modules_load_nothing_from_elsewhere() -> None:
    for path in (*WEB.glob("*.css"), *SCRIPTS):
        assert re.findall(r"url\(|@import|from \"(?!\./)|import\(", read(path)) == [], path.name


def test_every_text_that_is_named_exists_in_every_language() -> None:
    named = set(re.findall(r'data-(?:text|placeholder)="([a-z_.]+)"', read(WEB / "index.html")))
    for path in SCRIPTS:
        text = read(path)
        named |= set(re.findall(r'"((?:page|widget|mail|chat)\.[a-z_]+)"', text))
        named |= {f"{group}.{name}" for group, name in re.findall(r'\bt\("([a-z]+)", "([a-z_]+)"', text)}
        named |= {f"{group}.{name}" for group, name in re.findall(r"\btold\.(mail|chat|page)\.([a-z_]+)", text)}
    assert len(named) > 50
    for language in text_languages():
        told = texts(language)
        missing = [key for key in sorted(named) if key.split(".")[1] not in told[key.split(".")[0]]]
        assert (language, missing) == (language, [])


def test_the_page_and_the_widget_know_the_languages_that_have_texts() -> None:
    block = re.search(r"INTERFACE_LANGUAGES = \{(.*?)\}", read(WEB / "texts.js"), re.DOTALL)
    assert block is not None
    assert dict(re.findall(r'(\w\w): "([^"]+)"', block[1])) == {code: EU_LANGUAGES[code] for code in text_languages()}
    widget = re.search(r'LANGUAGES = "([a-z ]+)"', read(WEB / "widget.js"))
    assert widget is not None
    assert widget[1].split() == list(text_languages())


def test_the_question_in_a_letter_stands_in_the_language_s_own_quotation_marks() -> None:
    """The page takes the marks for its quotes from there."""
    for language in text_languages():
        assert re.search(r"[„“”«»]\s?\{question\}\s?[„“”«»]", texts(language)["mail"]["intro"]), language


def test_the_widget_is_smaller_than_30_kilobytes() -> None:
    assert (WEB / "widget.js").stat().st_size < 30_000


def test_the_page_is_served_with_its_policy_and_asked_for_anew(client: TestClient) -> None:
    for path in ("/", "/static/page.js", "/static/page.css", "/static/widget.js", "/static/widget-demo.html"):
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.headers["Cache-Control"] == "no-cache", path
        assert "default-src 'none'" in response.headers["Content-Security-Policy"], path
    again = client.get("/static/page.js", headers={"If-None-Match": client.get("/static/page.js").headers["ETag"]})
    assert again.status_code == 304
