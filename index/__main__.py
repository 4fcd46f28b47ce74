"""Build indexes, list, activate, roll back and prune them; train the adapter."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path

from corpus.collection import read_collection
from corpus.errors import CorpusError
from index.artefact import LATEST, fetch, pack
from index.encoder import ADAPTER_FILE, MODEL_FOLDER, STATISTICS_FILE, TOKENS_FILE, Encoder, OnnxEncoder, ensure_model
from index.errors import IndexBusy, IndexProblem
from index.milvus_commands import add_milvus_commands
from index.shelf import activate, prune, rollback, shelved
from index.snapshot import Progress, build_snapshot
from index.store import current_version, read_manifest, verify

_ROOT = Path(__file__).parent.parent


def _progress(stack: ExitStack) -> Progress:
    """A bar on a terminal, a plain line every tenth elsewhere."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        bar = stack.enter_context(tqdm(unit=" texts", desc="Encoding"))

        def show(stage: str, done: int, total: int) -> None:
            if stage == "encode":
                bar.total = total
                bar.update(done - bar.n)

        return show
    last = -1

    def say(stage: str, done: int, total: int) -> None:
        nonlocal last
        tenth = 10 * done // max(1, total)
        if stage == "encode" and tenth != last:
            last = tenth
            print(f"Encoding: {done} of {total} texts", file=sys.stderr, flush=True)

    return say


def _encoder(arguments: argparse.Namespace) -> Encoder:
    if arguments.encoder == "default":
        return OnnxEncoder(ensure_model(arguments.model_dir))
    from index.sentence_transformer import SentenceTransformerEncoder

    return SentenceTransformerEncoder(arguments.encoder)


def _build(arguments: argparse.Namespace) -> int:
    collection = read_collection(arguments.corpus)
    with ExitStack() as stack:
        manifest, new = build_snapshot(
            collection, _encoder(arguments), arguments.out, threads=arguments.threads, progress=_progress(stack)
        )
    counts = ", ".join(f"{count} {name}" for name, count in manifest.counts.items())
    print(f"Index {manifest.version} in {arguments.out}: {counts}; {new} texts encoded anew")
    try:
        return _prune(arguments)
    except IndexBusy:  # the next build is at work already, and will prune
        return 0


def _prune(arguments: argparse.Namespace) -> int:
    for version in prune(arguments.out, arguments.keep):
        print(f"Old index {version} deleted")
    return 0


def _snapshots(arguments: argparse.Namespace) -> int:
    found = shelved(arguments.out)
    for one in found:
        marks = [mark for mark, is_so in (("current", one.current), ("in use", one.in_use)) if is_so]
        if one.manifest is None:
            told = ["not readable: damaged, or of another format"]
        else:
            told = [f"built {one.manifest.built}", f"{one.manifest.counts.get('entries', 0)} entries"]
            told.append(one.manifest.fingerprint)
        print(", ".join([f"{one.version}: {told[0]}", *told[1:], *marks]))
    if not found:
        print(f"There is no snapshot in {arguments.out}. Run `make index` to build one.", file=sys.stderr)
    return 0 if found else 1


def _activate(arguments: argparse.Namespace) -> int:
    activate(arguments.out, arguments.version)
    print(f"Index {arguments.version} is current. A running service takes it up by itself.")
    return 0


def _rollback(arguments: argparse.Namespace) -> int:
    print(f"Index {rollback(arguments.out)} is current again. A running service takes it up by itself.")
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    artefact = pack(arguments.out, arguments.version or current_version(arguments.out), arguments.to)
    print(f"{arguments.to / artefact.file}: {artefact.size} bytes, SHA-256 {artefact.sha256}")
    print(f"Upload it first, then {arguments.to / LATEST}.")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    artefact, new = fetch(arguments.place, arguments.out)
    told = "fetched and checked" if new else "was there already"
    print(f"Index {artefact.version} {told}, and is current. A running service takes it up by itself.")
    if not new:
        return 0
    try:
        return _prune(arguments)
    except IndexBusy:
        return 0


