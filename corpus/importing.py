"""Files, folders and addresses into corpus documents: found, told apart, read apart, aligned and written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from corpus.alignment import Known, aligned, known_version
from corpus.documents import Document, data_folder, read_document, reference_document
from corpus.errors import CorpusError, ImportRefused
from corpus.fetching import fetch, is_url
from corpus.sniffing import kind_of
from corpus.sources.formex import manifest_name
from corpus.sources.parts import ImportedDocument, SourceFile
from corpus.sources.worker import read_apart
from corpus.writer import write_documents

TIMEOUT_SECONDS = 60.0
MAX_BYTES = 50_000_000
MAX_FILES = 500
_ENDINGS = {".html", ".htm", ".xhtml", ".xml", ".pdf", ".docx", ".md", ".markdown", ".jsonl", ".ndjson"}


def import_sources(
    sources: list[str],
    corpus: Path,
    *,
    doc_id: str | None,
    language: str | None,
    retrieved: str,
    allow_private: bool = False,
    timeout_seconds: float = TIMEOUT_SECONDS,
    max_bytes: int = MAX_BYTES,
) -> list[Path]:
    """Import files, folders and web addresses; the paths that were written, in order.

    `retrieved` is today's date, YYYY-MM-DD. `timeout_seconds` holds for each fetch and for reading all files,
    `max_bytes` for each file. A document is replaced whole; either all documents are written or none.
    Raises ImportRefused naming the value and the remedy.
    """
    files: list[SourceFile] = []
    for source in sources:
        if is_url(source):
            fetched = fetch(source, timeout_seconds=timeout_seconds, max_bytes=max_bytes, allow_private=allow_private)
            files.append(fetched)
        else:
            files.extend(_local(Path(source), max_bytes))
    if not files:
        raise ImportRefused("There is nothing to import. Pass a file, a folder or an address.")
    if len(files) > MAX_FILES:
        raise ImportRefused(f"{len(files)} files are more than {MAX_FILES}. Import them in several runs.")
    kinds: list[tuple[str, SourceFile]] = [(kind_of(file), file) for file in files]
    kinds.extend(("formex", manifest) for manifest in _manifests(kinds, max_bytes))
    documents = read_apart(kinds, doc_id, language, timeout_seconds)
    if not documents:
        raise ImportRefused(f"{', '.join(sources)}: no document was found. Pass an act, a page or a text.")
    documents = aligned([_dated(document, retrieved) for document in documents], _held(documents, corpus))
    return write_documents(documents, corpus, retrieved)


def _local(path: Path, max_bytes: int) -> Iterator[SourceFile]:
    """The file, or the files of a folder in the order of their names, hidden and unread kinds left out."""
    if path.is_dir():
        members = sorted(
            p for p in path.iterdir() if p.is_file() and p.suffix.lower() in _ENDINGS and p.name[0] not in "._"
        )
        if not members:
            raise ImportRefused(
                f"The folder {path} holds none of {', '.join(sorted(_ENDINGS))}. Pass the files themselves."
            )
        for member in members:
            yield _read(member, max_bytes)
    elif path.is_file():
        yield _read(path, max_bytes)
    else:
        raise ImportRefused(f"{path} does not exist. Check the path, or pass an address with https://.")


def _read(path: Path, max_bytes: int) -> SourceFile:
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read ({error.strerror}). Check its rights.") from error
    if len(data) > max_bytes:
        raise ImportRefused(f"{path} is larger than {max_bytes} bytes. Split it, or pass a smaller file.")
    return SourceFile(path.name, data, path=path.resolve())


def _manifests(kinds: list[tuple[str, SourceFile]], max_bytes: int) -> Iterator[SourceFile]:
    """Manifests beside Formex files that were not named themselves: they hold the ELI and the date of publication."""
    present = {source.path for kind, source in kinds if kind == "formex" and source.path}
    wanted: set[Path] = set()
    for path in present:
        name = manifest_name(next(source for _, source in kinds if source.path == path))
        beside = path.parent / Path(name).name if name else path
        if beside not in present and beside.is_file():
            wanted.add(beside)
    yield from (_read(path, max_bytes) for path in sorted(wanted))


def _dated(document: ImportedDocument, retrieved: str) -> ImportedDocument:
    """What the source does not tell, and the format wants, said plainly in the note."""
    missing = []
    url, published, publisher = document.url, document.published, document.publisher
    if not url.startswith(("https://", "http://")):
        # The name space .invalid is reserved for addresses that lead nowhere (RFC 2606).
        url = f"https://{document.doc_id}.invalid/"
        missing.append("address (url)")
    if not published:
        published = retrieved
        missing.append("date of publication (the day of import stands instead)")
    if not publisher:
        publisher = "unknown"
        missing.append("publisher")
    if not missing:
        return document
    told = f"The source does not tell its {', '.join(missing)}."
    note = f"{document.note} {told}".strip()
    return replace(document, url=url, published=published, publisher=publisher, note=note)


def _held(documents: list[ImportedDocument], corpus: Path) -> dict[str, list[Known]]:
    """What the corpus holds of these documents, the version that is cited first; unreadable versions left out."""
    held: dict[str, list[Known]] = {}
    for doc_id in {document.doc_id for document in documents}:
        versions: dict[str, Document] = {}
        for path in sorted((data_folder(corpus) / doc_id).glob("*.md")):
            try:
                versions[path.stem] = read_document(path)
            except CorpusError:
                continue
        if versions:
            first = reference_document(versions)
            rest = [version for version in versions.values() if version is not first]
            held[doc_id] = [known_version(version) for version in (first, *rest)]
    return held
