"""Answers as text: every character of a quote comes through each markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from starlette.testclient import TestClient

from service.channels.rendering import (
    escape_markdown,
    escape_mrkdwn,
    link_target,
    markdown,
    mrkdwn,
    plain,
    reply,
)
from service.schemas import AnswerResponse


@pytest.fixture
def answered(client: TestClient) -> AnswerResponse:
    response = client.post("/v1/answers", json={"question": "can we withdraw our signature"})
    return AnswerResponse.model_validate(response.json())


def shown(text: str) -> str:
    """What a reader sees of a line of Markdown."""
    words: list[str] = []
    for token in MarkdownIt("commonmark").parse(text):
        for child in token.children or ():
            words.append("\n" if child.type == "softbreak" else child.content)
    return "".join(words)


WORDS = st.text(st.sampled_from([*r"\`*_[]<>~|&#;!-+=.:()/1a ", "é"]), min_size=1, max_size=30)


@given(WORDS)
def test_escaped_markdown_shows_what_stood_there(text: str) -> None:
    text = " ".join(text.split())
    assert shown(escape_markdown(text)) == text


@pytest.mark.parametrize(
    "text",
    ["1. first", "12) twelfth", "- item", "+ item", "# title", "> quote", "===", "---", "&amp; Co", "a_b_c *d*", "<b>"],
)
def test_what_begins_a_block_is_a_line_of_text(text: str) -> None:
    assert shown(escape_markdown(text)) == text


def test_quotes_of_several_lines_stay_in_the_quote(answered: AnswerResponse) -> None:
    first = answered.passages[0].model_copy(update={"quote": "One:\n- two\n3. three"})
    said = markdown(reply(answered.model_copy(update={"passages": [first]})))
    quote = MarkdownIt("commonmark").parse(said)
    assert [token.type for token in quote[:3]] == ["blockquote_open", "paragraph_open", "inline"]
    assert shown(said.split("\n\n")[0]).startswith("One:\n- two\n3. three ")


def test_mrkdwn_escapes_the_three_characters() -> None:
    assert escape_mrkdwn("a < b & c > d") == "a &lt; b &amp; c &gt; d"


def test_addresses_cannot_end_their_link() -> None:
    assert link_target("https://e.org/a(b)|c d>#:~:text=x,y") == "https://e.org/a%28b%29%7Cc%20d%3E#:~:text=x,y"


def test_an_answer_has_quote_number_original_and_sources(answered: AnswerResponse) -> None:
    first = answered.passages[0]
    said = markdown(reply(answered))
    assert said.startswith(f"> {first.quote} [[1]]({link_target(first.citation.url)})")
    assert "*Unofficial translation*" in said
    assert f"*French original:*\n\n> {first.citation.quote}" in said
    assert "**Sources**" in said


@pytest.mark.parametrize("write", [markdown, mrkdwn, plain])
def test_every_passage_is_numbered_and_linked(answered: AnswerResponse, write: object) -> None:
    assert callable(write)
    said = write(reply(answered))
    for passage in answered.passages:
        assert f"[{passage.rank}]" in said
        assert link_target(passage.citation.url) in said
        for note in passage.notes:
            assert (note.message in said) == (passage.confidence >= 0.5 * answered.passages[0].confidence)


def test_passages_far_less_probable_are_only_linked(answered: AnswerResponse) -> None:
    passages = [
        p.model_copy(update={"confidence": c}) for p, c in zip(answered.passages, (0.9, 0.46, 0.44), strict=True)
    ]
    said = reply(answered.model_copy(update={"passages": passages}))
    assert ([s.number for s in said.quoted], [s.number for s in said.further]) == ([1, 2], [3])


def test_what_is_not_answered_is_said_and_related_passages_stand_below(answered: AnswerResponse) -> None:
    unsure = answered.model_copy(update={"outcome": "low_confidence", "message": "We are not sure."})
    said = markdown(reply(unsure))
    assert said.startswith("We are not sure.\n\n**Perhaps related**\n\n> ")
    nothing = answered.model_copy(update={"outcome": "no_match", "message": "Nothing here.", "passages": []})
    assert markdown(reply(nothing)) == plain(reply(nothing)) == "Nothing here."


def test_an_official_text_in_the_askers_language_has_no_original_beside_it(client: TestClient) -> None:
    response = client.post("/v1/answers", json={"question": "peut-on retirer sa signature", "language": "fr"})
    said = markdown(reply(AnswerResponse.model_validate(response.json())))
    assert "*Texte officiel*" in said
    assert "Original" not in said
    assert re.search(r"^\*\*Sources\*\*$", said, re.MULTILINE)
