"""Files of any kind to documents: each kind's importer, and what the file itself does not tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from corpus.detection import detector
from corpus.errors import ImportRefused
from corpus.languages import LANGUAGES
from corpus.sources.code_pdf import import_pdf
from corpus.sources.commission import import_commission
from corpus.sources.docx import import_docx
from corpus.sources.eurlex import import_eurlex
from corpus.sources.formex import formex_key, import_formex
from corpus.sources.jsonl import import_jsonl
from corpus.sources.markdown import import_markdown
from corpus.sources.parts import ImportedDocument, ImportedEntry, SourceFile
from corpus.sources.slugs import slug

MIN_LANGUAGE_CONFIDENCE = 0.9
SAMPLE_CHARS = 4000


def read_sources(
    sources: Sequence[tuple[str, SourceFile]], doc_id: str | None, language: str | None
) -> list[ImportedDocument]:
    """Documents of the files, each given with its kind; the Formex files of one act become one document.

    Raises ImportRefused when a file contradicts `language`, or when the language cannot be told.
    """
    documents: list[ImportedDocument] = []
    formex: dict[tuple[str, str, str], list[SourceFile]] = defaultdict(list)
    for kind, source in sources:
        if kind == "formex":
            formex[formex_key(source)].append(source)
        elif kind == "jsonl":
            # Its languages may be documents of their own, so it makes the ids itself.
            documents.extend(
                _completed(document, None, language) for document in import_jsonl(source, doc_id, language)
            )
        elif kind == "eurlex":
            documents.append(_completed(import_eurlex(source, language), doc_id, language))
        elif kind == "markdown":
            documents.append(_completed(import_markdown(source, doc_id, language), doc_id, language))
        else:
            documents.append(_completed(_ONE_EACH[kind](source), doc_id, language))
    documents.extend(_completed(import_formex(files), doc_id, language) for files in formex.values())
    return documents


_ONE_EACH: dict[str, Callable[[SourceFile], ImportedDocument]] = {
    "pdf": import_pdf,
    "docx": import_docx,
    "page": import_commission,
}


def _completed(document: ImportedDocument, doc_id: str | None, language: str | None) -> ImportedDocument:
    """The document with its language known, and its id when the caller names one."""
    code = document.language if document.language in LANGUAGES else ""
    if language and code and code != language:
        what = f"{document.title!r} says that it is in {code!r}, but --language says {language!r}"
        raise ImportRefused(f"{what}. Leave --language out.")
    code = code or language or _detected(document)
    chosen = doc_id or slug(document.doc_id)
    if not chosen:
        raise ImportRefused(f"No document id can be made of {document.title!r}. Pass --doc-id.")
    return replace(document, doc_id=chosen, language=code, entries=_pruned(document.entries))


def _detected(document: ImportedDocument) -> str:
    sample = "\n".join(entry.text for entry in document.entries)[:SAMPLE_CHARS]
    found = detector("py3langid").detect(sample)
    if found.confidence < MIN_LANGUAGE_CONFIDENCE:
        raise ImportRefused(f"The language of {document.title!r} cannot be told. Pass --language, as in --language fr.")
    return found.code


def _pruned(entries: tuple[ImportedEntry, ...]) -> tuple[ImportedEntry, ...]:
    """Without the headings that have neither text nor anything below them."""
    kept: list[ImportedEntry] = []
    for entry in reversed(entries):
        if entry.text.strip() or (kept and kept[-1].level > entry.level):
            kept.append(entry)
    return tuple(reversed(kept))
