"""Answers as text for people: quotes with numbered links and a list of sources.

`reply` says once what is shown and in which order; `markdown`, `mrkdwn` and `plain` write it down. Slack and Teams
build their own blocks from the same reply. Numbers are the ranks of `POST /v1/answers`, and every passage is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.schemas import AnswerResponse, PassageOut
from service.texts import texts

_ALSO_ANSWERS = 0.5
"""A further passage is quoted beside the first when it is at least half as probable; else it is only linked."""


@dataclass(frozen=True, slots=True)
class Source:
    """One cited passage. `quote` is in the asker's language where there is one, `original` the reference text's
    quote where that is another; both to the character."""

    number: int
    quote: str
    authority: str
    original: str | None
    original_label: str
    notes: tuple[str, ...]
    title: str
    source_authority: str
    url: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said: a message where the question is not answered, the writer's sentences with the sources that each
    cites (none without a writer), passages quoted, further ones only linked."""

    message: str | None
    summary: tuple[tuple[str, tuple[Source, ...]], ...]
    summary_heading: str
    quoted: tuple[Source, ...]
    further: tuple[Source, ...]
    quoted_heading: str | None
    sources_heading: str
    further_heading: str


def reply(response: AnswerResponse) -> Reply:
    """The reply to an answer of any outcome, its headings in the asker's language."""
    told = texts(response.language.code)
    sources = tuple(_source(passage, told) for passage in response.passages)
    answered = response.outcome == "answered"
    close = sum(p.confidence >= _ALSO_ANSWERS * response.passages[0].confidence for p in response.passages)
    cut = close if answered else len(sources)
    return Reply(
        message=response.message,
        summary=tuple(
            (sentence.text, tuple(sources[mark - 1] for mark in sentence.marks))
            for sentence in (response.summary.sentences if response.summary else ())
        ),
        summary_heading=told["chat"]["summary"],
        quoted=sources[:cut],
        further=sources[cut:],
        quoted_heading=None if answered or not sources else told["chat"]["related"],
        sources_heading=told["chat"]["sources"],
        further_heading=told["chat"]["related"],
    )


def _source(passage: PassageOut, told: dict[str, dict[str, str]]) -> Source:
    cited = passage.citation
    same = passage.language == cited.language
    title = f"{cited.title}: {passage.heading}"
    return Source(
        number=passage.rank,
        quote=passage.quote,
        authority=told["authority"][passage.authority],
        original=None if same else cited.quote,
        # Only French has a label of its own; a reference text in another language is named by its authority.
        original_label=told["chat"]["original"] if cited.language == "fr" else told["authority"][cited.authority],
        notes=tuple(note.message for note in passage.notes),
        title=f"{title} · {cited.reference}" if cited.reference else title,
        source_authority=told["authority"][cited.authority],
        url=cited.url,
    )


# What has a meaning in CommonMark inside a line; an ampersand only where it would begin an entity.
_MARKDOWN_INLINE = re.compile(r"[\\`*_\[\]<>~|]|&(?=#?\w+;)")
# What has one at the beginning of a line: headings, lists, rules, code by indentation.
_MARKDOWN_START = re.compile(r"^(\s*)(#|[-+=](?=\s|[-=]|$)|\d+(?=[.)]))", re.MULTILINE)


def escape_markdown(text: str) -> str:
    """The text so that CommonMark shows it to the character (white space at the beginning of lines excepted)."""
    escaped = _MARKDOWN_INLINE.sub(lambda match: f"\\{match[0]}", text)
    return _MARKDOWN_START.sub(_escape_start, escaped)


def _escape_start(match: re.Match[str]) -> str:
    mark = match[2]
    # A number is not punctuation and cannot be escaped: the mark after it is.
    return f"{match[1]}{mark}\\" if mark.isdigit() else f"{match[1]}\\{mark}"


