"""The service answers with the network off and the whole file system read-only, from the files of the image alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT

from index.encoder import model_fingerprint
from index.errors import IndexProblem
from index.store import current_version, read_manifest
from service.settings import Settings

QUESTION = "Can we withdraw our signature later?"
ALONE = ["unshare", "--net", "--mount", "--propagation", "private"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What `.dockerignore` lets through, with the built index."""
    settings = Settings()
    try:
        built = read_manifest(settings.index_dir / current_version(settings.index_dir))
    except IndexProblem as error:
        pytest.skip(f"the shipped corpus has no index yet: {error}")
    if built.fingerprint != model_fingerprint():
        pytest.skip("the index was built with another encoder; run `make index`")
    if shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a process leave its network and mount namespaces")
    rules = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").split()
    left_out = {rule.removeprefix("**/") for rule in rules if not rule.startswith("!")}

    def ignored(folder: str, names: list[str]) -> set[str]:
        place = Path(folder).relative_to(CHECKOUT)
        return {name for name in names if name in left_out or str(place / name) in left_out}

    for rule in rules:
        if rule.startswith("!"):
            source, target = CHECKOUT / rule[1:], tmp_path / rule[1:]
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
    (tmp_path / "index" / "models").symlink_to(settings.model_dir)
    (tmp_path / "index" / "snapshots").symlink_to(settings.index_dir)
    return tmp_path


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
