"""The widget on pages of another origin, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from service.pipeline import Pipeline
from service.texts import texts

if TYPE_CHECKING:
    from web_site import Tabs

pytest_plugins = ("web_site",)

WITHDRAW = "Can we withdraw our signature?"
EN = texts("en")


@dataclass
class OtherSite:
    """A site of another origin. Its page has a strict policy that allows the service only where the widget needs it."""

    address: str = ""
    service: str = ""
    attributes: str = ""
    language: str = "en"
    head: str = ""

    def page(self, request: Request) -> HTMLResponse:
        html = (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8"><title>Another site</title>{self.head}'
            f'<script src="{self.service}/static/widget.js" {self.attributes}></script></head>'
            "<body><main><h1>Another site</h1><p>Text.</p></main></body></html>"
        )
        policy = f"default-src 'none'; script-src {self.service}; connect-src {self.service}; img-src data:"
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})


@pytest.fixture
def other_site(
    site_pipeline: Pipeline, serve: Callable[[Any], Any], make_app: Callable[..., Any]
) -> Iterator[OtherSite]:
    """Another origin that the service lists, and a service that lists it."""
    other = OtherSite()
    with serve(Starlette(routes=[Route("/", other.page)])) as address:
        other.address = address
        with serve(make_app(site_pipeline, cors_origins=[address])) as service:
            other.service = service
            yield other


def open_widget(page: Any) -> Any:
    """Open the panel by its launcher; returns the widget."""
    widget = page.locator("gpai-questions")
    widget.locator(".launcher").click()
    widget.locator(".panel").wait_for()
    return widget


def ask(widget: Any, question: str) -> None:
    """Ask in the open panel, and wait until there is an answer."""
    widget.locator("textarea").fill(question)
    widget.locator(".ask").click()
    widget.locator(".answer:visible").wait_for()


def test_it_answers_on_another_site_and_leaves_nothing_there(other_site: OtherSite, tabs: Tabs) -> None:
    page = tabs.open()
    page.goto(other_site.address)
    widget = open_widget(page)
    ask(widget, WITHDRAW)
    assert widget.locator("h3").text_content() == EN["page"]["answered"]
    assert widget.locator(".badge").first.text_content() == EN["authority"]["translation"]
    assert widget.locator("mark").all_text_contents() == [
        "Yes, the signature can be withdrawn at any time.",
        "Oui, la signature peut être retirée à tout moment.",
    ]
    assert [quote.get_attribute("lang") for quote in widget.locator("blockquote").all()] == ["en", "fr"]
    assert not widget.locator("mark").nth(1).is_visible()
    widget.locator("summary").click()
    assert widget.locator("mark").nth(1).is_visible()
    assert "Yes, the signature can be withdrawn" in widget.locator("[role=status]").text_content()
    link = widget.get_by_role("link", name=EN["page"]["permalink"])
    assert link.get_attribute("href") == f"{other_site.service}/?q=Can+we+withdraw+our+signature%3F"
    assert page.context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.evaluate("Object.keys(window).filter(name => /gpai/i.test(name))") == []


def test_passages_beside_the_one_that_answers_are_linked(other_site: OtherSite, tabs: Tabs, attack: str) -> None:
    page = tabs.open()
    page.goto(other_site.address)
    widget = open_widget(page)
    with page.expect_response("**/v1/answers") as response:
        ask(widget, "Is there a deadline for signing, or an attack with markup?")
    first, *others = response.value.json()["passages"]
    assert len(others) == 2
    links = widget.locator("a.source").all()
    assert [link.get_attribute("href") for link in links] == [p["citation"]["url"] for p in (first, *others)]
    assert [link.text_content() for link in links[1:]] == [p["heading"] for p in others]
    assert f"Attack {attack}" in [p["heading"] for p in (first, *others)]
    assert page.evaluate("window.hacked") is None


def test_a_site_that_is_not_listed_gets_no_launcher(site: str, other_site: OtherSite, tabs: Tabs) -> None:
    other_site.service = site  # this service lists no origin
    page = tabs.open()
    with page.expect_console_message(lambda message: "cannot reach its service" in message.text):
        page.goto(other_site.address)
    assert page.locator("gpai-questions").count() == 0
    assert all("CORS" in complaint or "cannot reach" in complaint for complaint in tabs.complaints)
    tabs.complaints.clear()


def test_the_focus_goes_in_and_comes_back(other_site: OtherSite, tabs: Tabs) -> None:
    page = tabs.open()
    page.goto(other_site.address)
    page.evaluate("addEventListener('keydown', event => (window.heard ??= []).push(event.key))")
    launcher = page.locator("gpai-questions .launcher")
    launcher.wait_for()
    focused = "document.activeElement.shadowRoot?.activeElement?.className || document.activeElement.shadowRoot?.activeElement?.id"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "launcher"
    assert launcher.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    assert launcher.get_attribute("aria-expanded") == "true"
    assert page.evaluate(focused) == "question"
    page.evaluate("window.heard = []")
    page.keyboard.type("Ask")
    page.keyboard.press("Escape")
    assert page.evaluate("window.heard") == []  # what is typed is not for the page's shortcuts
    assert not page.locator("gpai-questions .panel").is_visible()
    assert page.evaluate(focused) == "launcher"
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "launcher"
    assert not page.locator("gpai-questions .panel").is_visible()


def test_the_keyboard_alone_asks(other_site: OtherSite, tabs: Tabs) -> None:
    page = tabs.open()
    page.goto(other_site.address)
    page.locator("gpai-questions .launcher").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.type(WITHDRAW)
    page.keyboard.press("Enter")
    page.locator("gpai-questions .answer mark").first.wait_for()


@pytest.mark.parametrize(
    ("attributes", "page_language", "browser_language", "expected"),
    [
        ('data-language="bg"', "fr", "de-DE", "bg"),
        ("", "fr-BE", "de-DE", "fr"),
        ("", "ja", "de-DE", "de"),
        ("", "ja", "ja-JP", "en"),
    ],
)
def test_its_language_is_the_tag_s_then_the_page_s_then_the_browser_s(
    other_site: OtherSite, tabs: Tabs, attributes: str, page_language: str, browser_language: str, expected: str
) -> None:
    other_site.attributes, other_site.language = attributes, page_language
    page = tabs.open(locale=browser_language)
    page.goto(other_site.address)
    assert page.locator(".launcher span").text_content() == texts(expected)["widget"]["open"]
    assert page.locator("gpai-questions").get_attribute("lang") == expected


def test_a_second_tag_puts_no_second_launcher(other_site: OtherSite, tabs: Tabs) -> None:
    other_site.head = f'<script src="{other_site.service}/static/widget.js" defer></script>'
    other_site.head += f'<script src="{other_site.service}/static/widget.js" defer data-documents="act"></script>'
    page = tabs.open()
    page.goto(other_site.address)
    page.locator("gpai-questions").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.locator("gpai-questions").count() == 1


def test_the_documents_of_the_tag_are_searched_and_go_into_the_link(other_site: OtherSite, tabs: Tabs) -> None:
    other_site.attributes = 'data-documents="act, faq"'
    page = tabs.open()
    page.goto(other_site.address)
    widget = open_widget(page)
    with page.expect_request("**/v1/answers") as request:
        ask(widget, "Who counts as a provider of a model?")
    assert request.value.post_data_json["documents"] == ["act", "faq"]
    assert "documents=act%2Cfaq" in widget.get_by_role("link", name=EN["page"]["permalink"]).get_attribute("href")


def test_its_colours_are_variables_and_its_theme_the_page_s(other_site: OtherSite, tabs: Tabs) -> None:
    page = tabs.open(color_scheme="dark")
    page.goto(other_site.address)
    widget = open_widget(page)
    background = "element => getComputedStyle(element).backgroundColor"
    assert widget.locator(".panel").evaluate(background) == "rgb(255, 255, 255)"  # the page says nothing of dark
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'")
    assert widget.locator(".panel").evaluate(background) == "rgb(25, 32, 42)"
    page.evaluate("document.querySelector('gpai-questions').style.setProperty('--gpai-accent', 'rgb(1, 2, 3)')")
    assert widget.locator(".launcher").evaluate(background) == "rgb(1, 2, 3)"
    page.evaluate("document.querySelector('gpai-questions').dataset.theme = 'light'")
    assert widget.locator(".panel").evaluate(background) == "rgb(255, 255, 255)"


def test_markup_in_the_corpus_stays_text(other_site: OtherSite, tabs: Tabs, attack: str) -> None:
    page = tabs.open()
    page.goto(other_site.address)
    widget = open_widget(page)
    ask(widget, f"Attack with markup {attack}")
    assert widget.locator("h4").first.text_content() == f"Attack {attack}"
    assert attack in widget.locator("blockquote").first.text_content()
    assert widget.locator("img, script").count() == 0
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize(
    ("question", "heading"), [("What is the weather?", "out_of_scope"), ("Is it perhaps a deadline?", "unsure")]
)
def test_what_is_no_answer_says_so_and_where_to_turn(
    other_site: OtherSite, tabs: Tabs, question: str, heading: str
) -> None:
    page = tabs.open()
    page.goto(other_site.address)
    widget = open_widget(page)
    ask(widget, question)
    assert widget.locator("h3").text_content() == EN["page"][heading]
    assert widget.locator(".answer a[href='mailto:office@example.org']").count() == 1
    assert (widget.locator("blockquote").count() > 0) == (heading == "unsure")


def test_failures_are_said_and_the_next_question_is_answered(other_site: OtherSite, tabs: Tabs) -> None:
    page = tabs.open()
    page.goto(other_site.address)
    widget = open_widget(page)
    status = widget.locator("[role=status]")
    widget.locator(".ask").click()
    assert status.text_content() == EN["page"]["error_empty"]
    widget.locator("textarea").fill("a" * 2001)
    widget.locator(".ask").click()
    status.filter(has_text="2000").wait_for()
    page.route("**/v1/answers", lambda route: route.abort(), times=1)
    widget.locator("textarea").fill(WITHDRAW)
    widget.locator(".ask").click()
    status.filter(has_text=EN["page"]["error"]).wait_for()
    ask(widget, WITHDRAW)
    with page.expect_request("**/v1/feedback") as request:
        widget.get_by_role("button", name=EN["page"]["helpful_yes"]).click()
    assert request.value.post_data_json["helpful"] is True
    widget.get_by_text(EN["page"]["thanks"]).wait_for()


@pytest.mark.parametrize("language", ["en", "fr", "el"])
def test_axe_finds_nothing_on_the_demo_page(site: str, tabs: Tabs, language: str) -> None:
    """The demo page stands under the service's own policy: no breach of it is heard, either."""
    page = tabs.open(color_scheme="dark" if language == "fr" else "light")
    page.route("**/widget-demo.html", lambda route: route.fulfill(
        response=(fetched := route.fetch()), body=fetched.text().replace("<script ", f'<script data-language="{language}" ')
    ))  # fmt: skip
    page.goto(f"{site}/static/widget-demo.html")
    page.locator("gpai-questions .launcher").wait_for()
    found = {"closed": tabs.axe(page)}
    widget = open_widget(page)
    found["open"] = tabs.axe(page)
    ask(widget, "Is there a deadline for signing?")
    widget.locator("summary").first.click()
    found["answered"] = tabs.axe(page)
    ask(widget, "Is it perhaps a deadline?")
    found["unsure"] = tabs.axe(page)
    assert found == {"closed": [], "open": [], "answered": [], "unsure": []}


