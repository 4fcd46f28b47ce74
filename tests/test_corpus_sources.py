"""The importers on small files of our own in the official markup, and on the real files where they are at hand."""

from __future__ import annotations

import re
from collections import Counter
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from docx import Document as new_word_document
from lxml.html import HTMLParser, fromstring

from corpus.errors import ImportRefused
from corpus.sources import docx as docx_importer
from corpus.sources.act_identity import eli_of, iso_date
from corpus.sources.code_pdf import import_pdf
from corpus.sources.commission import import_commission
from corpus.sources.docx import import_docx
from corpus.sources.eurlex import import_eurlex
from corpus.sources.formex import import_formex
from corpus.sources.html import parse_html
from corpus.sources.jsonl import import_jsonl
from corpus.sources.labels import defined_term, id_part, section_id_part, section_name
from corpus.sources.markdown import import_markdown
from corpus.sources.parts import ImportedDocument, ImportedEntry, SourceFile
from corpus.sources.pdf_lines import read_pdf
from corpus.sources.reading import read_sources
from corpus.sources.slugs import UniqueSlugs, name_parts, slug
from corpus.sources.xml import parse_xml

SHARED = Path(__file__).parents[2] / "shared" / "corpus"
NBSP = "\u00a0"


def source(text: str | bytes, name: str = "file", url: str = "") -> SourceFile:
    return SourceFile(name, text.encode() if isinstance(text, str) else text, url)


def by_id(document: ImportedDocument) -> dict[str, ImportedEntry]:
    return {entry.entry_id: entry for entry in document.entries if entry.entry_id}


# EUR-Lex HTML and Formex: the same invented act in both.


def table(label: str, content: str) -> str:
    cell = f'<p class="oj-normal">{content}</p>' if not content.startswith("<") else content
    return f'<table><tbody><tr><td><p class="oj-normal">{label}</p></td><td>{cell}</td></tr></tbody></table>'


HTML_ACT = f"""<?xml version="1.0" encoding="UTF-8"?><html><head>
<link rel="canonical" href="https://eur-lex.europa.eu/eli/reg/2031/77/oj/eng"/></head><body>
<nav><div id="TOC"><p>recital 1</p></div></nav>
<p class="oj-hd-ti">Official Journal <br/>of the European Union</p><p class="oj-hd-lg">EN</p>
<p class="oj-hd-date">5.3.2031</p>
<div class="eli-container">
 <div class="eli-main-title" id="tit_1"><p class="oj-doc-ti">REGULATION (EU) 2031/77</p>
  <p class="oj-doc-ti">on kites (Kite Act)</p><p class="oj-doc-ti">(Text with EEA relevance)</p></div>
 <div class="eli-subdivision" id="pbl_1"><p class="oj-normal">THE COUNCIL OF KITES,</p>
  <div class="eli-subdivision" id="cit_1"><p class="oj-normal">Having regard to the wind
   <a id="ntc1-x" href="#ntr1-x">(<span class="oj-super oj-note-tag">1</span>)</a>,</p></div>
  <p class="oj-normal">Whereas:</p>
  <div class="eli-subdivision" id="rct_1">{table("(1)", "Kites fly in the wind.")}</div>
  <div class="eli-subdivision" id="rct_2">{table("(2)", "Some do not.")}</div>
  <p class="oj-normal">HAS ADOPTED THIS REGULATION:</p></div>
 <div class="eli-subdivision" id="enc_1"><div id="cpt_I"><p class="oj-ti-section-1">CHAPTER I</p>
  <div class="eli-title" id="cpt_I.tit_1"><p class="oj-ti-section-2">KITES</p></div>
  <div class="eli-subdivision" id="art_1"><p class="oj-ti-art">Article{NBSP}1</p>
   <div class="eli-title"><p class="oj-sti-art">Definitions</p></div>
   <p class="oj-normal">In this Regulation:</p>
   {table("(1)", "‘kite’ means a thing on a string;")}
   {table("(2)", "‘string’ means:" + table("(a)", "a cord; or") + table("(b)", "a line."))}
  </div>
  <div class="eli-subdivision" id="art_2"><p class="oj-ti-art">Article 2</p>
   <div class="eli-title"><p class="oj-sti-art">Flying</p></div>
   <div id="002.001"><p class="oj-normal">1.{NBSP}{NBSP}{NBSP}Flyers shall:</p>
    {table("(a)", "hold on;")}
    {table("(b)", '<p class="oj-normal">look up, so that:</p>' + table("(i)", "they see; and") + table("(ii)", "smile."))}
    <p class="oj-normal">Point (b) holds below 10<span class="oj-super">25</span> metres.</p>
    {table("(a)", "by day;")}</div>
   <div id="002.002"><p class="oj-normal">7.{NBSP}{NBSP}{NBSP}The misprinted number is ours, as is n<span
    class="oj-super">o</span>{NBSP}3.</p></div>
  </div></div>
  <div id="cpt_II"><p class="oj-ti-section-1">CHAPTER II</p><div class="eli-title"><p>AMENDMENTS</p></div>
  <div class="eli-subdivision" id="art_3"><p class="oj-ti-art">Article 3</p>
   <div class="eli-title"><p class="oj-sti-art">Amendment</p></div>
   <p class="oj-normal">In the Rope Act, the following is added:</p>
   <div><p class="oj-normal">‘9. Ropes are strings.’.</p></div>
   {table("‘(4)", "Knots are ropes.’.")}</div></div></div>
 <div id="fnp_1"><div class="oj-final"><p class="oj-normal">Done on a hill.</p></div></div>
 <hr class="oj-note"/><p class="oj-note"><a id="ntr1-x">(1)</a> A footnote.</p>
</div>
<div class="eli-container" id="anx_I"><p class="oj-doc-ti">ANNEX I</p><p class="oj-doc-ti">Winds</p>
 <p class="oj-ti-grseq-1">Section A. Strong</p><p class="oj-normal">They are:</p>
 {table("1.", "gales, namely:" + table("(a)", "northern;") + table("(b)", "southern."))}
 <p class="oj-ti-grseq-1">Section B</p><p class="oj-ti-grseq-1">Weak</p>
 {table("—", "a breeze,")}{table("—", "a breath.")}</div>
<div class="eli-container" id="anx_II"><p class="oj-doc-ti">ANNEX II</p>
 <p class="oj-ti-grseq-1">3.{NBSP}{NBSP}Tests</p>
 <div class="oj-enumeration-spacing"><p>3.1.</p><p><span>First test.</span></p></div></div>
<p class="oj-normal">ELI: http://data.europa.eu/eli/reg/2031/77/oj</p></body></html>"""

