"""`python -m corpus check` and `python -m corpus import`."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import date
from pathlib import Path

from corpus.collection import read_collection
from corpus.errors import CorpusError, ImportRefused
from corpus.importing import MAX_BYTES, TIMEOUT_SECONDS, import_sources
from corpus.languages import LANGUAGES

DEFAULT_CORPUS = Path(__file__).parent
_IMPORT_HELP = """\
Reads, told apart by content and not by name:
  EUR-Lex HTML          the Official Journal's page of an act
  Formex XML            an act, its annexes, or the whole folder of them
  Commission pages      FAQ accordions and headings of policy pages (HTML)
  PDF                   the chapters of the Code of Practice, or any PDF with text
  DOCX                  headings and forms
  Markdown              our own format as it is; otherwise a heading becomes an entry
  JSON Lines            {"id", "lang", "title", "text"} a line

Writes <corpus>/data/<doc-id>/<language>.md, or <corpus>/<doc-id>/<language>.md where there is no data
folder. A document is replaced whole; nothing is written unless everything can be.

examples:
  python -m corpus import https://eur-lex.europa.eu/eli/reg/2024/1689/oj/fra
  python -m corpus import ai-act.en.formex/
  python -m corpus import faq.jsonl --corpus helpdesk --doc-id helpdesk-faq
"""


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 1 the corpus has problems or the import was refused, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    return _check(options.corpus) if options.command == "check" else _import(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m corpus", description="The texts: check them, import new ones.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--corpus",
        type=Path,
        default=DEFAULT_CORPUS,
        metavar="DIR",
        help="the corpus folder (default: this checkout's)",
    )
    about = "Print every problem as file:line: what, remedy; when there is none, what the corpus holds."
    commands.add_parser("check", parents=[where], help="check every document and question", description=about)
    importer = commands.add_parser(
        "import",
        parents=[where],
        help="turn official formats into documents",
        description="Turn files, folders and web addresses into documents of the corpus.",
        epilog=_IMPORT_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    importer.add_argument("sources", nargs="+", metavar="FILE_OR_URL", help="a file, a folder, or an http(s) address")
    importer.add_argument(
        "--doc-id", metavar="ID", help="the document's id (default: from the act, or the file's name)"
    )
    importer.add_argument(
        "--language",
        choices=sorted(LANGUAGES),
        metavar="CODE",
        help="the language, where the file does not tell (fr, de, ...)",
    )
    importer.add_argument(
        "--allow-private", action="store_true", help="fetch also from private and loopback addresses (an intranet)"
    )
    importer.add_argument(
        "--timeout-seconds",
        type=_positive,
        default=TIMEOUT_SECONDS,
        metavar="N",
        help="for each fetch, and for reading",
    )
    importer.add_argument(
        "--max-bytes", type=int, default=MAX_BYTES, metavar="N", help="for each file (default: %(default)s)"
    )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value


def _check(corpus: Path) -> int:
    try:
        collection = read_collection(corpus)
    except CorpusError as error:
        for problem in error.problems:
            print(problem)
        print(f"{len(error.problems)} problem(s)", file=sys.stderr)
        return 1
    questions: dict[str, int] = {}
    for question in collection.bank:
        questions[question.doc_id] = questions.get(question.doc_id, 0) + 1
    for doc_id, versions in collection.versions().items():
        entries = len(next(iter(versions.values())).entries)
        asked = questions.get(doc_id, 0)
        print(
            f"{doc_id}: {entries} entries, {asked} questions, {len(versions)} languages ({' '.join(sorted(versions))})"
        )
    languages = {document.language for document in collection.documents}
    print(f"{len(collection.versions())} documents in {len(languages)} languages")
    print(f"{len(collection.bank)} questions, {len(collection.negatives)} questions without an answer")
    print("no problem")
    return 0


def _import(options: argparse.Namespace) -> int:
    try:
        written = import_sources(
            options.sources,
            options.corpus,
            doc_id=options.doc_id,
            language=options.language,
            retrieved=date.today().isoformat(),
            allow_private=options.allow_private,
            timeout_seconds=options.timeout_seconds,
            max_bytes=options.max_bytes,
        )
    except ImportRefused as error:
        print(f"Not imported: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
