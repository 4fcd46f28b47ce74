"""What is written is what was imported: every document is read back, and written whole or not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.documents import Document, parse_document, read_document
from corpus.errors import ImportRefused
from corpus.sources.parts import ImportedDocument, ImportedEntry
from corpus.writer import body_text, render, write_documents

KITES = ImportedDocument(
    doc_id="kites",
    language="en",
    title="Kites: a law",
    url="https://example.org/kites",
    publisher="Hill Office",
    authority="official",
    licence="CC-BY-4.0",
    published="2031-03-05",
    state="As published",
    note='Say: "nothing" # more',
    entries=(
        ImportedEntry(1, "Chapter {x}"),
        ImportedEntry(2, "Article 1", "art-1", "", "Article 1", "https://example.org/kites#1"),
        ImportedEntry(
            3, "Article 1(1)", "art-1-1", "Kites fly.\nThey are held.", 'Article "1"{1}', 'https://x.org/"a"{b} c'
        ),
        ImportedEntry(9, "Deep", "deep", "Text."),
    ),
)


def read_back(document: ImportedDocument) -> Document:
    text = render(document, "2031-04-01")
    return parse_document(text, doc_id=document.doc_id, language=document.language, path=Path("x.md"))


def with_text(text: str) -> ImportedDocument:
    return replace(KITES, entries=(ImportedEntry(1, "Title", "title", text),))


def test_front_matter_is_read_back() -> None:
    document = read_back(KITES)
    assert (document.title, document.url, document.publisher) == (KITES.title, KITES.url, KITES.publisher)
    assert (document.authority, document.licence, document.published) == ("official", "CC-BY-4.0", "2031-03-05")
    assert (document.retrieved, document.state, document.note) == ("2031-04-01", KITES.state, KITES.note)


def test_entries_are_read_back() -> None:
    document = read_back(KITES)
    assert [entry.entry_id for entry in document.entries] == ["art-1", "art-1-1", "deep"]
    paragraph = document.entry("art-1-1")
    assert paragraph.path == ("Chapter (x)", "Article 1", "Article 1(1)")
    assert paragraph.parent_id == "art-1"
    assert document.body(paragraph) == "Kites fly.\nThey are held."
    assert paragraph.reference == "Article '1'(1)"
    assert paragraph.url == "https://x.org/%22a%22%7Bb%7D%20c"
    assert document.text[paragraph.start : paragraph.end] == document.body(paragraph)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x0bb\x0cc", "a\nb\nc"),
        ("a\x00b\x1fc\x7fd\x9fe\ufffef", "abcdef"),
        ("lone \ud800 half", "lone  half"),
        ("first\n# second\n## {#x}\n#hash\n####### seven", "first\n # second\n ## {#x}\n#hash\n####### seven"),
        ("# first", "# first"),
        ("---\nkey: value\n---", "---\nkey: value\n---"),
        ("e\u0301 and é", "e\u0301 and é"),  # neither composed nor decomposed
        ("a\u2028b\x85c", "a\u2028b\x85c"),
        ("  padded \n\n end  ", "padded \n\n end"),
    ],
)
def test_texts_are_read_back(text: str, expected: str) -> None:
    document = read_back(with_text(text))
    assert document.body(document.entry("title")) == expected
    assert body_text(text).strip() == expected


@pytest.mark.parametrize("title", ["yes", "1.5", "- x", "a: b", 'say "x"', "#1", "{x}", "*a", "x\ny", "ß\x07é", "Ünï"])
def test_titles_are_read_back(title: str) -> None:
    document = read_back(replace(KITES, title=title, entries=(ImportedEntry(1, title, "title", "t"),)))
    clean = " ".join(title.replace("\x07", "").split())
    assert document.title == clean
    assert document.entries[0].heading == clean


def test_written_below_the_data_folder_where_there_is_one(tmp_path: Path) -> None:
    (path,) = write_documents([KITES], tmp_path / "plain", "2031-04-01")
    assert path == tmp_path / "plain" / "kites" / "en.md"
    (tmp_path / "full" / "data").mkdir(parents=True)
    (path,) = write_documents([KITES], tmp_path / "full", "2031-04-01")
    assert path == tmp_path / "full" / "data" / "kites" / "en.md"
    assert read_document(path).text == render(KITES, "2031-04-01")
    assert sorted(p.name for p in path.parent.iterdir()) == ["en.md"]


def test_a_document_is_replaced_whole(tmp_path: Path) -> None:
    (path,) = write_documents([KITES], tmp_path, "2031-04-01")
    write_documents([with_text("Only this.")], tmp_path, "2031-05-01")
    assert [entry.entry_id for entry in read_document(path).entries] == ["title"]


@pytest.mark.parametrize(
    "broken",
    [
        replace(KITES, language="xx"),
        replace(KITES, doc_id="../outside"),
        replace(KITES, published="someday"),
        replace(KITES, url="ftp://example.org"),
        replace(KITES, entries=()),
        replace(KITES, entries=(ImportedEntry(1, "A", "a", "x"), ImportedEntry(1, "B", "a", "y"))),
        replace(KITES, entries=(ImportedEntry(1, "A", "a"),)),
        replace(KITES, entries=(ImportedEntry(1, "A", None, "text of nobody"), ImportedEntry(1, "B", "b", ""))),
        KITES,  # the same file twice
    ],
)
def test_nothing_is_written_when_one_document_is_not_valid(tmp_path: Path, broken: ImportedDocument) -> None:
    with pytest.raises(ImportRefused):
        write_documents([KITES, broken], tmp_path, "2031-04-01")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_when_the_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = write_documents([KITES], tmp_path, "2031-04-01")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ImportRefused, match="No space left"):
        write_documents([with_text("new"), replace(with_text("other"), language="fr")], tmp_path, "2031-05-01")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["en.md"]


def test_a_file_of_our_format_is_written_as_it_is(tmp_path: Path) -> None:
    text = render(KITES, "2031-04-01").replace("Kites fly.", "Kites  fly. ")
    (path,) = write_documents([replace(KITES, verbatim=text)], tmp_path, "2099-01-01")
    assert path.read_bytes() == text.encode()