def escape_mrkdwn(text: str) -> str:
    """The text with the three characters escaped that Slack reads as control characters.

    Source: https://docs.slack.dev/messaging/formatting-message-text
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link_target(url: str) -> str:
    """The url without what would end a link in Markdown, mrkdwn or a card: brackets, bars and spaces encoded."""
    return re.sub(r"[()<>|\s\\\"]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), url)


def markdown(said: Reply) -> str:
    """CommonMark, for chat clients and language models."""
    parts: list[str] = []
    if said.message:
        parts.append(escape_markdown(said.message))
    if said.summary:
        told = (f"{escape_markdown(text)} {''.join(map(_markdown_number, cited))}" for text, cited in said.summary)
        parts += [f"**{escape_markdown(said.summary_heading)}**", " ".join(told)]
    if said.quoted_heading:
        parts.append(f"**{escape_markdown(said.quoted_heading)}**")
    for source in said.quoted:
        parts.append(f"{_markdown_quote(source.quote)} {_markdown_number(source)}")
        parts.append(f"*{escape_markdown(source.authority)}*")
        if source.original is not None:
            parts.append(f"*{escape_markdown(_labelled(source.original_label))}*")
            parts.append(_markdown_quote(source.original))
        parts += [f"*{escape_markdown(note)}*" for note in source.notes]
    for heading, sources in _lists(said):
        parts.append(f"**{escape_markdown(heading)}**")
        parts.append(
            "\n".join(
                f"- {_markdown_number(source)} {escape_markdown(f'{source.title} · {source.source_authority}')}"
                for source in sources
            )
        )
    return "\n\n".join(parts)


def _markdown_quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in escape_markdown(text).split("\n"))


def _markdown_number(source: Source) -> str:
    return f"[[{source.number}]]({link_target(source.url)})"


def _labelled(label: str) -> str:
    """Some languages' labels end in a colon already."""
    return label if label.endswith(":") else f"{label}:"


def _lists(said: Reply) -> list[tuple[str, tuple[Source, ...]]]:
    """The lists of sources below the quotes, with their headings; none is empty."""
    lists = [(said.sources_heading, said.quoted), (said.further_heading, said.further)]
    return [(heading, sources) for heading, sources in lists if sources]


def mrkdwn(said: Reply) -> str:
    """Slack's own markup: what notifications and screen readers get."""
    parts: list[str] = []
    if said.message:
        parts.append(escape_mrkdwn(said.message))
    if said.summary:
        told = (f"{escape_mrkdwn(text)} {''.join(map(mrkdwn_number, cited))}" for text, cited in said.summary)
        parts += [f"*{escape_mrkdwn(said.summary_heading)}*", " ".join(told)]
    if said.quoted_heading:
        parts.append(f"*{escape_mrkdwn(said.quoted_heading)}*")
    for source in said.quoted:
        lines = escape_mrkdwn(source.quote).split("\n")
        quote = "\n".join(f"> {line}" for line in lines)
        parts.append(f"{quote} {mrkdwn_number(source)}")
        if source.original is not None:
            parts.append(f"_{escape_mrkdwn(_labelled(source.original_label))}_ {escape_mrkdwn(source.original)}")
        parts += [f"_{escape_mrkdwn(note)}_" for note in source.notes]
    for heading, sources in _lists(said):
        listed = "\n".join(mrkdwn_source(source) for source in sources)
        parts.append(f"*{escape_mrkdwn(heading)}*\n{listed}")
    return "\n\n".join(parts)


def mrkdwn_number(source: Source) -> str:
    """`[1]` as a link."""
    return f"<{link_target(source.url)}|[{source.number}]>"


def mrkdwn_source(source: Source) -> str:
    """One line of a list of sources."""
    return f"{mrkdwn_number(source)} {escape_mrkdwn(f'{source.title} · {source.source_authority}')}"


def plain(said: Reply) -> str:
    """Text without any markup."""
    parts: list[str] = []
    if said.message:
        parts.append(said.message)
    if said.summary:
        told = (f"{text} {''.join(f'[{source.number}]' for source in cited)}" for text, cited in said.summary)
        parts += [said.summary_heading, " ".join(told)]
    if said.quoted_heading:
        parts.append(said.quoted_heading)
    for source in said.quoted:
        parts.append(f"“{source.quote}” [{source.number}]\n{source.authority}")
        if source.original is not None:
            parts.append(f"{_labelled(source.original_label)} “{source.original}”")
        parts += source.notes
    for heading, sources in _lists(said):
        listed = "\n".join(f"[{s.number}] {s.title} · {s.source_authority}\n{s.url}" for s in sources)
        parts.append(f"{heading}\n{listed}")
    return "\n\n".join(parts)
