"""EUR-Lex HTML of the Official Journal: only the `eli-container` blocks, the act and then its annexes.

Source: the pages of https://eur-lex.europa.eu, `oj-*` classes and ELI subdivision ids (`art_53`, `rct_97`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from corpus.errors import ImportRefused
from corpus.sources.act_entries import act_document
from corpus.sources.act_identity import eli_of, iso_date
from corpus.sources.acts import Act, Block, Division, Point, Provision, Section, folded
from corpus.sources.eurlex_blocks import blocks_of, child_blocks, text_of
from corpus.sources.html import canonical, classes, has_class, meta, parse_html
from corpus.sources.parts import ImportedDocument, SourceFile

_IS_CONTAINER = has_class("eli-container")
_CONTAINER = f"//div[{_IS_CONTAINER}][not(ancestor::div[{_IS_CONTAINER}])]"
_SUBDIVISION = re.compile(r"(art|rct|anx|cpt|sct|tis|prt|cit|pbl|enc|fnp|tit)_([^.]*)$")


def import_eurlex(source: SourceFile, language: str | None = None) -> ImportedDocument:
    """The act of a EUR-Lex page; `language` serves where the page names none.

    Raises ImportRefused when the page has no `eli-container`.
    """
    root = parse_html(source.data, source.name)
    containers = root.xpath(_CONTAINER)
    if not containers:
        remedy = "Save the act's page of the Official Journal (not the consolidated text), or use Formex"
        raise ImportRefused(f"{source.name} has no eli-container block. {remedy}.")
    parts: list[Division | Provision] = []
    titles = [text_of(p) for p in containers[0].xpath(f".//div[@id='tit_1']//p[{has_class('oj-doc-ti')}]")]
    for container in containers:
        parts.extend(_annex(container) if (container.get("id") or "").startswith("anx_") else _body(container))
    printed = _first(root, "oj-hd-lg") or meta(root, "WT.z_usr_lan")
    kind, year, number = eli_of(
        canonical(root), source.url, *root.xpath("//p[starts-with(normalize-space(), 'ELI:')]/text()"), title=titles
    )
    return act_document(
        Act(
            language=printed.lower() or language or "",
            title=" ".join(title for title in titles if not title.startswith("(")),
            eli_type=kind,
            year=year,
            number=number,
            published=iso_date(_first(root, "oj-hd-date")) or year,
            publisher=_first(root, "oj-hd-ti") or "Official Journal of the European Union",
            parts=tuple(parts),
        )
    )


def _first(root: HtmlElement, name: str) -> str:
    found = root.xpath(f"//p[{has_class(name)}]")
    return text_of(found[0]) if found else ""


def _body(container: HtmlElement) -> Iterator[Division | Provision]:
    """Preamble, recitals, divisions, articles and the concluding formulas, in order."""
    for child in container:
        name = child.get("id") or ""
        if name.startswith("pbl_"):
            yield from _preamble(child)
        elif name.startswith("enc_"):
            yield from _enacting(child, 1)
        elif name.startswith("fnp_") or "oj-final" in classes(child):
            yield _final(child)


def _preamble(element: HtmlElement) -> Iterator[Division | Provision]:
    recitals = [child for child in element if (child.get("id") or "").startswith("rct_")]
    lines: list[str] = []
    above = ""
    for child in element:
        if child in recitals:
            continue
        texts = list(folded(tuple(blocks_of(child) if child.tag == "div" else [text_of(child)])))
        if recitals and child.getnext() is recitals[0]:
            above = " ".join(texts).rstrip(": ")
            continue
        lines.extend(text for text in texts if text)
    if lines:
        name = lines[0].rstrip(", ")
        yield Provision("preamble", "", name, "", tuple(lines[1:]) or (lines[0],))
    if recitals:
        yield Division(1, above or "(1)–")
    for recital in recitals:
        number = (recital.get("id") or "").removeprefix("rct_")
        blocks = tuple(blocks_of(recital))
        if len(blocks) == 1 and isinstance(blocks[0], Point):
            blocks = blocks[0].blocks
        yield Provision("recital", number, f"({number})", "", blocks)


def _enacting(element: HtmlElement, level: int) -> Iterator[Division | Provision]:
    for child in element:
        match = _SUBDIVISION.search(child.get("id") or "")
        if match and match[1] == "art":
            yield _article(child, match[2])
        elif match and match[1] in ("cpt", "sct", "tis", "prt"):
            heads = child.xpath(f"./p[{has_class('oj-ti-section-1')}] | ./div[{has_class('eli-title')}]")
            yield Division(level, " – ".join(text for text in map(text_of, heads) if text))
            yield from _enacting(child, level + 1)
        elif child.tag == "div" and not {"eli-title"} & classes(child):
            yield from _enacting(child, level)


def _article(element: HtmlElement, number: str) -> Provision:
    names = element.xpath(f"./p[{has_class('oj-ti-art')}]")
    titles = element.xpath(f"./div[{has_class('eli-title')}]")
    blocks = tuple(blocks_of(element))
    name = text_of(names[0]) if names else number
    return Provision("article", number, name, " ".join(map(text_of, titles)), blocks)


def _annex(container: HtmlElement) -> Iterator[Provision]:
    heads = [text_of(p) for p in container.xpath(f".//p[{has_class('oj-doc-ti')}]")]
    number = (container.get("id") or "").removeprefix("anx_") or "1"
    yield Provision("annex", number, heads[0] if heads else number, " ".join(heads[1:]), tuple(_sections(container)))


def _sections(container: HtmlElement) -> Iterator[Block]:
    """Blocks up to the first group title, then a section for each title; a second title line completes it."""
    title = ""
    inside: list[Block] = []
    previous_is_title = False
    for child in container:
        is_title = "oj-ti-grseq-1" in classes(child)
        if is_title and previous_is_title:
            title = f"{title} – {text_of(child)}"
        elif is_title:
            if title:
                yield Section(title, tuple(inside))
            title, inside = text_of(child), []
        elif title:
            inside.extend(child_blocks(child))
        else:
            yield from child_blocks(child)
        previous_is_title = is_title
    if title:
        yield Section(title, tuple(inside))


def _final(element: HtmlElement) -> Provision:
    return Provision("final", "", "", "", tuple(folded(tuple(blocks_of(element)))))
