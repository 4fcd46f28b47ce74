"""Serve over HTTP, or ask from the terminal."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from corpus.errors import CorpusError
from index.errors import IndexMissing, IndexProblem
from service.answers import Answer
from service.channels.teams import SecretUnusable
from service.engine import make_encoder, make_pipeline
from service.keys import KeysProblem
from service.pipeline import Ask, Pipeline, UnknownDocument, UnknownLanguage
from service.settings import Settings, settings
from service.staff import add_key_commands, add_question_commands
from service.texts import texts
from service.tracing import TracingUnavailable
from service.workers import CannotStart


def _serve(arguments: argparse.Namespace) -> int:
    from service.serving import serve

    for name in ("host", "port"):
        if (given := getattr(arguments, name)) is not None:
            os.environ[name.upper()] = str(given)  # for the worker processes too
    serve(Settings())
    return 0


def _ensure(arguments: argparse.Namespace) -> int:
    """Build the index when it is missing or stale."""
    from index.__main__ import main as index_main

    chosen = settings()
    sys.argv = [
        "index", "build", "--corpus", str(chosen.corpus_dir), "--out", str(chosen.index_dir),
        "--encoder", chosen.encoder, "--model-dir", str(chosen.model_dir),
        "--threads", str(chosen.build_threads), "--keep", str(chosen.snapshots_kept),
    ]  # fmt: skip
    return index_main()


def _pipeline() -> Pipeline:
    chosen = settings()
    return make_pipeline(chosen, make_encoder(chosen))


def _ask(arguments: argparse.Namespace) -> int:
    if arguments.batch is not None:
        return _ask_batch(arguments)
    if not arguments.question or not arguments.question.strip():
        print("There is no question. Pass one in quotes, or --batch FILE.", file=sys.stderr)
        return 2
    pipeline = _pipeline()
    answer = pipeline.answer(Ask(arguments.question.strip(), arguments.language, arguments.top_k))
    if arguments.json:
        print(json.dumps(_as_json(answer, pipeline), ensure_ascii=False, indent=2))
    else:
        print(_as_text(answer))
    return 0


def _as_json(answer: Answer, pipeline: Pipeline) -> dict[str, object]:
    from uuid import uuid4

    from service.schemas import answer_out, index_out

    return answer_out(answer, uuid4().hex, index_out(pipeline.snapshot.manifest)).model_dump(mode="json")


def _as_text(answer: Answer) -> str:
    from service.schemas import citation_out

    told = texts(answer.language.code)
    lines = [f"{answer.outcome} ({answer.confidence:.0%})"]
    if answer.message:
        lines.append(answer.message)
    for number, passage in enumerate(answer.passages or answer.related, start=1):
        shown, cited = passage.shown, citation_out(passage.citation)
        lines += ["", f"[{number}] {shown.entry.heading}", f"    “{shown.quote}”"]
        if shown.document.language != passage.citation.document.language:
            lines.append(f"    {told['chat']['original']}: “{cited.quote}”")
        lines += [f"    {cited.title}, {cited.entry_id}", f"    {cited.url}"]
        lines += [f"    {note.message}" for note in passage.notes]
    return "\n".join(lines)


_COLUMNS = ("outcome", "confidence", "language", "quote", "reference_quote", "doc_id", "entry_id", "url", "message")


def _ask_batch(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    if arguments.out is None:
        print("--batch needs --out FILE to write the answers to.", file=sys.stderr)
        return 2
    with arguments.batch.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            rows, given = list(reader), list(reader.fieldnames or [])
        except (UnicodeDecodeError, csv.Error) as error:
            print(f"{arguments.batch} cannot be read ({error}). Save it as CSV in UTF-8.", file=sys.stderr)
            return 1
    if "question" not in given:
        print(
            f"{arguments.batch} has the columns {', '.join(given) or 'none'}. Add a column `question`.", file=sys.stderr
        )
        return 1
    columns = [name for name in given if name not in _COLUMNS]
    pipeline = _pipeline()
    # Written beside and renamed, so that a batch that is stopped leaves no half file.
    with tempfile.TemporaryDirectory(prefix=".answers-", dir=arguments.out.resolve().parent) as folder:
        unfinished = Path(folder) / arguments.out.name
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*columns, *_COLUMNS], extrasaction="ignore")
            writer.writeheader()
            for row in tqdm(rows, unit=" questions", disable=not sys.stderr.isatty()):
                question = (row.get("question") or "").strip()
                found = _row(pipeline.answer(Ask(question, arguments.language, 1))) if question else {}
                writer.writerow({**row, **found})
        os.replace(unfinished, arguments.out)
    print(f"{len(rows)} questions answered in {arguments.out}")
    return 0


def _row(answer: Answer) -> dict[str, object]:
    from service.schemas import citation_out

    row: dict[str, object] = {
        "outcome": answer.outcome,
        "confidence": round(answer.confidence, 4),
        "language": answer.language.code,
        "message": answer.message or "",
    }
    for passage in (answer.passages or answer.related)[:1]:
        cited = citation_out(passage.citation)
        row |= {"quote": passage.shown.quote, "reference_quote": cited.quote}
        row |= {"doc_id": cited.doc_id, "entry_id": cited.entry_id, "url": cited.url}
    return row


def _mcp(_: argparse.Namespace) -> int:
    from service.channels.mcp import serve_stdio
    from service.desk import Desk
    from service.keeper import Keeper, Opener
    from service.logs import configure_logging

    chosen = settings()
    configure_logging(chosen)
    keeper = Keeper(chosen, Opener(chosen, make_encoder))
    keeper.refresh()
    if keeper.engine is None:
        raise IndexMissing(keeper.problem)

    def desk() -> Desk:
        assert keeper.engine is not None  # one that answers is only ever replaced by another
        return Desk(keeper.engine, chosen)

    with keeper.watching(lambda: None):
        serve_stdio(desk)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve over HTTP; settings come from the environment")
    serve.add_argument("--host", help="address, before HOST")
    serve.add_argument("--port", type=int, help="port, before PORT")
    serve.set_defaults(run=_serve)
    ensure = commands.add_parser("ensure-index", help="build the index when it is missing or stale")
    ensure.set_defaults(run=_ensure)
    ask = commands.add_parser("ask", help="answer one question, or a file of them")
    ask.add_argument("question", nargs="?", help="the question")
    ask.add_argument("--language", help="language to answer in (ISO 639-1); the question's own when not given")
    ask.add_argument("--top-k", type=int, default=3, choices=range(1, 11), metavar="1..10", help="passages, default 3")
    ask.add_argument("--json", action="store_true", help="print what the HTTP service would answer")
    ask.add_argument("--batch", type=Path, metavar="IN.csv", help="a CSV file with a column `question`")
    ask.add_argument("--out", type=Path, metavar="OUT.csv", help="where the answers of --batch go")
    ask.set_defaults(run=_ask)
    mcp = commands.add_parser("mcp", help="serve the Model Context Protocol over standard input and output")
    mcp.set_defaults(run=_mcp)
    add_key_commands(commands.add_parser("keys", help="API keys: create, list, revoke"))
    add_question_commands(commands)
    return parser


_SAID = (
    CannotStart,
    CorpusError,
    IndexProblem,
    KeysProblem,
    SecretUnusable,
    TracingUnavailable,
    UnknownLanguage,
    UnknownDocument,
    ValidationError,
    OSError,
)
"""What is told in its own words, without a stack trace."""


def main() -> int:
    arguments = _parser().parse_args()
    try:
        if hasattr(arguments, "run_with"):
            return int(arguments.run_with(arguments, settings()))
        return int(arguments.run(arguments))
    except _SAID as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
