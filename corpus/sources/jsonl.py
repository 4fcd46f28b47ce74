"""JSON Lines, `{"id", "lang", "title", "text"}` a line: one entry each, grouped by language into documents."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass

from corpus.errors import ImportRefused
from corpus.languages import LANGUAGES
from corpus.sources.parts import UNKNOWN_LICENCE, ImportedDocument, ImportedEntry, SourceFile
from corpus.sources.slugs import name_parts, slug
from corpus.sources.text import collapse

MAX_ID_CHARS = 120


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    entry_id: str
    language: str
    title: str
    text: str
    url: str


def import_jsonl(source: SourceFile, doc_id: str | None = None, language: str | None = None) -> list[ImportedDocument]:
    """One document a language. Raises ImportRefused naming file and line.

    When every language has the same ids, the languages are versions of one document; otherwise each
    language is a document of its own, `faq-de`, because versions of a document share their ids.
    """
    rows: dict[str, list[_Row]] = defaultdict(list)
    seen: dict[tuple[str, str], tuple[int, str]] = {}
    try:
        lines = source.data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ImportRefused(f"{source.name} is not UTF-8 ({error.reason}). Save it as UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row, printed = _row(line, number, source.name, language)
        key = row.language, row.entry_id
        if key in seen:
            before, other = seen[key]
            where = f"{source.name}:{number}: the id {printed!r} gives the entry id {row.entry_id!r}"
            raise ImportRefused(f"{where}, as {other!r} on line {before} does. Give each entry an id of its own.")
        seen[key] = number, printed
        rows[row.language].append(row)
    if not rows:
        raise ImportRefused(f'{source.name} holds no line. Write one {{"id", "lang", "title", "text"}} a line.')
    base = doc_id or name_parts(source.url or source.name)[0]
    shared = len({frozenset(row.entry_id for row in group) for group in rows.values()}) == 1
    order = {row.entry_id: place for place, row in enumerate(next(iter(rows.values())))}
    documents = []
    for code, group in rows.items():
        if shared:
            group.sort(key=lambda row: order[row.entry_id])
        name = base if shared else f"{base}-{code}"
        entries = tuple(ImportedEntry(1, row.title, row.entry_id, row.text, "", row.url) for row in group)
        documents.append(
            ImportedDocument(
                doc_id=name,
                language=code,
                title=name,
                url=source.url,
                publisher="",
                authority="summary",
                licence=UNKNOWN_LICENCE,
                published="",
                entries=entries,
            )
        )
    return documents


def _row(line: str, number: int, name: str, language: str | None) -> tuple[_Row, str]:
    where = f"{name}:{number}"
    try:
        loaded = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ImportRefused(f"{where}: the line is not JSON ({error}). Write one object a line.") from error
    if not isinstance(loaded, dict):
        raise ImportRefused(f'{where}: the line is no object. Write {{"id", "lang", "title", "text"}}.')
    values: dict[str, str] = {}
    for key in ("id", "lang", "title", "text", "url"):
        value = loaded.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and key == "id":
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise ImportRefused(f"{where}: {key!r} is {value!r}, not a text. Put it in quotation marks.")
        values[key] = (value or "").strip()
    code = (values["lang"] or language or "").lower().split("-")[0]
    for key, value in (("id", values["id"]), ("lang", code), ("text", values["text"])):
        if not value:
            raise ImportRefused(f"{where}: {key!r} is missing or empty. Add it, or remove the line.")
    if code not in LANGUAGES:
        raise ImportRefused(f"{where}: the language {code!r} is unknown. Write an ISO 639-1 code, as fr.")
    if language and values["lang"] and code != language:
        raise ImportRefused(
            f"{where}: the language is {code!r}, but --language says {language!r}. Leave --language out."
        )
    entry_id = slug(values["id"], MAX_ID_CHARS)
    if not entry_id:
        raise ImportRefused(f"{where}: the id {values['id']!r} has neither a-z nor 0-9. Give it such an id.")
    url = values["url"] if values["url"].startswith(("https://", "http://")) else ""
    return _Row(number, entry_id, code, collapse(values["title"]) or values["id"], values["text"], url), values["id"]
