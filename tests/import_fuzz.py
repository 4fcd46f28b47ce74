"""Feed broken files to the importers, in a process with their limits; started by `test_corpus_fuzz.py`.

Prints as JSON how many files there were and how many of each kind were read. Anything but documents that can be
written and read back with their offsets, or a refusal, ends it with the file that did it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_corpus_fuzz import PAGE, WORD, docx, flate, pdf

from corpus.documents import read_document
from corpus.errors import CorpusError, ImportRefused
from corpus.importing import _dated
from corpus.passages import split_document
from corpus.sniffing import kind_of
from corpus.sources.parts import SourceFile
from corpus.sources.reading import read_sources
from corpus.sources.worker import _limit
from corpus.writer import write_documents

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NAME = st.sampled_from(["a", "a-b", "1", "Ä", ""])
PIECES = [
    "# ",
    "## ",
    "{#x}",
    "\n\n",
    "---\n",
    "> ",
    "- ",
    "```\n",
    "|a|b|\n",
    "<div>",
    "&amp;",
    "\\",
    "Who signs?",
    "\u2028",
    "\0",
]
MARKDOWN = st.lists(st.sampled_from(PIECES) | TEXT, max_size=30).map(
    lambda parts: ("# T\n\n" + "".join(parts)).encode()
)
LINE = st.fixed_dictionaries(
    {"id": NAME | st.integers(), "lang": st.sampled_from(["en", "xx"]), "title": TEXT, "text": TEXT}
)
JSONL = st.lists(LINE, min_size=1, max_size=4).map(lambda lines: "\n".join(json.dumps(line) for line in lines).encode())
TAGS = [
    "<p>",
    "</p>",
    "<h2 id='x'>",
    "</h2>",
    "<table><tr><td>",
    "<ul><li>",
    "<!--",
    "<br>",
    "<script>",
    "&#0;",
    "&#xD800;",
    "<a href='javascript:1'>",
]
HTML = st.lists(st.sampled_from(TAGS) | TEXT, max_size=30).map(
    lambda parts: f"<!DOCTYPE html><html lang='en'><body><h1>T</h1><p>Some text.</p>{''.join(parts)}".encode()
)
FORMEX_PARTS = [
    "<P>",
    "</P>",
    "<ALINEA>x</ALINEA>",
    "<LIST TYPE='x'><ITEM><NP><NO.P>1</NO.P><TXT>y</TXT></NP></ITEM></LIST>",
    "<NOTE/>",
    "<QUOT.START CODE='2018'/>",
]
FORMEX = st.lists(st.sampled_from(FORMEX_PARTS), max_size=8).map(
    lambda parts: (
        "<?xml version='1.0'?><ACT><BIB.INSTANCE><DOCUMENT.REF FILE='x.doc.fmx.xml'/><YEAR>2031</YEAR><NO.CURRENT>7</NO.CURRENT><LG.OJ>EN</LG.OJ><LG.DOC>EN</LG.DOC></BIB.INSTANCE>"
        "<TITLE><TI><P>DIRECTIVE</P></TI></TITLE><ENACTING.TERMS><ARTICLE IDENTIFIER='001'><TI.ART>Article 1</TI.ART>"
        f"<ALINEA>Kites fly.</ALINEA>{''.join(parts)}</ARTICLE></ENACTING.TERMS></ACT>"
    ).encode()
)
WORDS = [
    "<w:p><w:r><w:t>Some text.</w:t></w:r></w:p>",
    "<w:p><w:pPr><w:pStyle w:val='Heading1'/></w:pPr></w:p>",
    "<w:tbl><w:tr><w:tc/></w:tr></w:tbl>",
    "<w:sdt/>",
    "<w:p/>",
]
DOCX = st.lists(st.sampled_from(WORDS), max_size=6).map(lambda parts: docx(WORD.format("".join(parts)).encode()))
OPERATORS = [b"(Some text.) Tj ", b"0 -14 Td ", b"/F1 12 Tf ", b"ET BT ", b"q ", b"Q ", b"<80ff> Tj ", b"9 Tr "]
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
LARGE = PAGE.replace(b"9 9", b"600 800").replace(b">>", b"/Resources<</Font<</F1 5 0 R>>>>>>")
PDF = st.lists(st.sampled_from(OPERATORS), max_size=12).map(
    lambda parts: pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", LARGE,
         flate(b"BT /F1 12 Tf 50 700 Td (A line of text.) Tj " + b"".join(parts) + b" ET"), FONT]
    )
)  # fmt: skip
WELL_FORMED = {"markdown": MARKDOWN, "jsonl": JSONL, "page": HTML, "formex": FORMEX, "docx": DOCX, "pdf": PDF}


@st.composite
def broken(draw: st.DrawFn, kind: str) -> bytes:
    """A file of the kind; every other one with bytes cut out, doubled or changed."""
    data = bytearray(draw(WELL_FORMED[kind]))
    for _ in range(draw(st.integers(0, 3)) if draw(st.booleans()) else 0):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 40))
        data[place : place + length] = draw(
            st.sampled_from([b"", bytes(data[place : place + length]) * 2, b"\xff\x00"])
        )
    return bytes(data)


MANIFEST = SourceFile(
    "x.doc.fmx.xml",
    b"<DOC><YEAR>2031</YEAR><NO.CURRENT>7</NO.CURRENT><LG.OJ>EN</LG.OJ>"
    b"<NO.ELI ID='http://data.europa.eu/eli/dir/2031/7/oj'/><PUBLICATION.REF><DATE ISO='20310305'/></PUBLICATION.REF></DOC>",
)


def feed(kind: str, data: bytes, read: Counter[str]) -> None:
    source = SourceFile(f"fuzz.{kind}", data)
    try:
        manifest = [("formex", MANIFEST)] if kind == "formex" else []
        found = read_sources([(kind_of(source), source), *manifest], "fuzz", "en")
        with TemporaryDirectory() as folder:
            for path in write_documents(
                [_dated(document, "2031-05-06") for document in found], Path(folder), "2031-05-06"
            ):
                document = read_document(path)
                for entry in document.entries:
                    assert document.text[entry.start : entry.end] == document.body(entry)
                for passage in split_document(document):
                    assert document.text[passage.start : passage.end] == passage.text
    except (CorpusError, ImportRefused):
        return
    read[kind] += 1


def main(examples: int) -> None:
    _limit(3 << 30, 600)
    files = 0
    read: Counter[str] = Counter()
    for kind in WELL_FORMED:

        @settings(max_examples=examples, deadline=None, database=None, derandomize=True,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(broken(kind), st.just(kind))
        def fed(data: bytes, kind: str) -> None:
            nonlocal files
            files += 1
            feed(kind, data, read)

        fed()
    print(json.dumps({"files": files, "read": dict(read)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