BIB = "<BIB.INSTANCE><YEAR>2031</YEAR><NO.CURRENT>77</NO.CURRENT><LG.OJ>EN</LG.OJ><LG.DOC>EN</LG.DOC>{}</BIB.INSTANCE>"
FORMEX_ACT = f"""<ACT>{BIB.format("<NO.SEQ>0001</NO.SEQ>")}<TITLE><TI>
<P><HT TYPE="UC">Regulation (EU) 2031/77</HT></P><P>on kites (Kite Act)</P><P>(Text with EEA relevance)</P></TI></TITLE>
<PREAMBLE><PREAMBLE.INIT><P>THE COUNCIL OF KITES,</P></PREAMBLE.INIT>
<GR.VISA><VISA>Having regard to the wind<NOTE NOTE.ID="1"><P>A footnote.</P></NOTE>,</VISA></GR.VISA>
<GR.CONSID><GR.CONSID.INIT>Whereas:</GR.CONSID.INIT>
<CONSID><NP><NO.P>(1)</NO.P><TXT>Kites fly in the wind.</TXT></NP></CONSID>
<CONSID><NP><NO.P>(2)</NO.P><TXT>Some do not.</TXT></NP></CONSID></GR.CONSID>
<PREAMBLE.FINAL><P>HAS ADOPTED THIS REGULATION:</P></PREAMBLE.FINAL></PREAMBLE>
<ENACTING.TERMS><DIVISION><TITLE><TI><P>CHAPTER I</P></TI><STI><P>KITES</P></STI></TITLE>
<ARTICLE IDENTIFIER="001"><TI.ART>Article 1</TI.ART><STI.ART><P>Definitions</P></STI.ART>
<ALINEA><P>In this Regulation:</P><LIST TYPE="ARAB">
<ITEM><NP><NO.P>(1)</NO.P><TXT><QUOT.START CODE="2018"/>kite<QUOT.END CODE="2019"/> means a thing on a string;</TXT></NP></ITEM>
<ITEM><NP><NO.P>(2)</NO.P><TXT><QUOT.START CODE="2018"/>string<QUOT.END CODE="2019"/> means:</TXT><P><LIST TYPE="alpha">
<ITEM><NP><NO.P>(a)</NO.P><TXT>a cord; or</TXT></NP></ITEM><ITEM><NP><NO.P>(b)</NO.P><TXT>a line.</TXT></NP></ITEM>
</LIST></P></NP></ITEM></LIST></ALINEA></ARTICLE>
<ARTICLE IDENTIFIER="002"><TI.ART>Article 2</TI.ART><STI.ART><P>Flying</P></STI.ART>
<PARAG IDENTIFIER="002.001"><NO.PARAG>1.</NO.PARAG><ALINEA><P>Flyers shall:</P><LIST TYPE="alpha">
<ITEM><NP><NO.P>(a)</NO.P><TXT>hold on;</TXT></NP></ITEM>
<ITEM><NP><NO.P>(b)</NO.P><TXT>look up, so that:</TXT><P><LIST TYPE="roman">
<ITEM><NP><NO.P>(i)</NO.P><TXT>they see; and</TXT></NP></ITEM><ITEM><NP><NO.P>(ii)</NO.P><TXT>smile.</TXT></NP></ITEM>
</LIST></P></NP></ITEM></LIST></ALINEA>
<ALINEA><P>Point (b) holds below 10<HT TYPE="SUP">25</HT> metres.</P><LIST TYPE="alpha">
<ITEM><NP><NO.P>(a)</NO.P><TXT>by day;</TXT></NP></ITEM></LIST></ALINEA></PARAG>
<PARAG IDENTIFIER="002.002"><NO.PARAG>7.</NO.PARAG><ALINEA>The misprinted number is ours, as is no 3.</ALINEA></PARAG>
</ARTICLE></DIVISION>
<DIVISION><TITLE><TI><P>CHAPTER II</P></TI><STI><P>AMENDMENTS</P></STI></TITLE>
<ARTICLE IDENTIFIER="003"><TI.ART>Article 3</TI.ART><STI.ART><P>Amendment</P></STI.ART>
<ALINEA><P>In the Rope Act, the following is added:</P><QUOT.S><ALINEA><QUOT.START CODE="2018"/>9. Ropes are
 strings.<QUOT.END CODE="2019"/>.</ALINEA></QUOT.S><QUOT.S><LIST><ITEM><NP><NO.P><QUOT.START CODE="2018"/>(4)</NO.P>
<TXT>Knots are ropes.<QUOT.END CODE="2019"/>.</TXT></NP></ITEM></LIST></QUOT.S></ALINEA></ARTICLE></DIVISION>
</ENACTING.TERMS><FINAL><P>Done on a hill.</P></FINAL></ACT>"""
FORMEX_ANNEXES = (
    f"""<ANNEX>{BIB.format("<NO.SEQ>0001.0001</NO.SEQ>")}<TITLE><TI><P>ANNEX I</P></TI><STI><P>Winds</P></STI></TITLE><CONTENTS>
<GR.SEQ><TITLE><TI><P>Section A. Strong</P></TI></TITLE><P>They are:</P><LIST TYPE="ARAB">
<ITEM><NP><NO.P>1.</NO.P><TXT>gales, namely:</TXT><P><LIST TYPE="alpha"><ITEM><NP><NO.P>(a)</NO.P><TXT>northern;</TXT></NP></ITEM>
<ITEM><NP><NO.P>(b)</NO.P><TXT>southern.</TXT></NP></ITEM></LIST></P></NP></ITEM></LIST></GR.SEQ>
<GR.SEQ><TITLE><TI><P>Section B</P></TI><STI><P>Weak</P></STI></TITLE><LIST TYPE="DASH">
<ITEM><P>a breeze,</P></ITEM><ITEM><P>a breath.</P></ITEM></LIST></GR.SEQ></CONTENTS></ANNEX>""",
    f"""<ANNEX>{BIB.format("<NO.SEQ>0001.0002</NO.SEQ>")}<TITLE><TI><P>ANNEX II</P></TI></TITLE><CONTENTS><GR.SEQ>
<TITLE><TI><NP><NO.P>3.</NO.P><TXT>Tests</TXT></NP></TI></TITLE><NP><NO.P>3.1.</NO.P><TXT>First test.</TXT></NP></GR.SEQ>
</CONTENTS></ANNEX>""",
)
MANIFEST = """<DOC><BIB.DOC><NO.DOC><YEAR>2031</YEAR><NO.CURRENT>77</NO.CURRENT></NO.DOC>
<NO.ELI ID="http://data.europa.eu/eli/reg/2031/77/oj">x</NO.ELI></BIB.DOC>
<PUBLICATION.REF><DATE ISO="20310305">x</DATE><LG.OJ>EN</LG.OJ></PUBLICATION.REF></DOC>"""


