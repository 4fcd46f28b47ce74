"""From files to a corpus by way of `import_sources` and the command line."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

from corpus.__main__ import main
from corpus.collection import read_collection
from corpus.documents import Document, read_document
from corpus.errors import ImportRefused
from corpus.importing import import_sources
from corpus.sniffing import kind_of
from corpus.sources import worker
from corpus.sources.parts import SourceFile
from corpus.sources.reading import read_sources
from corpus.sources.worker import read_apart

CHECKOUT = Path(__file__).parents[1]
SHARED = CHECKOUT.parent / "shared" / "corpus"
TODAY = "2031-05-06"
MARKDOWN = "# {0}\n\n## {1}\n\n{2}\n\n## {3}\n\n{4}\n"
ENGLISH = MARKDOWN.format(
    "Kites", "Who may fly?", "Anyone may fly a kite.", "When may one fly?", "Whenever there is wind."
)
GERMAN = MARKDOWN.format("Drachen", "Wer darf?", "Jeder darf einen Drachen steigen lassen.", "Wann?", "Immer bei Wind.")


@pytest.fixture
def same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in this process: the separate one has tests of its own, and takes half a second each time."""
    monkeypatch.setattr("corpus.importing.read_apart", lambda kinds, doc_id, code, _: read_sources(kinds, doc_id, code))


def run(corpus: Path, *sources: Path | str, doc_id: str | None = None, language: str | None = None) -> list[Path]:
    return import_sources(
        [str(source) for source in sources], corpus, doc_id=doc_id, language=language, retrieved=TODAY
    )


def saved(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def ids(document: Document) -> list[str]:
    return [entry.entry_id for entry in document.entries]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><!-- x --><ACT>", "formex"),
        (b"<?xml version='1.0'?>\n<ANNEX xmlns:x='y'>", "formex"),
        (b"<!DOCTYPE html><html><div class='eli-container'>", "eurlex"),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC \"x\" 'y'><html xmlns='z'>", "page"),
        (b"\n<html lang='fr'>", "page"),
        (b"<div><h1>x</h1></div>", "page"),
        (b'{"id": 1, "text": "x"}\n{"id": 2}', "jsonl"),
        (b"# Title\n\ntext", "markdown"),
        (b"{not json}\n", "markdown"),
        (b"[link](x) text", "markdown"),
    ],
)
def test_kinds_are_told_by_content(data: bytes, kind: str) -> None:
    assert kind_of(SourceFile("misleading.pdf", data)) == kind


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b" \n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "format that is not read"),
        (b"PK\x03\x04 broken", "broken archive"),
        (b"<?xml version='1.0'?><rss/>", "root 'rss'"),
        (b'[{"id": 1}]', "one object a line"),
    ],
)
def test_other_content_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ImportRefused, match=complaint):
        kind_of(SourceFile("file.md", data))


def test_every_kind_goes_through_the_separate_process(tmp_path: Path) -> None:
    saved(tmp_path / "in", "kites.en.md", ENGLISH)
    saved(tmp_path / "in", "faq.jsonl", json.dumps({"id": "a", "lang": "fr", "title": "Qui ?", "text": "Tous."}))
    saved(tmp_path / "in", ".hidden.md", "x")
    saved(tmp_path / "in", "notes.log", "x")
    written = run(tmp_path / "corpus", tmp_path / "in")
    assert [path.relative_to(tmp_path / "corpus").as_posix() for path in written] == ["faq/fr.md", "kites/en.md"]
    collection = read_collection(tmp_path / "corpus")
    assert [document.doc_id for document in collection.documents] == ["faq", "kites"]
    document = read_document(written[1])
    assert (document.retrieved, document.published, document.url) == (TODAY, TODAY, "https://kites.invalid/")
    assert "does not tell its address" in document.note


