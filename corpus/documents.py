"""Documents: one Markdown file per document and language, cut into citable entries.

The text of a document is its file, character for character, front matter included, so that
anyone can check an offset with a text editor and the checksum with `sha256sum`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import yaml

from corpus.errors import CorpusError, Problem
from corpus.languages import LANGUAGES, REFERENCE_LANGUAGE
from corpus.yaml_loader import STRINGS

Authority = Literal["official", "translation", "summary"]

AUTHORITIES: tuple[Authority, ...] = ("official", "translation", "summary")
REQUIRED_KEYS = ("title", "url", "publisher", "authority", "licence", "published", "retrieved")
OPTIONAL_KEYS = ("headings", "note", "state")

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DATE = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")
_HEADING = re.compile(r"(?P<marks>#{1,6})[ \t]+(?P<title>.*?)[ \t]*(?:\{(?P<attributes>[^{}]*)\})?[ \t]*")
_ATTRIBUTES = re.compile(r'#(?P<id>\S+)(?P<rest>(?:\s+[a-z]+="[^"]*")*)\s*')
_ATTRIBUTE = re.compile(r'(?P<key>[a-z]+)="(?P<value>[^"]*)"')
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_FENCE = "---"


@dataclass(frozen=True, slots=True)
class Entry:
    """A citable part of a document: `document.text[start:end]` is its body, heading excluded.

    `path` holds the headings from the outermost down to the entry's own; `parent_id` is the
    nearest enclosing entry. `reference` is a pinpoint ("Article 53(1)(a)") and `url` the entry's
    own official link, both empty where the document's are enough.
    """

    entry_id: str
    path: tuple[str, ...]
    start: int
    end: int
    line: int
    parent_id: str | None = None
    reference: str = ""
    url: str = ""

    @property
    def heading(self) -> str:
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Document:
    """One text in one language, with where it is from. Source: a file of `corpus/data`."""

    doc_id: str
    language: str
    title: str
    url: str
    publisher: str
    authority: Authority
    licence: str
    published: str
    retrieved: str
    text: str
    entries: tuple[Entry, ...]
    headings: str = ""
    note: str = ""
    state: str = ""
    _by_id: dict[str, Entry] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_id.update({entry.entry_id: entry for entry in self.entries})

    @property
    def sha256(self) -> str:
        """Checksum of the file as stored (UTF-8), in hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    def entry(self, entry_id: str) -> Entry:
        """The entry of that id; KeyError when there is none."""
        return self._by_id[entry_id]

    def body(self, entry: Entry) -> str:
        return self.text[entry.start : entry.end]


def parse_document(text: str, *, doc_id: str, language: str, path: Path) -> Document:
    """Read a document from the text of its file. Raises CorpusError naming every problem."""
    problems: list[Problem] = []
    lines = text.split("\n")
    front, body_line = _front_matter(lines, path, problems)
    entries = _entries(lines, body_line, path, problems)
    if not _ID.fullmatch(doc_id):
        problems.append(Problem(path, 1, f"The document id {doc_id!r} is not usable", "Rename the folder: a-z, 0-9, -"))
    if language not in LANGUAGES:
        problems.append(
            Problem(path, 1, f"The language {language!r} is unknown", "Name the file after an ISO 639-1 code, as fr.md")
        )
    if match := _CONTROL.search(text):
        line = text.count("\n", 0, match.start()) + 1
        remedy = "Remove it; end lines with a single line feed"
        problems.append(Problem(path, line, f"The control character {match.group()!r} stands in the text", remedy))
    if problems:
        raise CorpusError(problems)
    return Document(
        doc_id=doc_id,
        language=language,
        text=text,
        entries=tuple(entries),
        authority=cast(Authority, front["authority"]),
        title=front["title"],
        url=front["url"],
        publisher=front["publisher"],
        licence=front["licence"],
        published=front["published"],
        retrieved=front["retrieved"],
        headings=front.get("headings", ""),
        note=front.get("note", ""),
        state=front.get("state", ""),
    )


