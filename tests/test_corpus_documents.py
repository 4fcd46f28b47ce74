"""The document format: what is read, where it stands, and what each error says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from conftest import ENGLISH, FRENCH
from hypothesis import given
from hypothesis import strategies as st

from corpus.documents import (
    AUTHORITIES,
    REQUIRED_KEYS,
    Authority,
    Document,
    data_folder,
    document_paths,
    parse_document,
    read_document,
    reference_document,
)
from corpus.errors import CorpusError, Problem

PATH = Path("data/faq/fr.md")
FRONT_LINES = len(REQUIRED_KEYS) + 2  # the keys and the two fences


def parse(text: str, doc_id: str = "faq", language: str = "fr") -> Document:
    return parse_document(text, doc_id=doc_id, language=language, path=PATH)


def problems(text: str, doc_id: str = "faq", language: str = "fr") -> list[Problem]:
    with pytest.raises(CorpusError) as caught:
        parse(text, doc_id, language)
    return caught.value.problems


def with_body(body: str) -> str:
    """The French front matter (9 lines) and this body, from line 10 on."""
    return "\n".join(FRENCH.split("\n")[:FRONT_LINES]) + "\n" + body


def test_a_document_holds_its_front_matter_and_its_whole_file() -> None:
    document = parse(FRENCH)
    assert document.text == FRENCH
    assert (document.doc_id, document.language, document.title) == ("faq", "fr", "Questions")
    assert (document.url, document.publisher) == ("https://example.org/fr/faq", "Example Office")
    assert (document.authority, document.licence) == ("official", "CC-BY-4.0")
    assert (document.published, document.retrieved) == ("2025-07", "2026-11-24")
    assert (document.headings, document.note, document.state) == ("", "", "")


def test_an_entry_is_its_body_with_the_headings_above_it() -> None:
    document = parse(FRENCH)
    assert [entry.entry_id for entry in document.entries] == ["withdraw", "deadline", "person"]
    entry = document.entry("withdraw")
    assert entry.path == ("Général", "Peut-on retirer sa signature ?")
    assert entry.heading == "Peut-on retirer sa signature ?"
    assert document.body(entry) == "Oui, la signature peut être retirée à tout moment."
    assert entry.start == FRENCH.index("Oui, la signature")
    assert entry.line == FRENCH[: FRENCH.index("## Peut-on")].count("\n") + 1
    with pytest.raises(KeyError):
        document.entry("no-such")


def test_a_body_keeps_its_inner_paragraphs_and_loses_the_space_around() -> None:
    document = parse(with_body("\n## Q {#q}\n\n  One.\n\nTwo.  \n\n\n## R {#r}\n\nThree."))
    assert [document.body(entry) for entry in document.entries] == ["One.\n\nTwo.", "Three."]


def test_pinpoint_and_address_are_read_from_the_heading() -> None:
    document = parse(with_body('## Art {#art-53-1-a ref="Article 53(1)(a)" url="https://example.org/53"}\nText.'))
    (entry,) = document.entries
    assert (entry.entry_id, entry.reference, entry.url) == ("art-53-1-a", "Article 53(1)(a)", "https://example.org/53")
    assert entry.heading == "Art"


def test_entries_nest_and_a_part_may_stand_for_its_whole() -> None:
    body = "# T {#t}\n## A {#a}\nFirst:\n### A1 {#a1}\nx\n### Between\n#### A2 {#a2}\ny\n## B {#b}\nz\n"
    document = parse(with_body(body))
    found = {entry.entry_id: (entry.path, entry.parent_id, document.body(entry)) for entry in document.entries}
    assert found == {
        "t": (("T",), None, ""),
        "a": (("T", "A"), "t", "First:"),
        "a1": (("T", "A", "A1"), "a", "x"),
        "a2": (("T", "A", "Between", "A2"), "a", "y"),
        "b": (("T", "B"), "t", "z"),
    }


def test_the_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "faq" / "fr.md"
    path.parent.mkdir()
    path.write_bytes(FRENCH.encode())
    document = read_document(path)
    assert document.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (document.doc_id, document.language) == ("faq", "fr")
    assert replace(document, text=FRENCH + " ").sha256 != document.sha256


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("---\ntitle", "title", 1, "There is no front matter"),
        ("title: Questions", "title: a: b", 2, "The front matter is not YAML"),
        ("title: Questions\n", "", 2, "The front matter has no 'title'"),
        ("title: Questions", "title:", 2, "The front matter has no 'title'"),
        ("licence: CC-BY-4.0", "licence: ' '", 6, "The front matter has no 'licence'"),
        ("authority: official", "authority: divine", 5, "The authority 'divine' is unknown"),
        ("published: 2025-07", "published: July 2025", 7, "published 'July 2025' is not a date"),
        ("retrieved: 2026-11-24", "retrieved: 24.11.2026", 8, "retrieved '24.11.2026' is not a date"),
        ("url: https://example.org", "url: ftp://example.org", 3, "The url 'ftp://example.org/fr/faq' is not a web"),
        ("licence: CC", "colour: red\nlicence: CC", 6, "The key 'colour' is unknown"),
        ("licence: CC", "note: [a, b]\nlicence: CC", 6, "'note' is not a text"),
        ("# Général", "Bonjour.\n\n# Général", 11, "Text stands before the first heading"),
        ("# Général\n", "# Général\n\nBonjour.\n", 12, "Text belongs to no entry"),
        ("{#deadline}", "{#withdraw}", 17, "The entry id 'withdraw' stands already on line 13"),
        ("{#deadline}", "{#Dead_line}", 17, "The heading's attributes {#Dead_line} cannot be read"),
        ("{#deadline}", "{deadline}", 17, "The heading's attributes {deadline} cannot be read"),
        ("{#deadline}", '{#deadline href="x"}', 17, "Unknown attributes ['href']"),
        ("## Quelle est la date limite ? {#", "## {#", 17, "The heading is empty"),
        ("Oui, la signature peut être retirée à tout moment.", "", 13, "The entry 'withdraw' has no text"),
        ("Oui, la", "Oui,\a la", 15, "The control character '\\x07' stands in the text"),
        ("moment.\n", "moment.\r\n", 15, "The control character '\\r' stands in the text"),
    ],
)
def test_an_error_names_its_line_and_the_remedy(old: str, new: str, line: int, what: str) -> None:
    assert old in FRENCH
    first = problems(FRENCH.replace(old, new, 1))[0]
    assert (first.path, first.line) == (PATH, line)
    assert first.what.startswith(what)
    assert first.remedy
    assert str(first) == f"{PATH}:{line}: {first.what}. {first.remedy}"


def test_no_entry_at_all_is_an_error() -> None:
    assert [(p.line, p.what) for p in problems(with_body(""))] == [(FRONT_LINES + 1, "There is no entry")]


@pytest.mark.parametrize(
    ("doc_id", "language", "what"),
    [
        ("FAQ", "fr", "The document id 'FAQ' is not usable"),
        ("a_b", "fr", "The document id 'a_b' is not usable"),
        ("faq", "xx", "The language 'xx' is unknown"),
    ],
)
def test_a_file_must_lie_in_its_place(doc_id: str, language: str, what: str) -> None:
    assert [(p.line, p.what) for p in problems(FRENCH, doc_id, language)] == [(1, what)]


def test_every_problem_is_told_at_once_and_in_order() -> None:
    text = FRENCH.replace("authority: official", "authority: divine").replace("{#deadline}", "{#withdraw}")
    found = problems(text.replace("moment.", "moment.\x00"), doc_id="FAQ")
    assert [p.line for p in found] == [1, 5, 15, 17]
    with pytest.raises(CorpusError) as caught:
        parse(text)
    assert str(caught.value) == "\n".join(str(p) for p in caught.value.problems)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "faq" / "fr.md"
    path.parent.mkdir()
    path.write_bytes(FRENCH.encode("latin-1"))
    with pytest.raises(CorpusError, match=r"fr\.md:1: The file is not UTF-8 .*Save it as UTF-8"):
        read_document(path)


def test_documents_lie_in_data_or_in_the_folder_itself(tmp_path: Path) -> None:
    def put(*names: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")

    put("b/fr.md", "a/de.md", "a/_draft.md", "a/.hidden.md", "a/notes.txt", "README.md")
    assert data_folder(tmp_path) == tmp_path
    assert [p.relative_to(tmp_path).as_posix() for p in document_paths(tmp_path)] == ["a/de.md", "b/fr.md"]
    put("data/c/en.md")
    assert data_folder(tmp_path) == tmp_path / "data"
    assert [p.relative_to(tmp_path).as_posix() for p in document_paths(tmp_path)] == ["data/c/en.md"]


def version(language: str, authority: Authority) -> Document:
    return replace(parse(ENGLISH, language="en"), language=language, authority=authority)


def test_the_reference_is_official_before_summary_before_translation_then_french_then_english() -> None:
    plain = [
        (authority, language)
        for authority in ("official", "summary", "translation")
        for language in ["fr", "en", "bg", "de"]
    ]
    for one, other in product(plain, repeat=2):
        if one[1] == other[1]:
            continue
        versions = {language: version(language, authority) for authority, language in (one, other)}  # type: ignore[arg-type]
        expected = min(one, other, key=plain.index)
        assert reference_document(versions) == versions[expected[1]], (one, other)
    assert set(AUTHORITIES) == {authority for authority, _ in plain}


def test_no_version_has_no_reference() -> None:
    with pytest.raises(ValueError, match="Pass at least one"):
        reference_document({})


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="#{}"), min_size=1).map(
    str.strip
)
BODIES = st.lists(WORDS.filter(bool), min_size=1, max_size=4).map("\n\n".join)


@given(
    st.lists(st.tuples(WORDS.filter(bool), BODIES, st.sampled_from(["\n", "\n\n", "\n \n\n"])), min_size=1, max_size=5)
)
def test_what_was_written_is_what_is_read(parts: list[tuple[str, str, str]]) -> None:
    text = with_body("".join(f"## {title} {{#e-{i}}}{gap}{body}{gap}" for i, (title, body, gap) in enumerate(parts)))
    document = parse(text)
    assert [(e.heading, document.body(e)) for e in document.entries] == [(title, body) for title, body, _ in parts]
    assert [text.split("\n")[e.line - 1] for e in document.entries] == [
        f"## {title} {{#e-{i}}}" for i, (title, _, _) in enumerate(parts)
    ]