def test_it_fits_320_pixels(other_site: OtherSite, tabs: Tabs) -> None:
    other_site.attributes = 'data-language="el"'
    page = tabs.open(viewport={"width": 320, "height": 480})
    page.goto(other_site.address)
    widget = open_widget(page)
    ask(widget, "Attack with markup")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    body = widget.locator(".body")
    assert body.evaluate("element => element.scrollWidth <= element.clientWidth")
    box = widget.locator(".panel").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320 and box["y"] >= 0


def test_only_listed_origins_are_allowed_and_preflights_are_answered(
    site_pipeline: Pipeline, make_app: Callable[..., Any]
) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    with TestClient(make_app(site_pipeline, cors_origins=["https://www.example.eu"])) as client:
        listed = client.options("/v1/answers", headers=asked | {"Origin": "https://www.example.eu"})
        assert listed.status_code == 200
        assert listed.headers["Access-Control-Allow-Origin"] == "https://www.example.eu"
        assert "Access-Control-Allow-Credentials" not in listed.headers
        other = client.options("/v1/answers", headers=asked | {"Origin": "https://evil.example"})
        assert other.status_code == 400 and "Access-Control-Allow-Origin" not in other.headers
        refused = client.post("/v1/answers", json={}, headers={"Origin": "https://www.example.eu"})
        assert refused.status_code == 422
        assert refused.headers["Access-Control-Allow-Origin"] == "https://www.example.eu"
        large = client.post("/v1/answers", content=b"x" * 70_000, headers={"Origin": "https://www.example.eu"})
        assert large.status_code == 413
        assert large.headers["Access-Control-Allow-Origin"] == "https://www.example.eu"
    with TestClient(make_app(site_pipeline)) as client:
        silent = client.get("/v1/documents", headers={"Origin": "https://www.example.eu"})
        assert "Access-Control-Allow-Origin" not in silent.headers
