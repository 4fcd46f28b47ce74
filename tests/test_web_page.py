"""The page in a real browser: asking, reading, copying, browsing, in several languages, by keyboard and by mouse."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from corpus.languages import EU_LANGUAGES
from service.texts import texts

if TYPE_CHECKING:
    from web_site import Tabs

pytest_plugins = ("web_site",)

WITHDRAW = "Can we withdraw our signature?"
ASKED = "?q=Can+we+withdraw+our+signature%3F"
EN = texts("en")
FOREIGN_QUESTION = {"en": WITHDRAW, "fr": WITHDRAW, "el": "Μπορούμε να αποσύρουμε την υπογραφή;"}


def ask(page: Any, question: str) -> None:
    """Ask by the form, and wait for an answer."""
    page.locator("#questionText").fill(question)
    with page.expect_response("**/v1/answers"):
        page.locator(".ask-button").click()
    page.locator("#answerSection:visible").wait_for()


def passage(page: Any) -> Any:
    return page.locator(".passage")


# What an answer shows


def test_an_answer_shows_both_texts_with_their_quotes_marked_and_says_who_speaks(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    with page.expect_response("**/v1/answers") as response:
        ask(page, WITHDRAW)
    found = response.value.json()["passages"][0]
    translation, original = passage(page).locator(".text").all()
    assert translation.locator("blockquote").text_content() == found["text"]
    assert translation.locator("mark").text_content() == found["quote"]
    assert original.locator("blockquote").text_content() == found["citation"]["text"]
    assert original.locator("mark").text_content() == found["citation"]["quote"]
    assert translation.locator(".badge").text_content() == EN["authority"]["translation"]
    assert original.locator(".badge").text_content() == EN["page"]["french_original"]
    assert [text.locator("blockquote").get_attribute("lang") for text in (translation, original)] == ["en", "fr"]
    assert page.locator(".outcome h2").text_content() == EN["page"]["answered"]
    assert page.locator(".outcome .confidence").inner_text() == f"{EN['confidence']['high']} (97%)"
    assert page.locator(".source-link").first.get_attribute("href") == found["citation"]["url"]


def test_a_quote_after_characters_of_two_units_is_marked_to_the_character(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    ask(page, "Which symbol marks the signature?")
    assert passage(page).locator("mark").all_text_contents() == [
        "The symbol 𝔖 marks the signature.",
        "Le symbole 𝔖 marque la signature.",
    ]


def test_dates_are_commented_and_other_passages_can_be_unfolded(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    ask(page, "Is there a deadline for signing?")
    assert "1 August 2025" in passage(page).locator(".note").inner_text()
    related = page.locator(".related-passage")
    assert related.count() >= 2
    assert not related.first.locator("blockquote").first.is_visible()
    related.first.locator("summary").click()
    assert related.first.locator("mark").first.is_visible()


def test_a_summary_is_called_one_and_its_source_is_not_called_the_passage(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/?q=Who+counts+as+a+provider+of+a+model%3F&documents=act")
    passage(page).wait_for()
    assert set(passage(page).locator(".badge").all_text_contents()) == {EN["authority"]["summary"]}
    assert passage(page).locator("blockquote").first.locator("p").count() == 2
    assert passage(page).locator(".source-link").inner_text() == "example.org"


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("What is the weather?", "out_of_scope"),
        ("May the form be sent by post?", "not_answered"),
        ("Is it perhaps a deadline?", "unsure"),
    ],
)
def test_what_is_no_answer_says_so_and_where_to_turn(site: str, tabs: Tabs, question: str, heading: str) -> None:
    page = tabs.open(site)
    ask(page, question)
    assert page.locator(".outcome h2").text_content() == EN["page"][heading]
    assert page.locator(".outcome-help a").get_attribute("href") == "mailto:office@example.org"
    assert passage(page).count() == 0
    related = page.locator(".related-passage[open]")
    assert related.count() == (1 if heading == "unsure" else 0)


def with_summary(page: Any, *sentences: tuple[str, list[int]]) -> None:
    """From now on, answers have this summary."""

    def answer(route: Any) -> None:
        fetched = route.fetch()
        said = [{"text": text, "marks": marks} for text, marks in sentences]
        summary = {"text": "", "sentences": said, "model": "tiny"}
        route.fulfill(response=fetched, json=fetched.json() | {"summary": summary})

    page.route("**/v1/answers", answer)


def test_without_a_writer_there_is_no_summary_and_no_number(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/{ASKED}")
    passage(page).wait_for()
    assert page.locator(".summary, .rank").count() == 0


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_summary_is_called_machine_written_and_its_marks_lead_to_the_passages(
    site: str, tabs: Tabs, attack: str, colours: str
) -> None:
    page = tabs.open(site, color_scheme=colours)
    with_summary(page, ("It can be withdrawn.", [1]), (f"Markup {attack} stays text.", [1, 2]))
    ask(page, WITHDRAW)
    assert page.locator(".summary h3").text_content() == EN["chat"]["summary"]
    told = page.locator(".summary p")
    assert told.text_content() == f"It can be withdrawn. [1] Markup {attack} stays text. [1][2]"
    assert told.get_attribute("lang") == "en"
    assert page.evaluate("window.hacked") is None
    assert passage(page).locator(".rank").text_content() == "[1] "
    assert tabs.axe(page) == []
    address = page.url
    page.locator(".summary-mark").last.click()
    second = page.locator("#passage-2")
    assert second.get_attribute("open") is not None
    assert second.locator("summary").evaluate("element => element === document.activeElement")
    assert page.url == address
    page.locator(".summary-mark").first.click()
    assert page.locator("#passage-1 a").first.evaluate("element => element === document.activeElement")


def test_texts_of_an_answer_have_their_own_language_and_direction(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    ask(page, FOREIGN_QUESTION["el"])
    assert page.locator("html").get_attribute("lang") == "en"
    assert passage(page).locator("blockquote").first.get_attribute("lang") == "el"
    assert passage(page).locator("h3").get_attribute("lang") == "el"
    assert "ελληνικά" in page.locator(".outcome-facts").inner_text()
    # There are no texts in Arabic: the passage is French, the message English, and both say so.
    ask(page, "perhaps هل هناك موعد نهائي؟")
    assert page.locator(".outcome-help").get_attribute("lang") == "en"
    assert page.locator(".related-passage blockquote").first.get_attribute("lang") == "fr"
    assert page.locator('#answerLanguage option[value="ar"]').get_attribute("dir") == "rtl"


# Asking


def test_the_keyboard_alone_is_enough(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)

    def tab_to(selector: str, most: int = 40) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            focused = page.locator(":focus")
            # The focus can be seen wherever it goes.
            assert focused.evaluate("element => getComputedStyle(element).outlineStyle") != "none"
            if focused.evaluate("(element, selector) => element.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}.")

    tab_to(".skip", 1)
    assert page.locator(".skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.locator("#mainContent").evaluate("element => element === document.activeElement")
    tab_to("#questionText", 1)
    page.keyboard.type(WITHDRAW)
    page.keyboard.press("Enter")
    passage(page).wait_for()
    tab_to(".passage .action")
    tab_to(".feedback .action")
    page.keyboard.press("Enter")
    page.locator(".feedback-thanks").wait_for()
    assert page.locator(".feedback-thanks").evaluate("element => element === document.activeElement")
    tab_to(".related-passage summary")
    page.keyboard.press("Enter")
    assert page.locator(".related-passage[open]").count() == 1


def test_shift_and_enter_breaks_the_line(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    page.locator("#questionText").focus()
    page.keyboard.type("Can we")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("withdraw?")
    assert page.locator("#questionText").input_value() == "Can we\nwithdraw?"
    assert not page.locator("#answerSection").is_visible()


def test_a_screen_reader_hears_that_it_searches_and_what_was_found(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    ask(page, WITHDRAW)
    status = page.locator("#liveStatus")
    status.locator("span").nth(1).wait_for(state="attached")
    assert status.locator("span").nth(0).text_content() == f"{EN['page']['answered']}. "
    assert "withdrawn at any time" in status.locator("span").nth(1).text_content()
    assert status.locator("span").nth(1).get_attribute("lang") == "en"
    assert status.get_attribute("aria-live") == "polite"


def test_a_permanent_link_asks_with_the_language_and_the_documents(site: str, tabs: Tabs) -> None:
    page = tabs.open()
    with page.expect_request("**/v1/answers") as request:
        tabs.visit(page, f"{site}/{ASKED}&language=fr&documents=faq")
    sent = request.value.post_data_json
    assert (sent["question"], sent["language"], sent["documents"]) == (WITHDRAW, "fr", ["faq"])
    passage(page).wait_for()
    assert page.locator("#questionText").input_value() == WITHDRAW
    assert page.locator("#answerLanguage").input_value() == "fr"
    assert page.locator("#documentsChosen").text_content() == "1 / 2"
    assert passage(page).locator(".text").count() == 1  # French is the reference itself
    assert passage(page).locator(".badge").text_content() == EN["authority"]["official"]
    link = page.locator(".outcome a.action").get_attribute("href")
    assert parse_qs(urlsplit(link).query) == {"q": [WITHDRAW], "language": ["fr"], "documents": ["faq"]}


def test_the_choices_go_into_the_request_and_the_history_comes_back(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    page.locator("#answerLanguage").select_option("el")
    page.locator("#documentsChoice summary").click()
    page.get_by_label("Questions about signing").check()
    with page.expect_request("**/v1/answers") as request:
        ask(page, WITHDRAW)
    assert request.value.post_data_json["language"] == "el"
    assert request.value.post_data_json["documents"] == ["faq"]
    assert passage(page).locator("blockquote").first.get_attribute("lang") == "el"
    ask(page, "Is there a deadline for signing?")
    with page.expect_response("**/v1/answers"):
        page.go_back()
    page.locator("h3:has-text('αποσυρθεί')").wait_for()
    assert page.locator("#questionText").input_value() == WITHDRAW
    page.go_back()
    assert not page.locator("#answerSection").is_visible()
    assert page.locator("#beginningSection").is_visible()


def test_the_same_question_can_be_asked_again(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/{ASKED}")
    passage(page).wait_for()
    before = page.evaluate("history.length")
    ask(page, WITHDRAW)
    assert page.evaluate("history.length") == before


def test_an_answer_that_comes_late_does_not_replace_the_next(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    held: list[Any] = []
    page.route("**/v1/answers", lambda route: held.append(route) if not held else route.continue_())
    page.locator("#questionText").fill(WITHDRAW)
    page.locator(".ask-button").click()
    page.locator("#searching:visible").wait_for()
    ask(page, "Is there a deadline for signing?")
    with suppress(Exception):  # the page may have cancelled it already
        held[0].continue_()
    page.wait_for_timeout(100)
    assert page.locator(".passage h3").text_content() == "What is the deadline?"
    assert not page.locator("#searching").is_visible()


# When it fails


def test_an_empty_question_is_refused_at_the_field(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    page.locator(".ask-button").click()
    assert page.locator("#askError").text_content() == EN["page"]["error_empty"]
    assert page.locator("#questionText").get_attribute("aria-invalid") == "true"
    assert page.locator(":focus").get_attribute("id") == "questionText"
    page.keyboard.type("x")
    assert not page.locator("#askError").is_visible()


def test_a_long_question_is_told_the_service_s_own_limit(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    page.locator("#questionText").fill("a" * 2001)
    page.locator(".ask-button").click()
    page.locator("#askError:visible").wait_for()
    assert page.locator("#askError").text_content() == EN["page"]["error_long"].format(max=2000)


def test_a_busy_service_says_how_long_to_wait(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    problem = {"type": "about:blank", "title": "", "status": 503, "detail": "Busy.", "errors": []}
    page.route("**/v1/answers", lambda route: route.fulfill(
        status=503, headers={"Retry-After": "7"}, content_type="application/problem+json", body=json.dumps(problem)
    ))  # fmt: skip
    page.locator("#questionText").fill(WITHDRAW)
    page.locator(".ask-button").click()
    page.locator("#askError:visible").wait_for()
    assert page.locator("#askError").text_content() == EN["page"]["error_busy"].format(seconds=7)


def test_without_the_service_the_page_says_so(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    page.route("**/v1/answers", lambda route: route.abort())
    page.locator("#questionText").fill(WITHDRAW)
    page.locator(".ask-button").click()
    page.locator("#askError:visible").wait_for()
    assert page.locator("#askError").text_content() == EN["page"]["error"]
    assert not page.locator("#searching").is_visible()


def test_what_a_link_asks_wrongly_is_explained(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/{ASKED}&documents=nowhere")
    page.locator("#askError:visible").wait_for()
    assert "'nowhere' is unknown" in page.locator("#askError span[lang=en]").text_content()


def test_without_storage_and_without_lists_the_page_still_answers(site: str, tabs: Tabs) -> None:
    page = tabs.open()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden') } })")
    page.route("**/v1/documents", lambda route: route.abort())
    page.route("**/v1/languages", lambda route: route.abort())
    tabs.visit(page, site)
    ask(page, WITHDRAW)
    assert passage(page).is_visible()
    page.locator("#themeChoice").select_option("dark")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_without_scripts_the_page_says_what_it_needs(site: str, tabs: Tabs) -> None:
    page = tabs.open(java_script_enabled=False)
    page.goto(site)
    assert page.locator(".noscript").is_visible()


# Markup in texts


def test_markup_in_a_question_and_in_the_corpus_stays_text(site: str, tabs: Tabs, attack: str) -> None:
    page = tabs.open(site)
    ask(page, f"Attack with markup {attack}")
    assert passage(page).locator("h3").text_content() == f"Attack {attack}"
    assert attack in passage(page).locator("blockquote").first.text_content()
    ask(page, f"perhaps attack with markup {attack}")  # headings and message go elsewhere here
    passage(page).wait_for(state="detached")
    for address in ("?view=browse", "?view=browse&doc=faq&lang=en#attack"):
        tabs.visit(page, f"{site}/{address}")
        page.locator("#browseView h1").wait_for()
        assert page.locator("img, main script").count() == 0
    assert attack in page.locator("#attack").inner_text()
    page.locator("#textSearch").fill("<img")
    assert page.locator("#attack mark").first.text_content() == "<img"
    assert page.evaluate("window.hacked") is None


def test_an_address_that_is_no_web_address_becomes_no_link(site: str, tabs: Tabs, attack: str) -> None:
    page = tabs.open(site)

    def poison(route: Any) -> None:
        answer = route.fetch().json()
        for one in answer["passages"]:
            one["citation"]["url"] = "javascript:window.hacked=1"
        answer["message"] = attack
        answer["passages"][0]["notes"] = [{"message": attack, "status": 'past" onclick="window.hacked=1'}]
        route.fulfill(json=answer)

    page.route("**/v1/answers", poison)
    ask(page, WITHDRAW)
    assert page.locator(".source-link").count() == 0
    assert page.locator("[href^=javascript], img, [onclick]").count() == 0
    assert page.locator(".note").first.text_content() == attack
    assert page.evaluate("window.hacked") is None


# Copying


def clipboard_page(tabs: Tabs, url: str, **options: Any) -> Any:
    return tabs.open(url, permissions=["clipboard-read", "clipboard-write"], **options)


def copied(page: Any, name: str) -> str:
    page.get_by_role("button", name=name, exact=True).first.click()
    page.locator(".copied:not(:empty)").first.wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    return str(text).replace("\r\n", "\n")


def test_a_citation_is_copied_as_plain_text_and_as_markdown(site: str, tabs: Tabs) -> None:
    page = clipboard_page(tabs, f"{site}/{ASKED}")
    url = passage(page).locator(".source-link").get_attribute("href")
    assert copied(page, EN["page"]["copy_plain"]) == (
        "“Yes, the signature can be withdrawn at any time.”\n"
        "(Unofficial translation)\n"
        "\n"
        "Reference text in French:\n"
        "“Oui, la signature peut être retirée à tout moment.”\n"
        "\n"
        f"Source: Questions sur la signature, Peut-on retirer sa signature ?, {url}"
    )
    assert copied(page, EN["page"]["copy_markdown"]) == (
        "> Yes, the signature can be withdrawn at any time.\n"
        "\n"
        "*Unofficial translation*\n"
        "\n"
        "Reference text in French:\n"
        "\n"
        "> Oui, la signature peut être retirée à tout moment.\n"
        "\n"
        f"[Questions sur la signature, Peut-on retirer sa signature ?](<{url}>)"
    )
    assert passage(page).locator(".copied").text_content() == EN["page"]["copied"]


def test_a_reply_by_mail_is_in_the_asker_s_language(site: str, tabs: Tabs) -> None:
    page = clipboard_page(tabs, site)  # the interface is English, the question Greek
    ask(page, FOREIGN_QUESTION["el"])
    url = passage(page).locator(".source-link").get_attribute("href")
    mail = texts("el")["mail"]
    assert copied(page, EN["page"]["copy_mail"]).split("\n\n") == [
        mail["subject"],
        mail["greeting"],
        mail["intro"].format(question=FOREIGN_QUESTION["el"]),
        mail["answer"],
        f"«Ναι, η υπογραφή μπορεί να αποσυρθεί ανά πάσα στιγμή.»\n({texts('el')['authority']['translation']})",
        f"{mail['original']}\n«Oui, la signature peut être retirée à tout moment.»",
        mail["source"].format(title="Questions sur la signature, Peut-on retirer sa signature ?", url=url),
        texts("el")["page"]["about"],
        mail["closing"],
    ]


@pytest.mark.parametrize("question", ["Is it perhaps a deadline?", "May the form be sent by post?"])
def test_a_reply_without_an_answer_claims_none(site: str, tabs: Tabs, question: str) -> None:
    page = clipboard_page(tabs, site)
    ask(page, question)
    letter = copied(page, EN["page"]["copy_mail"])
    assert EN["mail"]["answer"] not in letter
    assert page.locator(".outcome-help").inner_text() in letter
    assert letter.endswith(EN["mail"]["closing"])


def test_the_permanent_link_is_copied_by_a_click(site: str, tabs: Tabs) -> None:
    page = clipboard_page(tabs, f"{site}/{ASKED}")
    page.get_by_role("link", name=EN["page"]["permalink"]).click()
    page.locator(".outcome .copied:not(:empty)").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{site}/{ASKED}"


def test_markdown_in_a_text_is_escaped(site: str, tabs: Tabs) -> None:
    page = clipboard_page(tabs, site)
    ask(page, "Attack with markup")
    assert "\\<script\\>" in copied(page, EN["page"]["copy_markdown"])


def test_copying_without_a_clipboard_falls_back_and_owns_up(site: str, tabs: Tabs) -> None:
    page = tabs.open()
    page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('insecure'))")
    tabs.visit(page, f"{site}/{ASKED}")
    button = passage(page).get_by_role("button", name=EN["page"]["copy_plain"])
    button.click()
    seen = passage(page).locator(".copied")
    seen.filter(has_text=EN["page"]["copied"]).wait_for()
    assert page.locator("textarea").count() == 1  # the helper is gone
    page.evaluate("document.execCommand = () => false")
    button.click()
    seen.filter(has_text=EN["page"]["copy_failed"]).wait_for()
    assert button.evaluate("element => element === document.activeElement")


def test_feedback_is_sent_with_the_answer_s_id(site: str, tabs: Tabs) -> None:
    page = tabs.open(site)
    with page.expect_response("**/v1/answers") as response:
        ask(page, WITHDRAW)
    with page.expect_request("**/v1/feedback") as request:
        page.locator(".feedback").get_by_role("button", name=EN["page"]["helpful_no"]).click()
    assert request.value.post_data_json == {"id": response.value.json()["id"], "helpful": False}
    page.get_by_text(EN["page"]["thanks"]).wait_for()
    page.locator("#interfaceLanguage").select_option("fr")  # drawn anew, and still rated
    page.get_by_text(texts("fr")["page"]["thanks"]).wait_for()


# Languages and colours of the interface


def test_the_browser_s_language_is_the_default_and_another_is_kept(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/{ASKED}", locale="de-AT")
    passage(page).wait_for()
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.locator("h1").first.text_content() == texts("de")["page"]["title"]
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.locator("#interfaceLanguage").select_option("bg")
    page.locator("html[lang=bg]").wait_for()
    assert page.locator(".ask-button").text_content() == texts("bg")["page"]["ask"]
    assert page.locator(".outcome h2").text_content() == texts("bg")["page"]["answered"]
    assert page.locator("#questionText").get_attribute("placeholder") == texts("bg")["page"]["placeholder"]
    assert passage(page).locator("blockquote").first.get_attribute("lang") == "en"  # the answer stays
    assert [url for url in requests if "/v1/answers" in url] == []
    page.reload()
    page.locator("html[lang=bg]").wait_for()


def test_a_language_without_texts_gets_english(site: str, tabs: Tabs) -> None:
    page = tabs.open(site, locale="ja-JP")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("#interfaceLanguage option").count() == 24


def test_colours_follow_the_system_until_chosen_and_the_choice_is_kept(site: str, tabs: Tabs) -> None:
    page = tabs.open(site, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.locator("#themeChoice").select_option("light")
    light = page.evaluate(background)
    assert light != dark
    page.reload()
    page.locator("html[data-ready]").wait_for()
    assert page.evaluate(background) == light
    assert page.locator("#themeChoice").input_value() == "light"
    page.locator("#themeChoice").select_option("auto")
    assert page.evaluate(background) == dark


# Browsing


def test_the_corpus_is_browsed_from_the_list_to_an_entry(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/{ASKED}")
    passage(page).wait_for()
    page.locator("#browseLink").click()
    page.get_by_role("heading", level=1, name=EN["page"]["browse"]).wait_for()
    assert page.locator(".catalogue-item h2").all_text_contents() == ["Questions about signing", "Summary of the act"]
    # What the link leads to: in English the official text is there as a translation.
    assert page.locator(".catalogue-item .badge").all_text_contents()[-2:] == [
        EN["authority"]["translation"],
        EN["authority"]["summary"],
    ]
    page.get_by_role("link", name="Questions about signing").click()
    page.get_by_role("heading", level=1, name="Questions about signing").wait_for()
    assert page.locator(":focus").evaluate("element => element.tagName") == "H1"
    assert page.title().startswith("Questions about signing")
    assert page.locator(".text-header .badge").text_content() == EN["authority"]["translation"]
    levels = page.locator("main h1:visible, main h2:visible, main h3:visible").evaluate_all(
        "all => all.map(h => h.tagName)"
    )
    assert levels == ["H1", "H2", "H2", "H3", "H3", "H3", "H3"]
    page.get_by_role("navigation", name=EN["page"]["contents"]).get_by_role(
        "link", name="What is the deadline?"
    ).click()
    page.locator("#deadline.entry-here").wait_for()
    assert page.locator(":focus").get_attribute("id") == "deadline"
    page.get_by_role("link", name="français").click()
    page.get_by_role("heading", level=1, name="Questions sur la signature").wait_for()
    assert page.locator(".text-entries").get_attribute("lang") == "fr"
    page.get_by_role("link", name=EN["page"]["back"]).click()
    assert passage(page).is_visible()
    assert page.locator(":focus").get_attribute("id") == "answerHeading"
    assert urlsplit(page.url).query == ASKED[1:]


def test_a_link_leads_straight_to_an_entry(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/?view=browse&doc=faq&lang=el#symbol")
    page.locator("#symbol.entry-here").wait_for()
    assert page.locator("#symbol").bounding_box()["y"] < 900


def test_a_passage_leads_to_its_place_in_the_text_and_back(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/{ASKED}")
    passage(page).locator("h3 a").click()
    page.locator("#withdraw.entry-here").wait_for()
    page.go_back()
    assert passage(page).is_visible()


def test_search_in_a_text_finds_words_without_their_accents_and_marks_them(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/?view=browse&doc=faq&lang=el")
    search = page.get_by_label(EN["page"]["search"])
    search.fill("ΠΡΟΘΕΣΜΙΑ υπαρχει")
    assert page.locator(".search-status").text_content() == EN["page"]["search_results"].format(count=1)
    assert page.locator(".entry:visible").count() == 1
    assert page.locator("#deadline mark").all_text_contents() == ["υπάρχει", "προθεσμία"]
    assert page.locator(".contents-list a:visible").all_text_contents() == ["Ποια είναι η προθεσμία;"]
    search.fill("zzz")
    assert page.locator(".search-status").text_content() == EN["page"]["nothing_found"]
    assert page.locator(".entry:visible, .entries-heading:visible").count() == 0
    search.fill("")
    assert page.locator(".entry:visible").count() == 4
    assert page.locator(".entry mark").count() == 0


def test_an_unknown_document_leads_to_the_list_and_a_failure_is_said(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/?view=browse&doc=nowhere")
    assert page.locator(".catalogue-item h2").count() == 2
    page.route("**/v1/documents/faq*", lambda route: route.abort())
    tabs.visit(page, f"{site}/?view=browse&doc=faq")
    assert page.locator(".failure").text_content() == EN["page"]["error"]


# For everybody


@pytest.mark.parametrize(("language", "colours"), [("en", "light"), ("fr", "light"), ("el", "light"), ("en", "dark")])
def test_axe_finds_nothing_on_any_view(site: str, tabs: Tabs, language: str, colours: str) -> None:
    page = tabs.open(site, locale=language, color_scheme=colours)
    found: dict[str, list[str]] = {}

    def check(view: str) -> None:
        if violations := tabs.axe(page):
            found[view] = violations

    page.locator("#documentsChoice summary").click()
    check("start, with documents")
    page.locator(".ask-button").click()
    check("empty question")
    ask(page, "Is there a deadline for signing?" if language != "el" else "Υπάρχει προθεσμία;")
    page.locator(".related-passage summary").first.click()
    check("answered")
    for question in ("Is it perhaps a deadline?", "What is the weather?"):
        ask(page, question)
        check(question)
    tabs.visit(page, f"{site}/?view=browse")
    check("list")
    tabs.visit(page, f"{site}/?view=browse&doc=faq&lang={language}#deadline")
    page.locator("#textSearch").fill("a" if language != "el" else "α")
    check("document, with search")
    assert found == {}


@pytest.mark.parametrize("language", ["en", "de", "fi", "el", "bg"])
def test_nothing_scrolls_sideways_at_320_pixels(site: str, tabs: Tabs, language: str) -> None:
    """1280 pixels at 400 %."""
    page = tabs.open(site, locale=language, viewport={"width": 320, "height": 256})
    page.locator("#documentsChoice summary").click()

    def wide() -> list[str]:
        return list(page.evaluate(
            "() => [...document.querySelectorAll('body :not(.visually-hidden, .visually-hidden *)')].filter(element => element.getBoundingClientRect().right > 321"
            " && element.getClientRects().length).map(element => element.outerHTML.slice(0, 120))"
        ))  # fmt: skip

    assert wide() == []
    for address in (ASKED, "?q=perhaps+a+deadline", "?view=browse", "?view=browse&doc=faq#attack"):
        tabs.visit(page, f"{site}/{address}")
        page.locator(".answer:visible, #browseView h1:visible").first.wait_for()
        page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert (address, wide()) == (address, [])
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_the_header_is_one_line_at_768_pixels(site: str, tabs: Tabs, language: str) -> None:
    page = tabs.open(site, locale=language, viewport={"width": 768, "height": 900})
    brand, tools = (page.locator(part).bounding_box() for part in (".brand", ".site-header-tools"))
    assert brand["x"] + brand["width"] <= tools["x"] or tools["x"] + tools["width"] <= brand["x"]
    assert abs(brand["y"] + brand["height"] / 2 - tools["y"] - tools["height"] / 2) < 2
    assert page.locator(".site-header").bounding_box()["height"] < 80
    assert page.evaluate("document.documentElement.scrollWidth") <= 768


def test_motion_is_kept_from_those_who_do_not_want_it(site: str, tabs: Tabs) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert tabs.open(site, reduced_motion="reduce").evaluate(behaviour) == "auto"
    assert tabs.open(site, reduced_motion="no-preference").evaluate(behaviour) == "smooth"


def test_paper_gets_the_texts_and_none_of_the_controls(site: str, tabs: Tabs) -> None:
    page = tabs.open(f"{site}/{ASKED}")
    passage(page).wait_for()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".related-passage:not([open])").count() == 0
    for controls in (".site-header", ".ask-button", ".actions", ".feedback", ".theme-choice"):
        assert not page.locator(controls).first.is_visible()
    assert passage(page).locator("mark").first.is_visible()
    shown = passage(page).locator(".source-link").evaluate("element => getComputedStyle(element, '::after').content")
    assert "https://example.org/fr/faq" in shown
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".related-passage[open]").count() == 0