def _show(arguments: argparse.Namespace) -> int:
    folder = arguments.out / current_version(arguments.out)
    manifest = read_manifest(folder)
    verify(folder, manifest)
    for name, value in asdict(manifest).items():
        print(f"{name}: {len(value)} files, checksums hold" if name == "files" else f"{name}: {value}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from index.training import TrainingSettings, train

    values = {field.name: getattr(arguments, field.name) for field in fields(TrainingSettings)}
    report = train(read_collection(arguments.corpus), arguments.adapter, TrainingSettings(**values))
    print(f"Adapter in {arguments.adapter}; last losses {report['losses'][-3:]}")
    return _statistics(arguments)


def _statistics(arguments: argparse.Namespace) -> int:
    from index.quantisation import save_statistics
    from index.statistics import TOKEN_PASSAGES, TOKEN_QUESTIONS, measure, measure_tokens, sample

    collection = read_collection(arguments.corpus)
    texts = sample(collection)
    out = arguments.adapter.with_name(STATISTICS_FILE.name)
    save_statistics(measure(texts, arguments.adapter), out)
    print(f"Statistics of {len(texts)} texts in {out}")
    texts = sample(collection, TOKEN_QUESTIONS, TOKEN_PASSAGES)
    out = arguments.adapter.with_name(TOKENS_FILE.name)
    measure_tokens(texts, arguments.adapter).save(out)
    print(f"Space of the token vectors of {len(texts)} texts in {out}")
    return 0


def _count(text: str) -> int:
    """A whole number from 0 on: a negative one would, as a slice, keep what should go."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m index", description=__doc__)
    commands = parser.add_subparsers(required=True)
    out = {"type": Path, "default": _ROOT / "index" / "snapshots", "help": "folder of the index snapshots"}
    corpus = {"type": Path, "default": _ROOT / "corpus", "help": "corpus folder, in the format of corpus/README.md"}

    build = commands.add_parser("build", help="build an index of a corpus and make it current")
    build.add_argument("--corpus", **corpus)  # type: ignore[arg-type]
    build.add_argument("--out", **out)  # type: ignore[arg-type]
    build.add_argument("--encoder", default="default", help="`default`, or a sentence-transformers model")
    build.add_argument("--model-dir", type=Path, default=MODEL_FOLDER, help="where the default encoder is generated")
    build.add_argument("--threads", type=int, default=2, help="texts encoded at the same time")
    build.add_argument("--keep", type=_count, default=2, help="old snapshots to keep")
    build.set_defaults(run=_build)

    show = commands.add_parser("show", help="the current index's manifest, after checking every file")
    show.add_argument("--out", **out)  # type: ignore[arg-type]
    show.set_defaults(run=_show)

    snapshots = commands.add_parser("snapshots", help="list the snapshots, the one last made current first")
    snapshots.add_argument("--out", **out)  # type: ignore[arg-type]
    snapshots.set_defaults(run=_snapshots)

    chosen = commands.add_parser("activate", help="make a snapshot current, after checking every file")
    chosen.add_argument("version", help="as `snapshots` lists it")
    chosen.add_argument("--out", **out)  # type: ignore[arg-type]
    chosen.set_defaults(run=_activate)

    back = commands.add_parser("rollback", help="make the snapshot that was current before this one current again")
    back.add_argument("--out", **out)  # type: ignore[arg-type]
    back.set_defaults(run=_rollback)

    old = commands.add_parser("prune", help="delete old snapshots; never the current one, nor one that is in use")
    old.add_argument("--out", **out)  # type: ignore[arg-type]
    old.add_argument("--keep", type=_count, default=2, help="old snapshots to keep, default 2")
    old.set_defaults(run=_prune)

    packed = commands.add_parser("pack", help="write a snapshot as one file with its checksum, for object storage")
    packed.add_argument("--out", **out)  # type: ignore[arg-type]
    packed.add_argument("--version", help="as `snapshots` lists it; the current one when not given")
    packed.add_argument("--to", type=Path, required=True, help="folder that the file and latest.json go to")
    packed.set_defaults(run=_pack)

    fetched = commands.add_parser("fetch", help="fetch what `pack` wrote, check it, make it current")
    fetched.add_argument("place", help="folder or address, http or https, where latest.json lies")
    fetched.add_argument("--out", **out)  # type: ignore[arg-type]
    fetched.add_argument("--keep", type=_count, default=2, help="old snapshots to keep, default 2")
    fetched.set_defaults(run=_fetch)

    add_milvus_commands(commands, out)

    train = commands.add_parser(
        "train", help="fine-tune the default encoder on the question bank (needs `make models`)"
    )
    train.add_argument("--corpus", **corpus)  # type: ignore[arg-type]
    train.add_argument("--adapter", type=Path, default=ADAPTER_FILE, help="file to write the adapter to")
    _add_training_options(train)
    train.set_defaults(run=_train)

    statistics = commands.add_parser("statistics", help="measure anew the encoder's inner values, for its quantisation")
    statistics.add_argument("--corpus", **corpus)  # type: ignore[arg-type]
    statistics.add_argument(
        "--adapter", type=Path, default=ADAPTER_FILE, help="the adapter to measure with; written beside it"
    )
    statistics.set_defaults(run=_statistics)
    return parser


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    from index.training import TrainingSettings

    for field in fields(TrainingSettings):
        name = f"--{field.name.replace('_', '-')}"
        kind = type(field.default)
        parser.add_argument(name, dest=field.name, type=kind, default=field.default, help=f"default {field.default}")


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except (CorpusError, IndexProblem) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        print(
            f"{error}. The index that was current still is. Mend this and try again.",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
