"""Markdown: a file in our own format is taken over as it is, in any other each heading becomes an entry."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from corpus.documents import AUTHORITIES, REQUIRED_KEYS, Authority, parse_document
from corpus.errors import CorpusError, ImportRefused
from corpus.languages import LANGUAGES
from corpus.sources.parts import UNKNOWN_LICENCE, ImportedDocument, ImportedEntry, SourceFile
from corpus.sources.slugs import UniqueSlugs, name_parts

_FRONT_MATTER = re.compile(r"---\n(.*?)\n---(?:\n|$)", re.DOTALL)
_ATTRIBUTES = re.compile(r"\s*\{#([a-z0-9]+(?:-[a-z0-9]+)*)[^{}]*\}\s*$")


def import_markdown(source: SourceFile, doc_id: str | None = None, language: str | None = None) -> ImportedDocument:
    """The file as a document. Raises ImportRefused naming every problem of a file in our format."""
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused(f"{source.name} is not UTF-8 ({error.reason}). Save it as UTF-8.") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front = _front_matter(text)
    own_id, own_language = _identity(source)
    if front.keys() >= set(REQUIRED_KEYS):
        return _taken_over(text, source, doc_id or own_id, language or own_language)
    return _general(text, front, source, doc_id or own_id, language or front.get("language", "") or own_language)


def _identity(source: SourceFile) -> tuple[str, str]:
    """(document id, language): from `<doc-id>/<language>.md`, else from the file's name."""
    path = source.path or Path(source.url)
    if path.stem in LANGUAGES:
        return path.parent.name, path.stem
    return name_parts(source.url or source.name)


def _front_matter(text: str) -> dict[str, str]:
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}
    try:
        loaded = yaml.load(match[1], Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes only strings
    except yaml.YAMLError:
        return {}
    if not isinstance(loaded, dict):
        return {}
    return {str(key): value for key, value in loaded.items() if isinstance(value, str) and value.strip()}


def _taken_over(text: str, source: SourceFile, doc_id: str, language: str) -> ImportedDocument:
    if not language:
        raise ImportRefused(f"{source.name} does not tell its language. Name it fr.md, or pass --language fr.")
    try:
        document = parse_document(text, doc_id=doc_id, language=language, path=source.path or Path(source.name))
    except CorpusError as error:
        raise ImportRefused(f"{source.name} is in our format but has problems:\n{error}") from error
    entries = tuple(
        ImportedEntry(min(len(e.path), 6), e.heading, e.entry_id, document.body(e), e.reference, e.url)
        for e in document.entries
    )
    return ImportedDocument(
        doc_id=document.doc_id,
        language=document.language,
        title=document.title,
        url=document.url,
        publisher=document.publisher,
        authority=document.authority,
        licence=document.licence,
        published=document.published,
        entries=entries,
        state=document.state,
        note=document.note,
        verbatim=text,
    )


def _general(text: str, front: dict[str, str], source: SourceFile, doc_id: str, language: str) -> ImportedDocument:
    body = text[match.end() :] if (match := _FRONT_MATTER.match(text)) and front else text
    lines = body.split("\n")
    headings = _headings(body)
    first_title = next((title for _, _, level, title, _ in headings if level == 1), "")
    title = front.get("title", "") or first_title or doc_id
    slugs = UniqueSlugs()
    entries: list[ImportedEntry] = []
    before = "\n".join(lines[: headings[0][0]] if headings else lines).strip()
    if before:
        entries.append(ImportedEntry(1, title, slugs.of(title), before))
    for position, (_, start, level, heading, own_id) in enumerate(headings):
        stop = headings[position + 1][0] if position + 1 < len(headings) else len(lines)
        below = "\n".join(lines[start:stop]).strip()
        entry_id = (slugs.of(own_id) if own_id else slugs.of(heading)) if below else None
        entries.append(ImportedEntry(level, heading or title, entry_id, below))
    if not any(entry.text for entry in entries):
        raise ImportRefused(f"{source.name} holds no text. Add text below its headings.")
    authority = front.get("authority", "summary")
    if authority not in AUTHORITIES:
        known = ", ".join(AUTHORITIES)
        raise ImportRefused(f"{source.name}: the authority {authority!r} is unknown. Write one of {known}.")
    return ImportedDocument(
        doc_id=doc_id,
        language=language,
        title=title,
        url=front.get("url", "") or source.url,
        publisher=front.get("publisher", "") or front.get("author", ""),
        authority=_authority(authority),
        licence=front.get("licence", "") or front.get("license", "") or UNKNOWN_LICENCE,
        published=front.get("published", "") or front.get("date", "")[:10],
        entries=tuple(entries),
        state=front.get("state", ""),
        note=front.get("note", ""),
        stable_ids=False,
    )


def _authority(value: str) -> Authority:
    return next(authority for authority in AUTHORITIES if authority == value)


def _headings(body: str) -> list[tuple[int, int, int, str, str]]:
    """(first line, line after, level, title, own id) of each heading outside of code, lists and quotations."""
    tokens = MarkdownIt("commonmark").parse(body)
    found = []
    for position, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            inline = tokens[position + 1]
            own = _ATTRIBUTES.search(inline.content)
            title = _ATTRIBUTES.sub("", _plain(inline)).strip()
            found.append((token.map[0], token.map[1], int(token.tag[1:]), title, own[1] if own else ""))
    return found


def _plain(inline: Token) -> str:
    return "".join(" " if child.type == "softbreak" else child.content for child in inline.children or [])