@pytest.fixture(scope="module")
def act() -> ImportedDocument:
    return import_eurlex(source(HTML_ACT, "act.html"))


def test_act_has_its_metadata(act: ImportedDocument) -> None:
    assert (act.doc_id, act.language, act.published) == ("reg-2031-77", "en", "2031-03-05")
    assert act.title == "REGULATION (EU) 2031/77 on kites (Kite Act)"
    assert act.url == "https://eur-lex.europa.eu/eli/reg/2031/77/oj/eng"
    assert (act.authority, act.publisher) == ("official", "Official Journal of the European Union")
    assert "OJ L, 2031/77, 5.3.2031" in act.state


def test_act_entries_in_order(act: ImportedDocument) -> None:
    assert [(entry.level, entry.entry_id) for entry in act.entries] == [
        *[(1, "preamble"), (1, None), (2, "rct-1"), (2, "rct-2"), (1, None)],
        *[(3, "art-1"), (4, "art-1-1"), (4, "art-1-2")],
        *[(3, "art-2"), (4, "art-2-1"), (5, "art-2-1-a"), (5, "art-2-1-b")],
        *[(5, "art-2-1-sub-2"), (6, "art-2-1-sub-2-a"), (4, "art-2-2")],
        *[(1, None), (3, "art-3"), (1, "final")],
        *[(1, "anx-i"), (2, "anx-i-a"), (3, "anx-i-a-1"), (4, "anx-i-a-1-a"), (4, "anx-i-a-1-b"), (2, "anx-i-b")],
        *[(1, "anx-ii"), (2, "anx-ii-3"), (3, "anx-ii-3-1")],
    ]
    sections = [entry.title for entry in act.entries if entry.entry_id is None]
    assert sections == ["Whereas", "CHAPTER I – KITES", "CHAPTER II – AMENDMENTS"]


@pytest.mark.parametrize(
    ("entry_id", "reference", "title", "text"),
    [
        ("preamble", "THE COUNCIL OF KITES", "", "Having regard to the wind,\nHAS ADOPTED THIS REGULATION:"),
        ("rct-1", "Recital 1", "", "Kites fly in the wind."),
        ("art-1", "Article 1", "Article 1 – Definitions", "In this Regulation:"),
        ("art-1-1", "Article 1(1)", "Article 1(1) – kite", "‘kite’ means a thing on a string;"),
        ("art-1-2", "Article 1(2)", "Article 1(2) – string", "‘string’ means:\n(a) a cord; or\n(b) a line."),
        ("art-2-1", "Article 2(1)", "", "Flyers shall:"),
        ("art-2-1-a", "Article 2(1), first subparagraph, point (a)", "", "hold on;"),
        (
            "art-2-1-b",
            "Article 2(1), first subparagraph, point (b)",
            "",
            "look up, so that:\n(i) they see; and\n(ii) smile.",
        ),
        ("art-2-1-sub-2", "Article 2(1), second subparagraph", "", "Point (b) holds below 10^25 metres."),
        ("art-2-1-sub-2-a", "Article 2(1), second subparagraph, point (a)", "", "by day;"),
        ("art-2-2", "Article 2(2)", "", "The misprinted number is ours, as is no 3."),
        (
            "art-3",
            "Article 3",
            "Article 3 – Amendment",
            "In the Rope Act, the following is added:\n‘9. Ropes are strings.’.\n‘(4) Knots are ropes.’.",
        ),
        ("final", "Concluding formulas", "", "Done on a hill."),
        ("anx-i-a", "Annex I, Section A", "Section A. Strong", "They are:"),
        ("anx-i-a-1-b", "Annex I, Section A, point 1(b)", "", "southern."),
        ("anx-i-b", "Annex I, Section B", "Section B – Weak", "— a breeze,\n— a breath."),
        ("anx-ii-3-1", "Annex II, point 3.1", "", "First test."),
    ],
)
def test_act_entry(act: ImportedDocument, entry_id: str, reference: str, title: str, text: str) -> None:
    entry = by_id(act)[entry_id]
    assert (entry.reference, entry.title, entry.text) == (reference, title or reference, text)


