"""`python -m index` on the tiny corpus."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import CHECKOUT, NEGATIVES, ToyEncoder

from corpus.collection import Collection
from index import __main__ as command
from index import sentence_transformer, training
from index.encoder import ADAPTER_FILE, MODEL_FOLDER, STATISTICS_FILE, TOKENS_FILE
from index.errors import IndexBusy
from index.quantisation import load_statistics
from index.store import current_version
from index.token_space import TokenSpace
from index.training import TrainingSettings

Run = tuple[int, str, str]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ToyEncoder:
    """The toy in the place of the default encoder."""
    encoder = ToyEncoder()
    monkeypatch.setattr(command, "_encoder", lambda arguments: encoder)
    return encoder


class Shell:
    """Runs the command in this process: exit code, standard output, standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Run:
        self._monkeypatch.setattr(sys, "argv", ["index", *map(str, arguments)])
        try:
            code = command.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_build_says_what_it_built_and_how_far_it_is(
    shell: Shell, toy: ToyEncoder, corpus_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, output, error = shell("build", "--corpus", corpus_folder, "--out", out)
    texts = 6 + 10 + 5 + 3
    assert code == 0
    assert output == (
        f"Index {current_version(out)} in {out}: 2 documents, 3 entries, 6 passages, 10 sentences, 5 keys, "
        f"3 negatives; {texts} texts encoded anew\n"
    )
    lines = error.splitlines()
    assert lines[-1] == f"Encoding: {texts} of {texts} texts"
    assert 10 <= len(lines) <= 11, "a line every tenth where there is no terminal"
    assert toy.encoded == texts


def test_build_again_encodes_nothing_and_old_indexes_go(
    shell: Shell, toy: ToyEncoder, corpus_folder: Path, tmp_path: Path
) -> None:
    build = ("build", "--corpus", corpus_folder, "--out", tmp_path / "out", "--keep", 1)
    versions = []
    for number in range(3):
        text = NEGATIVES + "".join(f'  - "question {n}"\n' for n in range(number))
        (corpus_folder / "questions/unanswered/en.yaml").write_text(text)
        code, output, _ = shell(*build)
        assert code == 0
        versions.append(current_version(tmp_path / "out"))
    assert len(set(versions)) == 3
    assert output.splitlines()[1:] == [f"Old index {versions[0]} deleted"]
    assert "; 1 texts encoded anew" in output
    assert "; 0 texts encoded anew" in shell(*build)[1]


def test_show_checks_every_file(shell: Shell, index_root: Path) -> None:
    version = current_version(index_root)
    code, output, _ = shell("show", "--out", index_root)
    assert code == 0
    assert f"version: {version}\n" in output
    assert "fingerprint: toy-1\n" in output
    assert "files, checksums hold\n" in output
    (index_root / version / "keys.jsonl").write_text("")
    code, output, error = shell("show", "--out", index_root)
    assert (code, output) == (1, "")
    assert "keys.jsonl has checksum" in error


def test_a_wrong_corpus_or_a_missing_index_is_an_error_without_a_trace(
    shell: Shell, toy: ToyEncoder, corpus_folder: Path, tmp_path: Path
) -> None:
    code, _, error = shell("show", "--out", tmp_path)
    assert (code, error.count("\n")) == (1, 1)
    assert error.startswith(f"There is no index in {tmp_path}. Run `make index`")
    (corpus_folder / "data/faq/fr.md").write_text("no front matter")
    code, _, error = shell("build", "--corpus", corpus_folder, "--out", tmp_path / "out")
    assert code == 1
    assert f"{corpus_folder}/data/faq/fr.md:1: There is no front matter. " in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_the_encoder_is_the_default_or_the_one_that_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, corpus_folder: Path, tmp_path: Path
) -> None:
    asked: list[object] = []

    def make(name: object) -> ToyEncoder:
        asked.append(name)
        return ToyEncoder()

    monkeypatch.setattr(command, "ensure_model", lambda folder: ("model in", folder))
    monkeypatch.setattr(command, "OnnxEncoder", make)
    monkeypatch.setattr(sentence_transformer, "SentenceTransformerEncoder", make)
    build = ("build", "--corpus", corpus_folder, "--out", tmp_path / "out")
    for more in ((), ("--model-dir", tmp_path), ("--encoder", "some/model")):
        assert shell(*build, *more)[0] == 0
    assert asked == [("model in", MODEL_FOLDER), ("model in", tmp_path), "some/model"]