def _front_matter(lines: list[str], path: Path, problems: list[Problem]) -> tuple[dict[str, str], int]:
    """The front matter's keys, and the index of the first line after it."""
    remedy = f"Start the file with {_FENCE}, the keys {', '.join(REQUIRED_KEYS)}, and {_FENCE}"
    if lines[0] != _FENCE or _FENCE not in lines[1:]:
        problems.append(Problem(path, 1, "There is no front matter", remedy))
        return {}, 0
    end = lines.index(_FENCE, 1)
    try:
        loaded = yaml.load("\n".join(lines[1:end]), Loader=STRINGS)  # noqa: S506 - it makes only strings
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark is not None else 2
        problems.append(Problem(path, line, "The front matter is not YAML", "Put values with a colon in quotes"))
        return {}, end + 1
    front = loaded if isinstance(loaded, dict) else {}

    def line_of(key: str) -> int:
        return next((i + 1 for i in range(1, end) if lines[i].startswith(f"{key}:")), 2)

    for key in REQUIRED_KEYS:
        if not isinstance(front.get(key), str) or not front[key].strip():
            problems.append(Problem(path, line_of(key), f"The front matter has no {key!r}", f"Add `{key}: ...`"))
    for key in front:
        if key not in REQUIRED_KEYS + OPTIONAL_KEYS:
            known = ", ".join(REQUIRED_KEYS + OPTIONAL_KEYS)
            problems.append(Problem(path, line_of(key), f"The key {key!r} is unknown", f"Known keys: {known}"))
        elif not isinstance(front[key], str):
            problems.append(Problem(path, line_of(key), f"{key!r} is not a text", f"Write `{key}: ...` on one line"))
    authority = front.get("authority")
    if isinstance(authority, str) and authority and authority not in AUTHORITIES:
        known = ", ".join(AUTHORITIES)
        problems.append(
            Problem(path, line_of("authority"), f"The authority {authority!r} is unknown", f"Write one of {known}")
        )
    for key in ("published", "retrieved"):
        value = front.get(key)
        if isinstance(value, str) and value and not _DATE.fullmatch(value):
            problems.append(
                Problem(path, line_of(key), f"{key} {value!r} is not a date", "Write YYYY, YYYY-MM or YYYY-MM-DD")
            )
    url = front.get("url")
    if isinstance(url, str) and url and not url.startswith(("https://", "http://")):
        problems.append(
            Problem(path, line_of("url"), f"The url {url!r} is not a web address", "Start it with https://")
        )
    return {key: value.strip() for key, value in front.items() if isinstance(value, str)}, end + 1


def _entries(lines: list[str], first: int, path: Path, problems: list[Problem]) -> list[Entry]:
    """The entries in order; every heading with an id opens one, every heading closes the last."""
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    headings: list[tuple[int, re.Match[str]]] = []
    for number in range(first, len(lines)):
        if match := _HEADING.fullmatch(lines[number]):
            headings.append((number, match))
    stop = headings[0][0] if headings else len(lines)
    if stray := next((n for n in range(first, stop) if lines[n].strip()), None):
        problems.append(
            Problem(path, stray + 1, "Text stands before the first heading", "Give it a heading with an id")
        )
    if not headings:
        problems.append(Problem(path, first + 1, "There is no entry", "Add `## Heading {#entry-id}` and its text"))
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    open_headings: list[tuple[int, str, str | None]] = []  # level, title, entry id
    for position, (number, match) in enumerate(headings):
        following = headings[position + 1][0] if position + 1 < len(headings) else len(lines)
        level, title = len(match["marks"]), match["title"]
        while open_headings and open_headings[-1][0] >= level:
            open_headings.pop()
        parent_id = next((e for _, _, e in reversed(open_headings) if e), None)
        entry_id, reference, url = _heading_attributes(match, path, number + 1, problems)
        open_headings.append((level, title, entry_id))
        start, end = _strip(lines, offsets, number + 1, following)
        if not title:
            problems.append(Problem(path, number + 1, "The heading is empty", "Write the question or title after #"))
        if entry_id is None:
            if end > start:
                problems.append(
                    Problem(path, number + 2, "Text belongs to no entry", "Give its heading an {#entry-id}")
                )
            continue
        if entry_id in seen:
            what = f"The entry id {entry_id!r} stands already on line {seen[entry_id]}"
            problems.append(Problem(path, number + 1, what, "Give each entry an id of its own"))
            continue
        seen[entry_id] = number + 1
        titles = tuple(t for _, t, _ in open_headings)
        entries.append(Entry(entry_id, titles, start, end, number + 1, parent_id, reference, url))
    parents = {entry.parent_id for entry in entries}
    for entry in entries:
        if entry.end == entry.start and entry.entry_id not in parents:
            what = f"The entry {entry.entry_id!r} has no text"
            problems.append(Problem(path, entry.line, what, "Write its text below the heading, or remove the id"))
    return entries


