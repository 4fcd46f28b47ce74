"""What the service is shipped with: linted, in one version, with settings and addresses that exist, and no rights that
it does not need."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from conftest import CHECKOUT, make_settings

from service.app import create_app
from service.deploy.audit import Audit, read_report, verdict
from service.health import main as health
from service.settings import Settings
from service.version import VERSION

DEPLOY = CHECKOUT / "service" / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((CHECKOUT / "compose.yaml").read_text(encoding="utf-8"))
UNIT = DEPLOY / "gpai-faq.service"
SETTINGS = {name.upper() for name in Settings.model_fields}

Json = dict[str, Any]


def manifests() -> list[Json]:
    documents = [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return [document for document in documents if document["kind"] != "Kustomization"]


def of_kind(kind: str) -> Json:
    (found,) = (document for document in manifests() if document["kind"] == kind)
    return found


DEPLOYMENT = of_kind("Deployment")
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


# The version


def test_the_version_is_semantic_and_stands_in_one_place() -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert declared == VERSION
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", VERSION)
    assert create_app(make_settings()).openapi()["info"]["version"] == VERSION


def test_what_is_shipped_names_that_version() -> None:
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8"))
    shipped = COMPOSE["services"]["faq"]
    assert shipped["image"] == CONTAINER["image"] == f"gpai-faq:{VERSION}"
    assert shipped["build"]["args"]["VERSION"] == VERSION
    assert kustomization["images"] == [{"name": "gpai-faq", "newTag": VERSION}]
    assert DEPLOYMENT["metadata"]["labels"]["app.kubernetes.io/version"] == VERSION


# The image


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    binary = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([binary, CHECKOUT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd / && apt-get install x\n", encoding="utf-8")
    binary = Path(sys.executable).parent / "hadolint"
    assert subprocess.run([binary, tmp_path / "Dockerfile"], capture_output=True, check=False).returncode != 0


def test_the_image_is_built_in_stages_and_runs_as_nobody() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert len(stages) == 2
    last = stages[-1]
    assert re.findall(r"^USER (\S+)$", last, re.MULTILINE) == ["65532:65532"]
    assert "HEALTHCHECK" in last and '"service.health"' in last
    assert "pip install" not in last
    assert not re.search(r"^torch\b", (CHECKOUT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_builder_gets_no_secret_and_no_test() -> None:
    rules = [
        line
        for line in (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in == {
        "pyproject.toml", "requirements.lock", "requirements-milvus.lock", "LICENSE", "corpus", "index", "service",
    }  # fmt: skip
    assert "**/.env" in rules


def test_health_check_says_what_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "1")
    assert health() == 1
    assert "http://127.0.0.1:1/readyz does not answer" in capsys.readouterr().err


# Compose


def test_compose_gives_no_more_rights_than_needed() -> None:
    (service,) = COMPOSE["services"].values()
    assert service["read_only"] is True
    assert service["user"] == "65532:65532"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["platform"] == "linux/amd64"
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])
    assert all(str(port).startswith("127.0.0.1:") for port in service["ports"])
    assert {"mem_limit", "cpus", "pids_limit", "restart"} <= set(service)
    known = {
        "image", "platform", "build", "ports", "restart", "read_only", "user", "cap_drop", "security_opt", "pids_limit",
        "mem_limit", "cpus", "tmpfs", "stop_grace_period", "logging", "environment", "volumes",
    }  # fmt: skip
    assert set(service) <= known  # a misspelt key would be ignored by some engines
    assert set(service.get("environment", {})) <= SETTINGS


# Kubernetes


@pytest.mark.parametrize("document", manifests(), ids=lambda document: str(document["kind"]))
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_manifests_are_valid(document: Json, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_manifest_would_be_found() -> None:
    wrong = yaml.safe_load((DEPLOY / "kubernetes" / "service.yaml").read_text(encoding="utf-8"))
    wrong["spec"]["selectr"] = wrong["spec"].pop("selector")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_every_manifest_is_applied() -> None:
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8"))
    assert sorted([*kustomization["resources"], "kustomization.yaml"]) == [path.name for path in MANIFESTS]


def test_the_pod_meets_the_restricted_standard() -> None:
    """Kubernetes' Pod Security Standard `restricted`, and a read-only root file system."""
    pod, own = POD["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True and pod["runAsUser"] == 65532
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False and own["privileged"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(POD)
    assert {kind for volume in POD["volumes"] for kind in volume if kind != "name"} <= {"emptyDir", "secret"}
    assert {mount["mountPath"] for mount in CONTAINER["volumeMounts"]} >= {"/tmp"}
    assert {"cpu", "memory"} <= set(CONTAINER["resources"]["limits"]) & set(CONTAINER["resources"]["requests"])


def test_probes_ask_what_is_there_and_settings_are_known() -> None:
    paths = create_app(make_settings()).openapi()["paths"]
    probes = {name: CONTAINER[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probes == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}
    assert set(probes.values()) <= set(paths)
    config = of_kind("ConfigMap")["data"]
    assert set(config) <= SETTINGS
    assert all(isinstance(value, str) for value in config.values())
    assert int(config["PORT"]) == CONTAINER["ports"][0]["containerPort"]
    assert not any(re.search("SECRET|TOKEN", name) for name in config)


def test_questions_come_in_and_nothing_goes_out() -> None:
    spec = of_kind("NetworkPolicy")["spec"]
    assert (spec["policyTypes"], spec["egress"]) == (["Ingress", "Egress"], [])
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    for selector in (spec["podSelector"]["matchLabels"], of_kind("Service")["spec"]["selector"]):
        assert selector.items() <= labels.items()


# systemd


def test_systemd_knows_the_unit_and_calls_it_safe(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    runnable = tmp_path / UNIT.name  # the unit's own program lies where it is installed
    runnable.write_text(
        UNIT.read_text(encoding="utf-8").replace("/opt/gpai-faq/.venv/bin/python", "/bin/true"), "utf-8"
    )
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", runnable], capture_output=True, text=True, check=False
    )
    complaints = [line for line in verified.stderr.splitlines() if UNIT.name in line]
    assert (verified.returncode, complaints) == (0, [])
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )  # exposure in tenths
    assert rated.returncode == 0, rated.stdout[-200:] + rated.stderr


# The audit of what is pinned

CLEAN = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}], "fixes": []}'
UNKNOWN = '{"dependencies": [{"name": "a", "skip_reason": "not found"}], "fixes": []}'
VULNERABLE = """{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]},
{"name": "b", "skip_reason": "not found"}], "fixes": []}"""


@pytest.mark.parametrize(
    ("reports", "code", "said"),
    [
        ([CLEAN], 0, "no known vulnerability in 1 packages"),
        ([VULNERABLE], 1, "a 1: CVE-1, fixed in 2"),
        ([UNKNOWN, VULNERABLE], 1, "1 known vulnerabilities"),
        ([UNKNOWN, ""], 0, "NOT AUDITED"),
        (["", "no route to host"], 0, "NOT AUDITED"),
        ([UNKNOWN, CLEAN], 0, "no known vulnerability"),
    ],
)
def test_an_audit_fails_for_what_it_found_and_claims_nothing_it_did_not_see(
    reports: list[str], code: int, said: str
) -> None:
    failed, told = verdict("x.lock", [read_report(report) for report in reports])
    assert failed == code
    assert said in told


def test_a_report_is_read() -> None:
    assert read_report(VULNERABLE) == Audit(1, ("b",), ("a 1: CVE-1, fixed in 2",))
