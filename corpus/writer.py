"""Imported documents to files of our format: checked by reading them back, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from corpus.documents import data_folder, parse_document
from corpus.errors import CorpusError, ImportRefused
from corpus.sources.parts import MAX_LEVEL, ImportedDocument, ImportedEntry

_READS_AS_HEADING = re.compile(r"#{1,6}[ \t]")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c]")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/%~+-]|:(?=\S)|[?=&#](?=\S))*")
_YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def render(document: ImportedDocument, retrieved: str) -> str:
    """The document as the text of its file. `retrieved` is a date, YYYY-MM-DD."""
    if document.verbatim:
        return document.verbatim
    values = {
        "title": document.title,
        "url": document.url,
        "publisher": document.publisher,
        "authority": document.authority,
        "licence": document.licence,
        "published": document.published,
        "retrieved": retrieved,
        "state": document.state,
        "note": document.note,
    }
    front = [f"{key}: {_value(value)}" for key, value in values.items() if value]
    blocks = ["\n".join(["---", *front, "---"])]
    for entry in document.entries:
        blocks.append(_heading(entry))
        if entry.text.strip():
            blocks.append(body_text(entry.text))
    return "\n\n".join(blocks) + "\n"


def body_text(text: str) -> str:
    """An entry's text as it is written: line feeds only, no control characters, no line that reads as a heading.

    A line that would read as a heading gets a leading space; on the first line the reader strips it again.
    """
    lines = _clean(text).strip().split("\n")
    return "\n".join(f" {line}" if _READS_AS_HEADING.match(line) else line for line in lines)


def write_documents(documents: Sequence[ImportedDocument], corpus: Path, retrieved: str) -> list[Path]:
    """Write each as `<doc_id>/<language>.md` below the corpus, replacing what was there; the paths in order.

    All are rendered and read back before the first is written. Raises ImportRefused; then nothing changed.
    """
    texts: dict[Path, str] = {}
    for document in documents:
        path = data_folder(corpus) / document.doc_id / f"{document.language}.md"
        if path in texts:
            remedy = "Pass --doc-id for one of them, or import them one at a time"
            raise ImportRefused(f"Two of the files become {path}. {remedy}.")
        texts[path] = render(document, retrieved)
        _check(texts[path], document, path)
    _replace_all(texts)
    return list(texts)


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("", _LINE_ENDS.sub("\n", text))


def _value(value: str) -> str:
    line = " ".join(_clean(value).split())
    if _PLAIN_VALUE.fullmatch(line) and line.lower() not in _YAML_WORDS:
        return line
    # JSON's strings are YAML's double-quoted ones.
    return json.dumps(line, ensure_ascii=False)


def _heading(entry: ImportedEntry) -> str:
    title = " ".join(_clean(entry.title).split())
    marks = "#" * max(1, min(entry.level, MAX_LEVEL))
    if entry.entry_id is None:
        # Braces at the end would read as attributes.
        return f"{marks} {title.replace('{', '(').replace('}', ')')}"
    attributes = f"#{entry.entry_id}"
    if reference := _attribute(entry.reference):
        attributes += f' ref="{reference}"'
    if url := _address(entry.url):
        attributes += f' url="{url}"'
    return f"{marks} {title} {{{attributes}}}"


def _attribute(value: str) -> str:
    line = " ".join(_clean(value).split())
    return line.replace('"', "'").replace("{", "(").replace("}", ")")


def _address(url: str) -> str:
    line = _clean(url).strip()
    for char, escaped in (('"', "%22"), ("{", "%7B"), ("}", "%7D"), (" ", "%20"), ("\n", "")):
        line = line.replace(char, escaped)
    return line


def _check(text: str, document: ImportedDocument, path: Path) -> None:
    """Read the text back and compare every entry with what was imported."""
    try:
        read = parse_document(text, doc_id=document.doc_id, language=document.language, path=path)
    except CorpusError as error:
        raise ImportRefused(f"The document would not be valid, so nothing was written:\n{error}") from error
    if document.verbatim:
        return
    expected = [entry for entry in document.entries if entry.entry_id is not None]
    if [entry.entry_id for entry in expected] != [entry.entry_id for entry in read.entries]:
        raise ImportRefused(f"{path} would not keep its entries. Report this with the file that was imported.")
    for entry, found in zip(expected, read.entries, strict=True):
        wanted = (body_text(entry.text).strip(), _attribute(entry.reference), _address(entry.url))
        if (read.body(found), found.reference, found.url) != wanted:
            where = f"{path}:{found.line}"
            raise ImportRefused(f"{where}: {entry.entry_id!r} would not keep its text. Report this with its source.")


def _replace_all(texts: dict[Path, str]) -> None:
    """Temporary files beside the targets first, all of them on disk, then one rename each."""
    ready: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
            temporary = Path(name)
            ready.append((temporary, path))
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
        for temporary, path in ready:
            temporary.replace(path)
    except OSError as error:
        raise ImportRefused(
            f"{error.filename or ''} cannot be written ({error.strerror}). Check rights and space."
        ) from error
    finally:
        for temporary, _ in ready:
            with suppress(OSError):
                temporary.unlink()