def test_act_links_are_those_of_the_eli(act: ImportedDocument) -> None:
    links = {entry_id: entry.url.rpartition("#")[2] for entry_id, entry in by_id(act).items()}
    assert links["art-2-1-a"] == "art_2"
    assert links["rct-2"] == "rct_2"
    assert links["anx-i-a-1"] == "anx_I"
    assert links["preamble"] == "pbl_1"


def test_formex_gives_the_same_document_as_html(act: ImportedDocument) -> None:
    files = [source(text, f"{n}.xml") for n, text in enumerate((*reversed(FORMEX_ANNEXES), FORMEX_ACT, MANIFEST))]
    assert import_formex(files) == act


def test_formex_without_manifest_knows_only_the_year() -> None:
    document = import_formex([source(FORMEX_ACT)])
    assert (document.doc_id, document.published) == ("reg-2031-77", "2031")


def test_an_annex_alone_does_not_take_the_acts_place() -> None:
    document = import_formex([source(FORMEX_ANNEXES[0]), source(MANIFEST)])
    assert document.doc_id == "reg-2031-77-anx-i"
    assert document.title == "ANNEX I – Winds"


def test_formex_of_two_acts_is_refused() -> None:
    other = FORMEX_ACT.replace("<NO.CURRENT>77<", "<NO.CURRENT>78<")
    with pytest.raises(ImportRefused, match="2 acts"):
        import_formex([source(FORMEX_ACT), source(other)])


def test_letters_of_other_alphabets_count_by_their_place() -> None:
    assert [id_part(label, n) for n, label in enumerate(("а)", "б)", "в)"), start=1)] == ["a", "b", "c"]
    assert [id_part(label, n) for n, label in enumerate(("α)", "β)", "γ)"), start=1)] == ["a", "b", "c"]
    assert [id_part(label, 9) for label in ("(a)", "1.", "3.1.", "1a.", "(63)")] == ["a", "1", "3-1", "1a", "63"]


@pytest.mark.parametrize(
    ("title", "part", "name"),
    [
        ("Section A. List", "a", "Section A"),
        ("Afdeling A — Lijst", "a", "Afdeling A"),
        ("Section 1 – Information", "1", "Section 1"),
        ("4. Control", "4", "4"),
        ("A. szakasz – Lista", "a", "A. szakasz"),
        ("Раздел Б. Списък", "b", "Раздел Б"),
        ("Miscellaneous", "2", "Miscellaneous"),
    ],
)
def test_section_titles(title: str, part: str, name: str) -> None:
    assert (section_id_part(title, 2), section_name(title)) == (part, name)


@pytest.mark.parametrize("text", ["‘kite’ means", "«kite», un", "„kite“ ist", "“kite”: een", "« kite » désigne"])
def test_defined_terms(text: str) -> None:
    assert defined_term(text) == "kite"


def test_identity_of_acts() -> None:
    assert eli_of("", "https://x/?uri=CELEX:32024R1689", title=[]) == ("reg", "2024", "1689")
    assert eli_of(title=["DIRECTIVE 2014/90/EU"]) == ("dir", "2014", "90")
    assert eli_of(title=["Verordnung (EU) Nr. 300/2008"]) == ("reg", "2008", "300")
    assert iso_date("12.7.2024") == iso_date("20240712") == "2024-07-12"
    with pytest.raises(ImportRefused, match=r"\.doc\.fmx\.xml"):
        eli_of("https://example.org/", title=["Something"])


def test_a_line_wrapped_after_a_hyphen_is_joined() -> None:
    page = HTML_ACT.replace("Kites fly in", "High-\n risk kites, short-\nand long-tailed, fly in")
    assert by_id(import_eurlex(source(page)))["rct-1"].text.startswith("High-risk kites, short- and long-tailed, fly")


def test_a_page_without_an_act_is_refused() -> None:
    with pytest.raises(ImportRefused, match="eli-container"):
        import_eurlex(source("<html><body><p>x</p></body></html>"))


def test_xml_with_entities_is_refused() -> None:
    bomb = '<!DOCTYPE ACT [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ACT>&b;</ACT>'
    with pytest.raises(ImportRefused, match="entities"):
        parse_xml(bomb.encode(), "bomb.xml")
    with pytest.raises(ImportRefused, match="not well-formed"):
        parse_xml(b"<ACT>", "cut.xml")


def test_html_nested_without_end_is_refused_not_cut() -> None:
    with pytest.raises(ImportRefused, match="depth"):
        parse_html(b"<html><body>" + b"<div>" * 5000 + b"x", "deep.html")


def test_html_in_another_encoding() -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body><p>été</p></body></html>'
    assert "été" in parse_html(page.encode("iso-8859-1"), "page.html").text_content()
    with pytest.raises(ImportRefused, match="utf-8"):
        parse_html("<p>été</p>".encode("iso-8859-1"), "page.html")


# Commission pages

PAGE = """<!DOCTYPE html><html lang="fr"><head><title>t</title>
<link rel="canonical" href="https://digital-strategy.ec.europa.eu/fr/faqs/kites"/>
<meta property="article:published_time" content="2031-02-01T10:00:00Z"/></head><body>
<header class="ecl-site-header"><h2>Menu</h2></header><main><h1>Les cerfs-volants</h1>
<nav class="ecl-breadcrumb">Accueil</nav><p>Une <a href="/x">introduction</a>.</p>
<h2 id="general">FAQ générale</h2>
<div class="ecl-accordion"><div class="ecl-accordion__item" id="q1"><h3 class="ecl-accordion__title">
<button class="ecl-accordion__toggle"><span class="ecl-accordion__toggle-title">Qui peut voler ?</span>
<span class="ecl-accordion__toggle-label">Open</span></button></h3>
<div class="ecl-accordion__content" hidden><div class="ecl"><p>Tout le&nbsp;monde.</p><ul><li>un</li><li>deux</li></ul>
<table><tr><th>a</th><td>b</td></tr></table></div></div></div></div>
<details><summary>Quand ?</summary><p>Toujours.</p></details>
<h2>Politique</h2><div><p>Premier.</p><p>Second.<br>Suite.</p></div><h2>Vide</h2><script>evil()</script>
</main><footer>Pied</footer></body></html>"""