def test_train_passes_its_settings_on(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, corpus_folder: Path, tmp_path: Path
) -> None:
    calls: list[tuple[int, Path, TrainingSettings]] = []

    def fake(collection: Collection, out: Path, settings: TrainingSettings) -> dict[str, list[float]]:
        calls.append((len(collection.bank), out, settings))
        return {"losses": [4.0, 3.0, 2.0, 1.0]}

    monkeypatch.setattr(training, "train", fake)
    code, output, _ = shell(
        "train", "--corpus", corpus_folder, "--adapter", tmp_path / "a.npz", "--steps", 7, "--learning-rate", "0.1"
    )
    assert code == 0
    assert calls == [(5, tmp_path / "a.npz", TrainingSettings(steps=7, learning_rate=0.1))]
    told, statistics, space = output.splitlines()
    assert told == f"Adapter in {tmp_path / 'a.npz'}; last losses [3.0, 2.0, 1.0]"
    assert statistics.endswith(f" texts in {tmp_path / 'statistics.npz'}")
    assert set(load_statistics(tmp_path / "statistics.npz")) == set(load_statistics(STATISTICS_FILE))
    assert space.endswith(f" texts in {tmp_path / 'tokens.npz'}")
    assert TokenSpace.load(tmp_path / "tokens.npz").axes.shape == TokenSpace.load(TOKENS_FILE).axes.shape


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("build", ["--corpus", "--out", "--encoder", "--model-dir", "--threads", "--keep"]),
        ("show", ["--out"]),
        ("statistics", ["--corpus", "--adapter"]),
        (
            "train",
            ["--corpus", "--adapter", *(f"--{field.name.replace('_', '-')}" for field in fields(TrainingSettings))],
        ),
    ],
)
def test_every_command_explains_its_options(shell: Shell, name: str, options: list[str]) -> None:
    code, output, _ = shell(name, "--help")
    assert code == 0
    for option in options:
        assert f"  {option} " in output


def test_the_defaults_are_the_checkouts_own_folders() -> None:
    arguments = command._parser().parse_args(["build"])
    assert (arguments.corpus, arguments.out) == (CHECKOUT / "corpus", CHECKOUT / "index" / "snapshots")
    assert command._parser().parse_args(["train"]).adapter == ADAPTER_FILE


@pytest.mark.parametrize("arguments", [(), ("destroy",), ("build", "--colour", "red")])
def test_wrong_usage_exits_with_two(shell: Shell, arguments: tuple[str, ...]) -> None:
    code, _, error = shell(*arguments)
    assert code == 2
    assert "usage: python -m index" in error


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "index", "--help"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert all(name in done.stdout for name in ("build", "show", "train"))


def test_snapshots_are_listed_activated_rolled_back_and_pruned(
    shell: Shell, toy: ToyEncoder, corpus_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    built = []
    for number in range(3):
        text = NEGATIVES + "".join(f'  - "question {n}"\n' for n in range(number))
        (corpus_folder / "questions/unanswered/en.yaml").write_text(text)
        assert shell("build", "--corpus", corpus_folder, "--out", out)[0] == 0
        built.append(current_version(out))
    first, second, third = built
    code, output, _ = shell("snapshots", "--out", out)
    assert code == 0
    assert [line.split(":")[0] for line in output.splitlines()] == [third, second, first]
    assert ["current" in line for line in output.splitlines()] == [True, False, False]
    assert "3 entries, toy-1" in output

    assert shell("rollback", "--out", out)[1].startswith(f"Index {second} is current again.")
    assert current_version(out) == second
    assert shell("activate", first, "--out", out)[1].startswith(f"Index {first} is current.")
    assert current_version(out) == first
    code, _, error = shell("activate", "none-such", "--out", out)
    assert (code, error.count("\n")) == (1, 1)
    assert shell("prune", "--keep", 0, "--out", out)[1].splitlines() == [
        f"Old index {third} deleted",
        f"Old index {second} deleted",
    ]
    code, _, error = shell("prune", "--keep", -1, "--out", out)
    assert code == 2
    assert "'-1' is not a whole number" in error
    (out / first / "manifest.json").write_text("{")
    assert shell("snapshots", "--out", out)[1] == f"{first}: not readable: damaged, or of another format, current\n"
    code, output, error = shell("snapshots", "--out", tmp_path / "none")
    assert (code, output) == (1, "")
    assert "Run `make index`" in error


def test_a_build_whose_pruning_meets_the_next_build_has_succeeded(
    shell: Shell, toy: ToyEncoder, corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(root: Path, keep: int) -> list[str]:
        raise IndexBusy("Another build is at work")

    monkeypatch.setattr(command, "prune", busy)
    code, output, error = shell("build", "--corpus", corpus_folder, "--out", tmp_path / "out")
    assert (code, "Another" in error) == (0, False)
    assert output.startswith(f"Index {current_version(tmp_path / 'out')}")
