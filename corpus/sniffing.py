"""What a file is, told by its content; its name and a server's word count for nothing."""

from __future__ import annotations

import codecs
import json
import re
from io import BytesIO
from typing import Literal
from zipfile import BadZipFile, ZipFile

from corpus.errors import ImportRefused
from corpus.sources.formex import is_formex
from corpus.sources.parts import SourceFile

Kind = Literal["pdf", "docx", "formex", "eurlex", "page", "jsonl", "markdown"]

_HEAD_BYTES = 4096
_ROOT = re.compile(
    rb"\s*(?:<\?xml.*?\?>\s*)?(?:(?:<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\])?[^>]*>|<\?.*?\?>)\s*)*<([A-Za-z][\w.:-]*)",
    re.DOTALL,
)
_READS = "EUR-Lex HTML, Formex XML, Commission pages (HTML), PDF, DOCX, Markdown and JSON Lines"


def kind_of(source: SourceFile) -> Kind:
    """Which importer reads the file. Raises ImportRefused for an empty file or any other format."""
    data = source.data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise ImportRefused(f"{source.name} is empty. Fetch it again.")
    head = data[:_HEAD_BYTES]
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK"):
        return _archive(source)
    if head.lstrip().startswith(b"<"):
        return _markup(source.name, data, head)
    if b"\0" in head:
        raise ImportRefused(f"{source.name} is in a format that is not read. Read are {_READS}.")
    first = data.lstrip().split(b"\n", 1)[0].strip()
    if first.startswith((b"{", b"[")):
        try:
            loaded = json.loads(first)
        except (ValueError, RecursionError):
            loaded = None
        if isinstance(loaded, dict):
            return "jsonl"
        if first.startswith(b"[{") or first == b"[" or isinstance(loaded, list):
            raise ImportRefused(f"{source.name} is one JSON list. Write one object a line (JSON Lines).")
    return "markdown"


def _archive(source: SourceFile) -> Kind:
    try:
        with ZipFile(BytesIO(source.data)) as archive:
            if "word/document.xml" in archive.namelist():
                return "docx"
    except (BadZipFile, ValueError, OSError) as error:
        raise ImportRefused(f"{source.name} is a broken archive ({error}). Fetch it again.") from error
    raise ImportRefused(f"{source.name} is an archive, but no Word document. Unpack it and import the folder.")


def _markup(name: str, data: bytes, head: bytes) -> Kind:
    match = _ROOT.match(head)
    root = match[1].decode("ascii") if match else ""
    if is_formex(root.rpartition(":")[2]):
        return "formex"
    if root.lower() == "html" or re.search(rb"<!doctype html|<html|<body|<main|<div|<h1", head, re.IGNORECASE):
        return "eurlex" if b"eli-container" in data else "page"
    if root and head.lstrip().startswith(b"<?xml"):
        raise ImportRefused(f"{name} is XML with the root {root!r}, which is not read. Read are {_READS}.")
    return "page" if root else "markdown"