def _heading_attributes(
    match: re.Match[str], path: Path, line: int, problems: list[Problem]
) -> tuple[str | None, str, str]:
    attributes = match["attributes"]
    if attributes is None:
        return None, "", ""
    parsed = _ATTRIBUTES.fullmatch(attributes.strip())
    if parsed is None or not _ID.fullmatch(parsed["id"]):
        what = f"The heading's attributes {{{attributes}}} cannot be read"
        problems.append(Problem(path, line, what, 'Write {#entry-id} (a-z, 0-9, -), then ref="..." url="..." if any'))
        return None, "", ""
    values = {m["key"]: m["value"] for m in _ATTRIBUTE.finditer(parsed["rest"])}
    if unknown := set(values) - {"ref", "url"}:
        problems.append(Problem(path, line, f"Unknown attributes {sorted(unknown)}", "Only ref and url are known"))
    return parsed["id"], values.get("ref", ""), values.get("url", "")


def _strip(lines: list[str], offsets: list[int], first: int, stop: int) -> tuple[int, int]:
    """Offsets of lines[first:stop] without the blank space around."""
    body = "\n".join(lines[first:stop])
    start = offsets[first] + len(body) - len(body.lstrip()) if first < len(lines) else offsets[-1] - 1
    return start, start + len(body.strip())


def data_folder(corpus: Path) -> Path:
    """Where a corpus keeps its documents: `corpus/data`, or the folder itself."""
    return corpus / "data" if (corpus / "data").is_dir() else corpus


def document_paths(corpus: Path) -> Iterator[Path]:
    """The files `<doc_id>/<language>.md`, sorted."""
    yield from sorted(path for path in data_folder(corpus).glob("*/*.md") if not path.name.startswith(("_", ".")))


def read_text(path: Path) -> str:
    """A file's text, line ends untouched. Raises CorpusError when it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError([Problem(path, 1, f"The file is not UTF-8 ({error.reason})", "Save it as UTF-8")]) from error


def read_document(path: Path) -> Document:
    """Read `<doc_id>/<language>.md`. Raises CorpusError."""
    return parse_document(read_text(path), doc_id=path.parent.name, language=path.stem, path=path)


def reference_document(translations: Mapping[str, Document]) -> Document:
    """The version that is cited, of a document's versions by language.

    An official text before a summary before a translation; among equals French, then English.
    """
    if not translations:
        raise ValueError("There is no version of the document to cite. Pass at least one.")
    order = [REFERENCE_LANGUAGE, "en"]

    def rank(document: Document) -> tuple[int, int, str]:
        authority = ("official", "summary", "translation").index(document.authority)
        preference = order.index(document.language) if document.language in order else len(order)
        return authority, preference, document.language

    return min(translations.values(), key=rank)