def test_commission_page() -> None:
    document = import_commission(source(PAGE, "page.html"))
    assert (document.doc_id, document.language, document.title) == ("kites", "fr", "Les cerfs-volants")
    assert (document.authority, document.published) == ("official", "2031-02-01")
    assert [(entry.level, entry.entry_id, entry.text) for entry in document.entries] == [
        (1, "les-cerfs-volants", "Une introduction."),
        (1, None, ""),
        (2, "qui-peut-voler", "Tout le monde.\n- un\n- deux\na | b"),
        (2, "quand", "Toujours."),
        (1, "politique", "Premier.\nSecond.\nSuite."),
        (1, None, ""),
    ]
    assert by_id(document)["qui-peut-voler"].url.endswith("/faqs/kites#q1")


def test_a_page_of_somebody_else_is_a_summary() -> None:
    document = import_commission(source(PAGE.replace("digital-strategy.ec.europa.eu", "europa.eu.example.org")))
    assert document.authority == "summary"


def test_other_accordions() -> None:
    page = """<html lang="en"><body><main><h1>T</h1><div class="accordion-item"><h2 class="accordion-header">
<button class="accordion-button">Q1</button></h2><div class="accordion-body">A1</div></div>
<dl><dt>Q2</dt><dd>A2</dd><dd>B2</dd></dl></main></body></html>"""
    entries = by_id(import_commission(source(page)))
    assert {key: entry.text for key, entry in entries.items()} == {"q1": "A1", "q2": "A2\nB2"}


def test_an_empty_page_is_refused() -> None:
    with pytest.raises(ImportRefused, match="neither an accordion"):
        import_commission(source("<html><body><main><h1>Loading</h1></main></body></html>"))


# PDF


