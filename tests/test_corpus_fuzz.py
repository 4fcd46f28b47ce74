"""The importers against files made to break them: each ends as documents or as a refusal that says why, in the process
with its limits, and whatever is imported keeps its offsets."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from conftest import CHECKOUT

from corpus.errors import ImportRefused
from corpus.sniffing import kind_of
from corpus.sources.parts import SourceFile
from corpus.sources.worker import read_apart

SECONDS = 20.0
CONTENT_TYPES = (
    "<?xml version='1.0'?><Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>"
    "<Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml'/>"
    "<Default Extension='xml' ContentType='application/xml'/><Override PartName='/word/document.xml' "
    "ContentType='application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'/></Types>"
)
RELATIONS = (
    "<?xml version='1.0'?><Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"
    "<Relationship Id='r1' Target='word/document.xml' "
    "Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument'/></Relationships>"
)
WORD = "<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body>{}</w:body></w:document>"
LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>{}]><ACT>&z;</ACT>".format(
    "".join(f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefghiy", "bcdefghiyz", strict=True))
)


def docx(body: bytes, **more: bytes) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", body)
        for name, data in more.items():
            archive.writestr(name, data)
    return made.getvalue()


def lying(archive: bytes, size: int) -> bytes:
    """The archive with every member said to unpack to so few bytes."""
    changed = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = changed.find(mark)
        while place >= 0:
            changed[place + offset : place + offset + 4] = size.to_bytes(4, "little")
            place = changed.find(mark, place + 4)
    return bytes(changed)


def pdf(objects: list[bytes], root: int = 1) -> bytes:
    body = b"%PDF-1.7\n"
    for number, text in enumerate(objects, start=1):
        body += b"%d 0 obj\n%b\nendobj\n" % (number, text)
    return body + b"trailer <</Root %d 0 R /Size %d>>\n%%%%EOF\n" % (root, len(objects) + 1)


def flate(data: bytes, filters: int = 1) -> bytes:
    for _ in range(filters):
        data = zlib.compress(data, 9)
    names = b"/FlateDecode " * filters
    return b"<</Length %d /Filter [%b]>>\nstream\n%b\nendstream" % (len(data), names, data)


PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
BOMBS: dict[str, Callable[[], bytes]] = {
    "a Word file of 300 MB of nothing": lambda: docx(WORD.format("").encode() + b" " * 300_000_000),
    "a Word file that lies about its size": lambda: lying(docx(b"<x>" + b"a" * 120_000_000), 100),
    "a Word file with 3,000 parts": lambda: docx(WORD.format("").encode(), **{f"p{n}.xml": b"" for n in range(3000)}),
    "a Word file of 40 MB of paragraphs": lambda: docx(WORD.format("<w:p/>" * 6_500_000).encode()),
    "a Word file nested 20,000 deep": lambda: docx(WORD.format("<w:sdt>" * 20_000).encode()),
    "a Word file with entities": lambda: docx(LAUGHS.encode()),
    "a billion laughs": lambda: b"<?xml version='1.0'?>" + LAUGHS.encode(),
    "an external entity": lambda: (
        b"<?xml version='1.0'?><!DOCTYPE ACT [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><ACT>&x;</ACT>"
    ),
    "XML nested 200,000 deep": lambda: b"<?xml version='1.0'?><ACT>" + b"<P>" * 200_000,
    "HTML nested 100,000 deep": lambda: b"<!DOCTYPE html><html><body>" + b"<div>" * 100_000,
    "HTML with 200,000 attributes": lambda: b"<html><p " + b" ".join(b"a%d=1" % n for n in range(200_000)) + b">x",
    "HTML with an unclosed table": lambda: b"<html><body>" + b"<table><tr><td>" * 5000,
    "a PDF of nothing but its head": lambda: b"%PDF-1.7\n",
    "a PDF whose pages go round": lambda: pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 9>>"]
    ),
    "a PDF of 2,000,000,000 pages": lambda: pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 2000000000>>", PAGE, flate(b"")]
    ),
    "a PDF packed three times over": lambda: pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE, flate(b"q " * 60_000_000, 3)]
    ),
    "JSON nested 100,000 deep": lambda: b'{"id": ' + b"[" * 100_000,
    "JSON with a number of 100,000 digits": lambda: (
        b'{"id": ' + b"9" * 100_000 + b', "lang": "en", "title": "x", "text": "y"}'
    ),
    "Markdown of 300,000 quotes in quotes": lambda: b"# T\n\n" + b"> " * 300_000 + b"x",
    "Markdown of 100,000 brackets": lambda: b"# T\n\n" + b"[" * 100_000 + b"](" * 100_000,
}


def ended(source: SourceFile) -> str | None:
    """Why it was refused; None when it was read, and then as one document without anything of this machine."""
    try:
        documents = read_apart([(kind_of(source), source)], "bomb", "en", SECONDS)
    except ImportRefused as error:
        return str(error)
    assert len(documents) == 1 and "root:" not in str(documents)
    return None


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_or_refused_within_the_limits(name: str) -> None:
    source = SourceFile("bomb", BOMBS[name]())
    said = ended(source)
    assert said is None or "bomb" in said


def test_broken_files_of_every_format_are_read_or_refused(generated: Counter[str]) -> None:
    """In a process of its own with the limits of the importers' one; its program says what it found."""
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "tests" / "import_fuzz.py"), "120"],
        cwd=CHECKOUT,
        env={"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    counts = json.loads(done.stdout)
    generated["files that were fed to the importers"] += counts["files"]
    assert counts["files"] >= 600
    assert min(counts["read"].values()) > 0, counts  # every importer got some that it could read
    assert set(counts["read"]) == {"markdown", "jsonl", "page", "formex", "docx", "pdf"}


def test_the_reader_cannot_raise_its_limits() -> None:
    program = (
        "import resource, json; from corpus.sources.worker import _limit; _limit(1 << 30, 9)\n"
        "print(json.dumps([resource.getrlimit(k) for k in (resource.RLIMIT_AS, resource.RLIMIT_CPU, "
        "resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for soft, hard in json.loads(done.stdout):
        assert soft == hard >= 0
