"""A corpus folder read whole: documents, question bank, negatives; and the check of all of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from corpus.documents import Document, data_folder, document_paths, read_document, reference_document
from corpus.errors import CorpusError, Problem
from corpus.questions import NEGATIVE_KINDS, UNANSWERED, BankQuestion, Negative, bank_paths, read_bank


@dataclass(frozen=True, slots=True)
class Collection:
    """Everything a corpus folder holds, sorted by document id and language."""

    documents: tuple[Document, ...]
    bank: tuple[BankQuestion, ...] = ()
    negatives: tuple[Negative, ...] = ()

    @property
    def sha256(self) -> str:
        """Checksum over every text and question: the same corpus, the same value."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(f"{document.doc_id}\0{document.language}\0{document.sha256}\0".encode())
        for question in self.bank:
            row = f"{question.doc_id}\0{question.entry_id}\0{question.language}\0{question.text}\0"
            digest.update(row.encode())
        for negative in self.negatives:
            digest.update(f"{negative.kind}\0{negative.language}\0{negative.text}\0".encode())
        return digest.hexdigest()

    def versions(self) -> dict[str, dict[str, Document]]:
        """Document id to language to document."""
        grouped: dict[str, dict[str, Document]] = defaultdict(dict)
        for document in self.documents:
            grouped[document.doc_id][document.language] = document
        return dict(grouped)


def read_collection(corpus: Path) -> Collection:
    """Read and check a corpus folder. Raises CorpusError with every problem found."""
    if not corpus.is_dir():
        problem = Problem(
            corpus, 1, "The corpus folder does not exist", "Pass --corpus a folder with <doc_id>/<language>.md"
        )
        raise CorpusError([problem])
    problems: list[Problem] = []
    documents: list[Document] = []
    paths: dict[tuple[str, str], Path] = {}
    for path in document_paths(corpus):
        try:
            document = read_document(path)
        except CorpusError as error:
            problems.extend(error.problems)
            continue
        documents.append(document)
        paths[document.doc_id, document.language] = path
    if not documents and not problems:
        where = data_folder(corpus)
        problems.append(Problem(where, 1, "There is no document", "Add <doc_id>/<language>.md, see corpus/README.md"))
    versions = Collection(tuple(documents)).versions()
    for by_language in versions.values():
        problems.extend(_unlike(by_language, paths))
    bank: list[BankQuestion] = []
    negatives: list[Negative] = []
    for path in bank_paths(corpus):
        try:
            rows = read_bank(path)
        except CorpusError as error:
            problems.extend(error.problems)
            continue
        doc_id, language = path.parent.name, path.stem
        if doc_id == UNANSWERED:
            known = answering = set(NEGATIVE_KINDS)
        else:
            entries = [entry for document in versions.get(doc_id, {}).values() for entry in document.entries]
            known = {entry.entry_id for entry in entries}
            answering = {entry.entry_id for entry in entries if entry.end > entry.start}
        for key, text, line in rows:
            if key not in known:
                listed = ", ".join(sorted(known)[:8]) or "none: the document is missing"
                problems.append(Problem(path, line, f"{key!r} is unknown in {doc_id!r}", f"Known: {listed} ..."))
            elif key not in answering:
                what = f"The entry {key!r} has no text of its own"
                problems.append(Problem(path, line, what, "Move the question to the part that answers it"))
            elif doc_id == UNANSWERED:
                negatives.append(Negative(key, language, text))
            else:
                bank.append(BankQuestion(doc_id, key, language, text))
    if problems:
        raise CorpusError(problems)
    return Collection(tuple(documents), tuple(bank), tuple(negatives))


def _unlike(versions: dict[str, Document], paths: dict[tuple[str, str], Path]) -> list[Problem]:
    """Entries that the reference version has and another lacks, or the other way round."""
    reference = reference_document(versions)
    expected = [entry.entry_id for entry in reference.entries]
    problems: list[Problem] = []
    for document in versions.values():
        path = paths[document.doc_id, document.language]
        present = [entry.entry_id for entry in document.entries]
        for entry_id in expected:
            if entry_id not in present:
                what = f"The entry {entry_id!r} of the {reference.language} version is missing"
                problems.append(
                    Problem(path, 1, what, f"Add it, as in {paths[document.doc_id, reference.language].name}")
                )
        for entry in document.entries:
            if entry.entry_id not in expected:
                what = f"The entry {entry.entry_id!r} is not in the {reference.language} version"
                problems.append(Problem(path, entry.line, what, "Use the same ids in every language"))
        if sorted(present) == sorted(expected) and present != expected:
            first = next(i for i, (a, b) in enumerate(zip(present, expected, strict=True)) if a != b)
            what = f"The entry {present[first]!r} stands in another place than in {reference.language}"
            remedy = "Keep the entries in the same order in every language"
            problems.append(Problem(path, document.entries[first].line, what, remedy))
    return problems