def make_pdf(pages: list[list[tuple[float, float, float, bool, str]]]) -> bytes:
    """A PDF whose pages hold (x, y, size, bold, text) lines."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    fonts = b"<</F0 3 0 R/F1 4 0 R>>"
    for name in (b"Helvetica", b"Helvetica-Bold"):
        objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/" + name + b"/Encoding/WinAnsiEncoding>>")
    kids = []
    for page in pages:
        stream = b""
        for x, y, size, bold, text in page:
            escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")
            stream += b"BT /F%d %g Tf %g %g Td (%s) Tj ET\n" % (bold, size, x, y, escaped)
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        content = len(objects)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font%s>>/Contents %d 0 R>>" % (fonts, content)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table_at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer<</Size %d/Root 1 0 R>>startxref\n%d\n%%%%EOF" % (len(objects) + 1, table_at)


def code_pages() -> list[list[tuple[float, float, float, bool, str]]]:
    title = [
        (72.0, 700.0, 24.0, True, "Code of Practice for"),
        (72.0, 670.0, 24.0, True, "General-Purpose AI Models"),
        (72.0, 640.0, 20.0, True, "Transparency Chapter"),
    ]
    first = [
        (72.0, 760.0, 20.0, True, "Commitment 1 Kites"),
        (72.0, 730.0, 11.0, False, "Signatories commit to fly well-made kites"),
        (72.0, 716.0, 11.0, False, "that are sound."),
        (72.0, 690.0, 11.0, False, "They will at least:"),
        (91.0, 670.0, 11.0, False, "(1)"),
        (109.0, 670.0, 11.0, False, "hold the string, as"),
        (109.0, 656.0, 11.0, False, "(a) is not enough;"),
        (91.0, 640.0, 11.0, False, "(2)"),
        (109.0, 640.0, 11.0, False, "look up."),
        (72.0, 610.0, 12.0, True, "Measure 1.1 Strings that are long and"),
        (72.0, 596.0, 12.0, True, "strong"),
        (72.0, 575.0, 11.0, False, "Strings are of hemp and run over the end of"),
        (72.0, 80.0, 8.0, False, "1 A footnote."),
        (290.0, 26.0, 11.0, False, "2"),
    ]
    second = [
        (72.0, 760.0, 11.0, False, "the page."),
        (72.0, 730.0, 20.0, True, "Glossary"),
        (72.0, 700.0, 11.0, False, "Words mean what they say."),
        (78.0, 670.0, 11.0, True, "Term"),
        (178.0, 670.0, 11.0, True, "Definition"),
        (78.0, 640.0, 11.0, False, "\u2018near"),
        (178.0, 640.0, 11.0, False, "a kite that did not"),
        (78.0, 626.0, 11.0, False, "miss\u2019"),
        (178.0, 626.0, 11.0, False, "fall."),
        (78.0, 600.0, 11.0, False, "\u2018use\u2019 (of a kite)"),
        (178.0, 600.0, 11.0, False, "flying it."),
        (290.0, 26.0, 11.0, False, "3"),
    ]
    third = [
        (72.0, 760.0, 20.0, True, "Appendices"),
        (72.0, 730.0, 12.0, True, "Appendix 1 Winds"),
        (72.0, 710.0, 12.0, False, "Appendix 1.1 Gales"),
        (72.0, 690.0, 11.0, False, "Gales are strong."),
        (290.0, 26.0, 11.0, False, "4"),
    ]
    return [title, first, second, third]


def test_code_of_practice_pdf() -> None:
    document = import_pdf(source(make_pdf(code_pages()), "any.pdf"))
    assert (document.doc_id, document.language, document.authority) == ("code-transparency", "en", "official")
    assert [(entry.level, entry.entry_id, entry.title, entry.text) for entry in document.entries] == [
        (
            1,
            "commitment-1",
            "Commitment 1 – Kites",
            "Signatories commit to fly well-made kites that are sound.\nThey will at least:\n"
            "(1) hold the string, as (a) is not enough;\n(2) look up.",
        ),
        (
            2,
            "measure-1-1",
            "Measure 1.1 – Strings that are long and strong",
            "Strings are of hemp and run over the end of the page.",
        ),
        (1, "glossary", "Glossary", "Words mean what they say."),
        (2, "glossary-near-miss", "‘near miss’", "a kite that did not fall."),
        (2, "glossary-use", "‘use’ (of a kite)", "flying it."),
        (1, None, "Appendices", ""),
        (2, "appendix-1", "Appendix 1 – Winds", ""),
        (3, "appendix-1-1", "Appendix 1.1 – Gales", "Gales are strong."),
    ]
    assert document.entries[1].reference == "Code of Practice, Transparency Chapter, Measure 1.1"


def test_another_pdf_comes_in_by_its_headings() -> None:
    pages = [
        [(72.0, 700.0, 16.0, True, "Kites"), (72.0, 670.0, 11.0, False, "They fly."), (72.0, 650.0, 11.0, False, "Up.")]
    ]
    document = import_pdf(source(make_pdf(pages), "kite-notes.en.pdf"))
    assert (document.doc_id, document.language, document.authority) == ("kite-notes", "en", "summary")
    assert [(entry.entry_id, entry.text) for entry in document.entries] == [("kites", "They fly. Up.")]


def test_a_legal_act_as_pdf_is_refused() -> None:
    pages = [[(72.0, 700.0, 11.0, False, "ELI: http://data.europa.eu/eli/reg/2031/77/oj")]]
    with pytest.raises(ImportRefused, match="HTML page of EUR-Lex"):
        import_pdf(source(make_pdf(pages)))


def test_pdfs_that_cannot_be_read() -> None:
    with pytest.raises(ImportRefused, match="cannot be opened"):
        import_pdf(source(b"%PDF-1.7 nothing", "broken.pdf"))
    with pytest.raises(ImportRefused, match="no text"):
        import_pdf(source(make_pdf([[]]), "scan.pdf"))
    with pytest.raises(ImportRefused, match="4 pages"):
        read_pdf(make_pdf(code_pages()), "long.pdf", max_pages=3)


# DOCX


def word_file(**properties: str) -> bytes:
    word = new_word_document()
    word.core_properties.title = properties.get("title", "")
    word.core_properties.language = properties.get("language", "")
    word.add_paragraph("Before any heading.")
    word.add_heading("Kites", 1)
    word.add_paragraph("They fly\tup.")
    word.add_heading("Strings", 2)
    paragraph = word.add_paragraph("Up to 10")
    paragraph.add_run("24").font.superscript = True
    grid = word.add_table(rows=4, cols=4)
    rows = [
        ("General", "AIO", "NCAs", "DPs"),
        ("Name:", "The kite's name.", "☒", "☐"),
        ("Colour:", "Its colour.", "☒", "☒"),
        ("", "More of it.", "☐", "☒"),
    ]
    rows = [(a, b, c, d) for a, b, c, d in rows]
    for row, values in zip(grid.rows, rows, strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    out = BytesIO()
    word.save(out)
    return out.getvalue()


def test_word_headings_and_form_rows() -> None:
    document = import_docx(source(word_file(title="Kite form", language="en-GB"), "kite-form.docx"))
    assert (document.doc_id, document.language, document.title) == ("kite-form", "en", "Kite form")
    assert [(entry.level, entry.entry_id, entry.text) for entry in document.entries] == [
        (1, "kite-form", "Before any heading."),
        (1, "kites", "They fly up."),
        (2, "strings", "Up to 10^24"),
        (1, None, ""),
        (2, "name", "The kite's name.\n☒ ☐"),
        (2, "colour", "Its colour.\n☒ ☒\nMore of it.\n☐ ☒"),
    ]


def test_zip_bombs_and_broken_word_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docx_importer, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ImportRefused, match="unpacks to"):
        import_docx(source(word_file(), "bomb.docx"))
    monkeypatch.undo()
    with pytest.raises(ImportRefused, match="not a Word document"):
        import_docx(source(b"PK\x03\x04 nothing", "broken.docx"))
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<x/>")
    with pytest.raises(ImportRefused, match="not a Word document"):
        import_docx(source(out.getvalue(), "hollow.docx"))


# Markdown and JSON Lines

OWN = """---
title: Kites
url: https://example.org/kites
publisher: Us
authority: translation
licence: CC0
published: 2031
retrieved: 2031-01-01
headings: editorial
---

# Part

## Who? {#who ref="1" url="https://example.org/kites#who"}

