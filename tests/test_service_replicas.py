"""service/deploy/REPLICAS.md step by step: pack, upload, fetch on two replicas, a new version, a roll back, damage."""

from __future__ import annotations

import http.server
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CHECKOUT, NEGATIVES, ToyEncoder, constant_judge, make_settings
from starlette.testclient import TestClient
from test_service_keeper import until

from corpus.collection import read_collection
from index import __main__ as command
from index.artefact import LATEST
from index.snapshot import build_snapshot
from service.app import create_app
from service.settings import Settings

DEPLOY = CHECKOUT / "service" / "deploy"
QUESTION = {"question": "can we withdraw our signature"}


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """What stands for object storage: a folder, served over HTTP."""
    folder = tmp_path / "storage"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def index(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["index", *map(str, arguments)])
        return command.main()

    return index


def upload(packed: Path, folder: Path) -> None:
    for path in sorted(packed.iterdir(), key=lambda path: path.name == LATEST):  # latest.json last
        shutil.copy(path, folder)


def test_replicas_fetch_switch_roll_back_and_refuse(
    corpus_folder: Path,
    tmp_path: Path,
    storage: tuple[Path, str],
    run: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("service.engine.load_judge", constant_judge)
    monkeypatch.setattr("service.app.make_encoder", lambda chosen: ToyEncoder())
    folder, address = storage

    def packed(name: str) -> tuple[str, Path]:
        (corpus_folder / "questions/unanswered/en.yaml").write_text(f'{NEGATIVES}  - "{name}"\n')
        manifest, _ = build_snapshot(
            read_collection(corpus_folder), ToyEncoder(), tmp_path / "builder", threads=1, progress=lambda *_: None
        )
        assert run("pack", "--out", tmp_path / "builder", "--to", tmp_path / name) == 0
        return manifest.version, tmp_path / name

    first, first_packed = packed("first")
    upload(first_packed, folder)
    replicas = [tmp_path / "replica-1", tmp_path / "replica-2"]
    for root in replicas:
        assert run("fetch", address, "--out", root) == 0
    with ExitStack() as stack:
        clients = [
            stack.enter_context(TestClient(create_app(make_settings(index_dir=root, index_poll_ms=1))))
            for root in replicas
        ]

        def version_of(client: TestClient) -> str:
            return str(client.get("/readyz").json()["index"]["version"])

        answers = [client.post("/v1/answers", json=QUESTION).json() for client in clients]
        assert [answer["index"]["version"] for answer in answers] == [first, first]
        assert answers[0]["passages"] == answers[1]["passages"]

        second, second_packed = packed("second")
        upload(second_packed, folder)
        assert run("fetch", address, "--out", replicas[0]) == 0
        until(lambda: version_of(clients[0]) == second)
        assert version_of(clients[1]) == first, "each switches when it fetches"
        assert run("fetch", address, "--out", replicas[1]) == 0
        until(lambda: version_of(clients[1]) == second)

        shutil.copy(first_packed / LATEST, folder)  # the roll back
        for root, client in zip(replicas, clients, strict=True):
            capsys.readouterr()
            assert run("fetch", address, "--out", root) == 0
            assert "was there already" in capsys.readouterr().out
            until(lambda asked=client: version_of(asked) == first)  # type: ignore[misc]

        third, third_packed = packed("third")
        archive = third_packed / f"{third}.tar"
        archive.write_bytes(archive.read_bytes()[:-4096])
        upload(third_packed, folder)
        assert run("fetch", address, "--out", replicas[0]) == 1
        assert "has checksum" in capsys.readouterr().err
        answer = clients[0].post("/v1/answers", json=QUESTION)
        assert (answer.status_code, answer.json()["index"]["version"]) == (200, first)


# The files


def patches() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((DEPLOY / "replicas" / "kustomization.yaml").read_text(encoding="utf-8"))
    assert kustomization["resources"] == ["../kubernetes"]
    return [yaml.safe_load((DEPLOY / "replicas" / one["path"]).read_text("utf-8")) for one in kustomization["patches"]]


def test_the_patches_name_what_is_there() -> None:
    base = {
        (document["kind"], document["metadata"]["name"])
        for path in (DEPLOY / "kubernetes").glob("*.yaml")
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if document["kind"] != "Kustomization"
    }
    assert {(patch["kind"], patch["metadata"]["name"]) for patch in patches()} <= base
    pod = patches()[0]["spec"]["template"]["spec"]
    deployment = yaml.safe_load((DEPLOY / "kubernetes" / "deployment.yaml").read_text(encoding="utf-8"))
    shipped = deployment["spec"]["template"]["spec"]["containers"][0]
    service, refetch = pod["containers"]
    assert service["name"] == shipped["name"]
    assert {one["name"] for one in service["env"]} <= {name.upper() for name in Settings.model_fields}
    for added in (*pod["initContainers"], refetch):
        assert added["image"] == shipped["image"]
        assert added["securityContext"] == shipped["securityContext"]
        assert {"requests", "limits"} <= set(added["resources"])
        told = " ".join(added["command"])
        assert re.search(r"python -m index fetch https://\S+ --out /index\b", told)
    mounted = {mount["name"] for one in (service, refetch) for mount in one["volumeMounts"]}
    volumes = {volume["name"] for volume in pod["volumes"]} | {"tmp"}
    assert mounted <= volumes


def test_the_compose_file_for_milvus_asks_for_no_more_than_it_needs() -> None:
    text = (DEPLOY / "milvus" / "compose.yaml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    shipped = yaml.safe_load((CHECKOUT / "compose.yaml").read_text(encoding="utf-8"))["services"]["faq"]
    faq = services["faq"]
    for name in ("read_only", "user", "cap_drop", "security_opt", "pids_limit", "mem_limit", "tmpfs", "platform"):
        assert faq[name] == shipped[name], name
    assert faq["build"]["args"]["VERSION"] == shipped["build"]["args"]["VERSION"]
    assert (CHECKOUT / faq["build"]["args"]["EXTRA_LOCK"]).is_file()
    assert (DEPLOY / "milvus" / faq["build"]["context"]).resolve() == CHECKOUT
    assert set(faq["environment"]) <= {name.upper() for name in Settings.model_fields}
    for name, service in services.items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "healthcheck" in service or name == "faq"
        assert not re.search(r":latest$", service["image"])
    assert not re.search(r"(?i)(password|secret\w*): (?!\$\{)\S", text), "no secret stands in the file"


def test_the_documents_name_commands_that_exist(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("REPLICAS.md", "SCALING.md"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        commands = set(re.findall(r"python -m index (?:milvus )?([a-z]+)", text))
        assert commands, name
        for chosen in commands:
            group = ["milvus"] if re.search(rf"python -m index milvus {chosen}", text) else []
            with pytest.raises(SystemExit) as stopped:
                run(*group, chosen, "--help")
            assert stopped.value.code == 0, chosen
            capsys.readouterr()
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (DEPLOY / link).exists() or link == "../../eval/benchmarks/README.md", link
