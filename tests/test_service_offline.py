"""The service answers with the network off and the whole file system read-only, from the files of the image alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import CHECKOUT

from corpus.collection import read_collection
from index.encoder import OnnxEncoder, ensure_model, model_fingerprint
from index.errors import IndexProblem
from index.snapshot import build_snapshot
from index.store import current_version, read_manifest
from service.settings import Settings

QUESTION = "Can we withdraw our signature later?"
ALONE = ["unshare", "--net", "--mount", "--propagation", "private"]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The shipped index; where it is missing, or of another encoder, one of the FAQ in two languages."""
    settings = Settings()
    with suppress(IndexProblem):
        built = read_manifest(settings.index_dir / current_version(settings.index_dir))
        if built.fingerprint == model_fingerprint():
            return settings.index_dir
    folder = tmp_path / "small"
    for file in ("data/faq-signing/fr.md", "data/faq-signing/en.md", "questions/faq-signing/en.yaml"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / "corpus" / file, folder / file)
    encoder = OnnxEncoder(ensure_model(settings.model_dir))
    build_snapshot(read_collection(folder), encoder, folder / "snapshots", threads=2, progress=lambda *_: None)
    return folder / "snapshots"


@pytest.fixture
def alone() -> None:
    if shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        reason = "this machine does not let a process leave its network and mount namespaces"
        if os.environ.get("CI") == "true":
            pytest.fail(f"the promise to work without network must not go untested here: {reason}")
        pytest.skip(reason)


@pytest.fixture
def image(alone: None, index: Path, tmp_path: Path) -> Path:
    """What `.dockerignore` lets through, with a built index."""
    root = tmp_path / "image"
    root.mkdir()
    rules = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").split()
    left_out = {rule.removeprefix("**/") for rule in rules if not rule.startswith("!")}

    def ignored(folder: str, names: list[str]) -> set[str]:
        place = Path(folder).relative_to(CHECKOUT)
        return {name for name in names if name in left_out or str(place / name) in left_out}

    for rule in rules:
        if rule.startswith("!"):
            source, target = CHECKOUT / rule[1:], root / rule[1:]
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
    (root / "index" / "models").symlink_to(Settings().model_dir)
    (root / "index" / "snapshots").symlink_to(index)
    return root


def test_a_question_is_answered_without_network_and_without_writing(
    image: Path,
) -> None:
    driver = CHECKOUT / "tests" / "offline_server.py"
    (image / "scratch").mkdir()  # a small temporary folder in memory is all that the service may write to
    scratch = image / "scratch"
    script = f'mount -t tmpfs -o size=256m,noexec tmpfs "{scratch}" && mount -o remount,ro,bind / && exec "$0" "$@"'
    # Mounted file systems within, where the checkout lies on one of its own, are made read-only as well.
    separate = CHECKOUT.stat().st_dev != Path("/").stat().st_dev or image.stat().st_dev != Path("/").stat().st_dev
    if separate:
        script = f'mount --bind "{image}" "{image}" && mount -o remount,ro,bind "{image}" && cd "{image}" && {script}'
    environment = {"PATH": os.environ["PATH"], "PORT": "8000", "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*ALONE, "sh", "-c", script, sys.executable, str(driver), QUESTION],
        cwd=image,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["outside"], seen["write"]) == ("ENETUNREACH", "EROFS")
    assert seen["ready"], seen["told"]
    assert "telemetry" not in done.stderr.lower()  # ONNX Runtime would complain that it cannot keep its device id
    answer = seen["answer"]
    citation = answer["passages"][0]["citation"]
    assert answer["outcome"] == "answered"
    assert citation["quote"] == "Oui, un signataire peut retirer sa signature au Code à tout moment."
    assert citation["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert seen["health"] == 0
    assert seen["exit"] in (0, -15)  # stopped by SIGTERM
    assert seen["peak_mib"] < 1536  # below the limit of 2 GiB in the manifests, with room for a burst
    print(f"peak memory {seen['peak_mib']} MiB; no writable code: {seen['no_writable_code']}")