Anyone.
"""


def test_our_own_format_is_taken_over() -> None:
    file = SourceFile("de.md", OWN.encode(), path=Path("/somewhere/kite-faq/de.md"))
    document = import_markdown(file)
    assert (document.doc_id, document.language, document.authority) == ("kite-faq", "de", "translation")
    assert document.verbatim == OWN
    assert document.stable_ids
    assert import_markdown(source(OWN.replace("\n", "\r\n"), "kite-faq.de.md")).verbatim == OWN


def test_our_own_format_with_problems_is_refused() -> None:
    with pytest.raises(ImportRefused, match=r"de\.md:14: .*attributes"):
        import_markdown(source(OWN.replace("{#who", "{#Who"), "de.md"), doc_id="kites", language="de")
    with pytest.raises(ImportRefused, match="--language"):
        import_markdown(source(OWN, "kites.md"))


def test_general_markdown() -> None:
    text = "---\ntitle: Kites\ndate: 2031-05-06T00:00:00Z\n---\nIntro.\n\n# A *big* [kite](x)\n\nText.\n\n```\n# no heading\n```\n\nSetext\n------\n\n- # item\n\n## Own {#own-id}\n\nLast.\n\n## Own\n\nAgain."
    document = import_markdown(source(text, "kites.fr.md"))
    assert (document.doc_id, document.language, document.published) == ("kites", "fr", "2031-05-06")
    assert [(entry.level, entry.title, entry.entry_id, entry.text) for entry in document.entries] == [
        (1, "Kites", "kites", "Intro."),
        (1, "A big kite", "a-big-kite", "Text.\n\n```\n# no heading\n```"),
        (2, "Setext", "setext", "- # item"),
        (2, "Own", "own-id", "Last."),
        (2, "Own", "own", "Again."),
    ]


def test_json_lines_with_shared_ids_are_versions_of_one_document() -> None:
    lines = [
        '{"id": "Q 1", "lang": "de", "title": "Wer?", "text": "Alle."}',
        '{"id": "Q 2", "lang": "de", "title": "", "text": "Immer."}',
        "",
        '{"id": "Q 2", "lang": "fr", "title": "Quand ?", "text": "Toujours."}',
        '{"id": "Q 1", "lang": "fr", "title": "Qui ?", "text": "Tous."}',
    ]
    german, french = import_jsonl(source("\n".join(lines), "kites.jsonl"))
    assert (german.doc_id, german.language, french.doc_id, french.language) == ("kites", "de", "kites", "fr")
    assert (
        [entry.entry_id for entry in german.entries] == [entry.entry_id for entry in french.entries] == ["q-1", "q-2"]
    )
    assert german.entries[1].title == "Q 2"


def test_json_lines_with_ids_of_their_own_are_documents_of_their_own() -> None:
    lines = '{"id": 1, "lang": "de", "text": "a"}\n{"id": 2, "lang": "fr", "text": "b"}'
    documents = import_jsonl(source(lines), doc_id="faq")
    assert [document.doc_id for document in documents] == ["faq-de", "faq-fr"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"id": "A b", "lang": "fr", "text": "x"}', r"file:2: the id 'A b' .* 'a-b' on line 1"),
        ('{"id": "c", "lang": "fr"}', "file:2: 'text' is missing"),
        ('{"id": "c", "text": "x"}', "file:2: 'lang' is missing"),
        ('{"id": "c", "lang": "xx", "text": "x"}', "language 'xx' is unknown"),
        ('{"id": "??", "lang": "fr", "text": "x"}', "neither a-z nor 0-9"),
        ('{"id": ["c"], "lang": "fr", "text": "x"}', "not a text"),
        ("[1]", "no object"),
        ("{", "not JSON"),
    ],
)
def test_json_lines_with_problems(line: str, complaint: str) -> None:
    with pytest.raises(ImportRefused, match=complaint):
        import_jsonl(source('{"id": "a-b", "lang": "fr", "text": "x"}\n' + line))


def test_slugs_and_names() -> None:
    assert slug("Qui peut signer, où ? Straße") == "qui-peut-signer-ou-strasse"
    assert slug("a" * 50 + " " + "b" * 50) == "a" * 50
    assert slug("Ελλάδα") == ""
    unique = UniqueSlugs()
    assert [unique.of(text) for text in ("A", "a", "?", "?")] == ["a", "a-2", "entry", "entry-2"]
    assert name_parts("code-copyright.en.pdf") == ("code-copyright", "en")
    assert name_parts("https://x.eu/fr/faqs/kites?x=1") == ("kites", "")
    assert name_parts("L_202401689EN.000101.fmx.xml")[0] == "l-202401689en-000101"


def test_language_is_detected_or_asked_for() -> None:
    french = "# Titre\n\nLe cerf-volant est tenu par une ficelle et vole dans le vent au-dessus des collines."
    assert read_sources([("markdown", source(french, "x.md"))], None, None)[0].language == "fr"
    with pytest.raises(ImportRefused, match="--language"):
        read_sources([("markdown", source("# 1\n\n12", "x.md"))], None, None)
    with pytest.raises(ImportRefused, match="says that it is in 'en'"):
        read_sources([("eurlex", source(HTML_ACT))], None, "fr")


# The real files


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the official file {path} is not at hand")
    return path


@pytest.fixture(scope="module")
def acts() -> dict[str, ImportedDocument]:
    files = {code: real(f"ai-act.{code}.html") for code in ("fr", "en", "nl")}
    return {code: import_eurlex(SourceFile(path.name, path.read_bytes(), path=path)) for code, path in files.items()}


@pytest.mark.parametrize("code", ["fr", "en", "nl"])
def test_real_act_is_complete(acts: dict[str, ImportedDocument], code: str) -> None:
    document, entries = acts[code], by_id(acts[code])
    assert (document.doc_id, document.language, document.published) == ("ai-act", code, "2024-07-12")
    counts = Counter(key.partition("-")[0] for key in entries if re.fullmatch(r"(?:art|rct)-\d+|anx-[ivx]+", key))
    assert counts == {"art": 113, "rct": 180, "anx": 13}
    assert sum(entry.entry_id is None and entry.level == 1 for entry in document.entries) == 1 + 13
    assert {"art-3-63", "art-53-1-a", "art-53-1-d", "rct-97", "anx-xi-1", "anx-xi-2", "anx-xiii-a"} <= entries.keys()
    assert len([key for key in entries if re.fullmatch(r"art-3-\d+", key)]) == 68
    assert "10^25" in entries["art-51-2"].text


def test_real_act_has_the_same_entries_in_every_language(acts: dict[str, ImportedDocument]) -> None:
    shapes = {tuple((entry.level, entry.entry_id) for entry in document.entries) for document in acts.values()}
    assert len(shapes) == 1
    assert len(acts["fr"].entries) == 1480


def test_real_references(acts: dict[str, ImportedDocument]) -> None:
    references = {code: by_id(document)["art-53-1-a"].reference for code, document in acts.items()}
    assert references["en"] == "Article 53(1)(a)"
    assert references["fr"] == "Article 53, paragraphe 1, point a)"
    assert references["nl"] == "Artikel 53, lid 1, punt a)"
    link = by_id(acts["fr"])["art-53-1-a"].url
    assert link == "https://eur-lex.europa.eu/eli/reg/2024/1689/oj/fra#art_53"


def test_real_formex_gives_the_same_document(acts: dict[str, ImportedDocument]) -> None:
    folder = real("ai-act.en.formex")
    files = [SourceFile(path.name, path.read_bytes(), path=path) for path in folder.glob("*.xml")]
    document, html = import_formex(files), acts["en"]
    assert [(e.level, e.entry_id) for e in document.entries] == [(e.level, e.entry_id) for e in html.entries]
    assert document.published == html.published
    amendments = re.compile(r"art-(?:10[2-9]|110)")
    unlike = [
        entry.entry_id
        for entry, other in zip(document.entries, html.entries, strict=True)
        if entry != other and not amendments.match(entry.entry_id or "")
    ]
    assert unlike == []


@pytest.mark.parametrize("code", ["fr", "en", "nl"])
def test_no_word_of_the_real_act_is_lost(acts: dict[str, ImportedDocument], code: str) -> None:
    """Every word of the blocks, as often, stands in a text or a heading; labels of points stand in ids."""
    page = fromstring(real(f"ai-act.{code}.html").read_bytes(), parser=HTMLParser(encoding="utf-8"))
    printed: Counter[str] = Counter()
    for container in page.xpath('//div[@class="eli-container"]'):
        for note in container.xpath('.//p[contains(@class, "oj-note")] | .//a[starts-with(@id, "ntc")]'):
            note.drop_tree()
        for relevance in container.xpath('.//p[starts-with(normalize-space(), "(")][contains(@class, "oj-doc-ti")]'):
            relevance.drop_tree()  # "(Text with EEA relevance)" is left out of the title
        text = re.sub(r"\b([A-Z][a-z]+)-\n", r"\1-", container.text_content())
        printed.update(re.findall(r"\w+", text))
    document = acts[code]
    kept = Counter(re.findall(r"\w+", document.title))
    for entry in document.entries:
        kept.update(re.findall(r"\w+", f"{entry.title}\n{entry.text}"))
    lost = [word for word in printed - kept if len(word) > 1 and not word.isdigit()]
    assert [word for word in lost if not re.fullmatch(r"[ivx]+|\d+[a-z]", word)] == []


CODE_PARTS = [
    ("code-transparency", 1, [3]),
    ("code-copyright", 1, [5]),
    ("code-safety-security", 10, [4, 2, 5, 2, 1, 2, 7, 3, 4, 2]),
]


@pytest.mark.parametrize(("doc_id", "commitments", "measures"), CODE_PARTS)
def test_real_code_of_practice(doc_id: str, commitments: int, measures: list[int]) -> None:
    path = real(f"{doc_id}.en.pdf")
    document = import_pdf(SourceFile(path.name, path.read_bytes(), path=path))
    entries = by_id(document)
    assert (document.doc_id, document.published, document.authority) == (doc_id, "2025-07-10", "official")
    assert [key for key in entries if key.startswith("commitment")] == [
        f"commitment-{number}" for number in range(1, commitments + 1)
    ]
    assert [key for key in entries if key.startswith("measure")] == [
        f"measure-{number}-{part}" for number, count in enumerate(measures, start=1) for part in range(1, count + 1)
    ]
    assert {"objectives", "recitals"} <= entries.keys()
    if doc_id == "code-safety-security":
        appendices = (
            "1 1-1 1-2 1-2-1 1-2-2 1-3 1-3-1 1-3-2 1-3-3 1-4 2 2-1 2-2 3 3-1 3-2 3-3 3-4 3-5 4 4-1 4-2 4-3 4-4 4-5"
        )
        assert [key for key in entries if key.startswith("appendix")] == [f"appendix-{n}" for n in appendices.split()]
        assert sum(key.startswith("glossary-") for key in entries) == 35
    text = "\n".join(entry.text for entry in document.entries)
    assert not re.search(r"\w\x02|^\d+$", text, re.MULTILINE)  # no divided word, no page number on a line of its own
    carried = (path.with_suffix(".md")).read_text(encoding="utf-8")
    words = Counter(re.findall(r"[a-z]{4,}", text.lower() + " ".join(e.title.lower() for e in document.entries)))
    other = Counter(re.findall(r"[a-z]{4,}", carried.lower()))
    assert sum((words & other).values()) >= 0.97 * sum(words.values())
    assert sum((words & other).values()) >= 0.95 * sum(other.values())


def test_real_model_documentation_form() -> None:
    path = real("code-model-documentation-form.en.docx")
    document = import_docx(SourceFile(path.name, path.read_bytes(), path=path))
    entries = by_id(document)
    assert (document.doc_id, document.language, document.authority) == (
        "code-model-documentation-form",
        "en",
        "official",
    )
    assert {"model-documentation-form", "model-name", "license", "training-time"} <= entries.keys()
    assert entries["model-name"].text.endswith("AIO ☒, NCAs ☒, DPs ☒")
    assert entries["model-name"].reference == "Code of Practice, Model Documentation Form, Model name"
    assert len(entries) == 37


def test_a_pdf_with_a_broken_page_is_refused() -> None:
    objects = (
        b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count\n3 0 obj\n<<>>\n"
    )
    with pytest.raises(ImportRefused, match="cannot be opened"):
        read_pdf(b"%PDF-1.7\n" + objects + b"trailer <</Root 1 0 R /Size 4>>\n%%EOF\n", "broken.pdf")