def test_hostile_files_end_as_refusals(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_bytes(b"<html><body>" + b"<div>" * 100_000)
    with pytest.raises(ImportRefused, match="depth"):
        run(tmp_path / "corpus", tmp_path / "x.html")
    assert not (tmp_path / "corpus").exists()


def test_the_separate_process_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ("markdown", SourceFile("x.md", ENGLISH.encode()))
    with pytest.raises(ImportRefused, match=r"after 0\.01 seconds"):
        read_apart([source], None, "en", 0.01)
    large = ("markdown", SourceFile("large.md", b"# Title\n\n" + b"word " * 2_000_000))
    with pytest.raises(ImportRefused, match=r"memory|too large"):
        read_apart([large], None, "en", 30, memory_bytes=96 << 20)
    monkeypatch.setattr(worker, "_MODULE", "corpus.no_such_module")
    with pytest.raises(ImportRefused, match="stopped"):
        read_apart([source], None, "en", 30)


@pytest.mark.usefixtures("same_process")
def test_a_second_language_gets_the_ids_of_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    corpus = tmp_path / "corpus"
    (english,) = run(corpus, saved(tmp_path, "kites.en.md", ENGLISH))
    assert ids(read_document(english)) == ["who-may-fly", "when-may-one-fly"]
    with caplog.at_level(logging.WARNING):
        (german,) = run(corpus, saved(tmp_path, "drachen.de.md", GERMAN), doc_id="kites")
    assert ids(read_document(german)) == ["who-may-fly", "when-may-one-fly"]
    assert "compare the headings" in caplog.text
    assert len(read_collection(corpus).documents) == 2


@pytest.mark.usefixtures("same_process")
def test_languages_imported_together_share_their_ids(tmp_path: Path) -> None:
    english, german = saved(tmp_path, "kites.en.md", ENGLISH), saved(tmp_path, "kites.de.md", GERMAN)
    run(tmp_path / "corpus", english, german)
    assert len(read_collection(tmp_path / "corpus").documents) == 2


@pytest.mark.usefixtures("same_process")
def test_a_language_with_other_entries_is_refused(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    run(corpus, saved(tmp_path, "kites.en.md", ENGLISH))
    more = saved(tmp_path, "kites.de.md", GERMAN + "\n## Wo?\n\nAuf Hügeln.\n")
    with pytest.raises(ImportRefused, match="would have 3 entries, but the en version has 2"):
        run(corpus, more)
    assert not (corpus / "kites" / "de.md").exists()


@pytest.mark.usefixtures("same_process")
def test_another_page_does_not_take_the_place_of_a_translated_one(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    run(corpus, saved(tmp_path, "kites.en.md", ENGLISH), saved(tmp_path, "kites.de.md", GERMAN))
    with pytest.raises(ImportRefused, match="0 of 2 headings"):
        run(corpus, saved(tmp_path, "kites.en.md", "# A\n\nKites are held.\n\n# B\n\nOf a string.\n\n# C\n\nAlways.\n"))


@pytest.mark.usefixtures("same_process")
def test_a_reworded_page_keeps_the_ids_of_its_headings(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    first = saved(tmp_path, "kites.en.md", ENGLISH.replace("## Who may fly?", "## Who may fly? {#flyers}"))
    run(corpus, first)
    changed = ENGLISH.replace("Anyone", "Everyone").replace("## When", "## Flyers\n\nPeople.\n\n## When")
    (path,) = run(corpus, saved(tmp_path, "kites.en.md", changed))
    assert ids(read_document(path)) == ["flyers", "flyers-2", "when-may-one-fly"]


@pytest.mark.usefixtures("same_process")
def test_a_reordered_page_keeps_its_ids(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    run(corpus, saved(tmp_path, "kites.en.md", ENGLISH), saved(tmp_path, "kites.de.md", GERMAN))
    turned = "# Kites\n\n## When may one fly?\n\nWhenever.\n\n## Who may fly?\n\nAnyone may fly a kite.\n"
    (path,) = run(corpus, saved(tmp_path, "kites.en.md", turned), language="en")
    assert ids(read_document(path)) == ["when-may-one-fly", "who-may-fly"]


@pytest.mark.usefixtures("same_process")
def test_nothing_is_written_when_one_file_is_refused(tmp_path: Path) -> None:
    good = saved(tmp_path, "kites.en.md", ENGLISH)
    bad = saved(tmp_path, "bad.jsonl", '{"id": "a"}')
    with pytest.raises(ImportRefused):
        run(tmp_path / "corpus", good, bad)
    assert not (tmp_path / "corpus").exists()


@pytest.mark.usefixtures("same_process")
def test_two_files_for_one_document_are_refused(tmp_path: Path) -> None:
    one, two = saved(tmp_path, "a.en.md", ENGLISH), saved(tmp_path, "b.en.md", ENGLISH)
    with pytest.raises(ImportRefused, match="--doc-id"):
        run(tmp_path / "corpus", one, two, doc_id="kites")


@pytest.mark.usefixtures("same_process")
def test_the_manifest_beside_a_formex_file_is_read(tmp_path: Path) -> None:
    bib = """<BIB.INSTANCE><DOCUMENT.REF FILE="x.doc.fmx.xml"/><YEAR>2031</YEAR><NO.CURRENT>77</NO.CURRENT>
<LG.OJ>EN</LG.OJ><LG.DOC>EN</LG.DOC></BIB.INSTANCE>"""
    article = '<ARTICLE IDENTIFIER="001"><TI.ART>Article 1</TI.ART><ALINEA>Kites fly.</ALINEA></ARTICLE>'
    act = f"<ACT>{bib}<TITLE><TI><P>DIRECTIVE</P></TI></TITLE><ENACTING.TERMS>{article}</ENACTING.TERMS></ACT>"
    manifest = """<DOC><YEAR>2031</YEAR><NO.CURRENT>77</NO.CURRENT><LG.OJ>EN</LG.OJ>
<NO.ELI ID="http://data.europa.eu/eli/dir/2031/77/oj"/><PUBLICATION.REF><DATE ISO="20310305"/></PUBLICATION.REF></DOC>"""
    saved(tmp_path, "x.doc.fmx.xml", manifest)
    (path,) = run(tmp_path / "corpus", saved(tmp_path, "x.000101.fmx.xml", act))
    document = read_document(path)
    assert (document.doc_id, document.published) == ("dir-2031-77", "2031-03-05")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.html"], "does not exist"),
        (["file:///etc/passwd"], "neither http nor https"),
        (["http://127.0.0.1:9/"], "not public"),
        (["."], "holds none of"),
    ],
)
def test_refused_sources(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["import", *arguments, "--corpus", str(tmp_path / "corpus")]) == 1
    assert complaint in capsys.readouterr().err


def test_files_over_the_limit_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.md", "x" * 100)
    with pytest.raises(ImportRefused, match="larger than 99 bytes"):
        import_sources([str(path)], tmp_path, doc_id=None, language="en", retrieved=TODAY, max_bytes=99)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "corpus"
    assert main(["check", "--corpus", str(corpus)]) == 1
    assert "does not exist" in capsys.readouterr().out
    source = saved(tmp_path, "kites.md", ENGLISH)
    assert main(["import", str(source), "--corpus", str(corpus), "--language", "en", "--doc-id", "kite-faq"]) == 0
    assert capsys.readouterr().out.strip() == str(corpus / "kite-faq" / "en.md")
    assert main(["check", "--corpus", str(corpus)]) == 0
    assert "kite-faq: 2 entries, 0 questions, 1 languages (en)" in capsys.readouterr().out
    (corpus / "kite-faq" / "en.md").write_text("no front matter", encoding="utf-8")
    assert main(["check", "--corpus", str(corpus)]) == 1
    printed = capsys.readouterr()
    assert f"{corpus / 'kite-faq' / 'en.md'}:1: There is no front matter" in printed.out
    assert "problem(s)" in printed.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["import"], ["import", "x", "--language", "xx"], ["grow"], ["import", "x", "--timeout-seconds", "0"]],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["import", "--help"])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    for name in (
        "EUR-Lex",
        "Formex",
        "Commission",
        "PDF",
        "DOCX",
        "Markdown",
        "JSON Lines",
        "--corpus",
        "--doc-id",
        "--language",
    ):
        assert name in printed


def test_the_checkouts_own_corpus_has_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "faq-signing" in capsys.readouterr().out


@pytest.mark.skipif(not SHARED.is_dir(), reason="the official files do not lie beside the checkout")
def test_real_files_together(tmp_path: Path) -> None:
    begun = time.monotonic()
    names = ["ai-act.fr.html", "ai-act.nl.html", "ai-act.en.formex", "code-copyright.en.pdf"]
    written = run(tmp_path, *(SHARED / name for name in (*names, "code-model-documentation-form.en.docx")))
    assert len(written) == 5
    assert time.monotonic() - begun < 30
    collection = read_collection(tmp_path)
    assert {code: len(version.entries) for code, version in collection.versions()["ai-act"].items()} == {
        "en": 1450,
        "fr": 1450,
        "nl": 1450,
    }
