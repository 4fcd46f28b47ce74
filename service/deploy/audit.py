"""Known vulnerabilities of what is pinned: `python -m service.deploy.audit requirements.lock ...`, by pip-audit.

A vulnerability that is found fails. Where no advisory service can be reached, that is said, and nothing is claimed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

SERVICES = ("pypi", "osv")
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Audit:
    """`audited` packages were looked up, `skipped` ones the advisory service does not know, `found` are vulnerable."""

    audited: int
    skipped: tuple[str, ...]
    found: tuple[str, ...]


def read_report(report: str) -> Audit | None:
    """What pip-audit's JSON says; None when it is none, because the service was not reached."""
    try:
        dependencies = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    skipped = tuple(item["name"] for item in dependencies if "skip_reason" in item)
    found = tuple(
        f"{item['name']} {item['version']}: {vulnerability['id']}, fixed in {', '.join(vulnerability['fix_versions'])}"
        for item in dependencies
        for vulnerability in item.get("vulns", ())
    )
    return Audit(len(dependencies) - len(skipped), skipped, found)


def run_audit(lock: str, service: str) -> Audit | None:
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None
    return read_report(done.stdout)


def verdict(lock: str, audits: Sequence[Audit | None]) -> tuple[int, str]:
    """The exit code and what to print, of one lock file's audits by each service."""
    held = [audit for audit in audits if audit is not None and audit.audited]
    found = sorted({vulnerability for audit in held for vulnerability in audit.found})
    if found:
        return 1, "\n".join((f"{lock}: {len(found)} known vulnerabilities. Raise these versions:", *found))
    if not held:
        return 0, f"{lock}: NOT AUDITED, because no advisory service could be reached from here. Nothing is claimed."
    best = max(held, key=lambda audit: audit.audited)
    rest = f"; not known there: {', '.join(best.skipped)}" if best.skipped else ""
    return 0, f"{lock}: no known vulnerability in {best.audited} packages{rest}"


def main(locks: Sequence[str]) -> int:
    code = 0
    for lock in locks:
        audits: list[Audit | None] = []
        for service in SERVICES:
            audits.append(run_audit(lock, service))
            if audits[-1] is not None and audits[-1].audited:
                break
        failed, said = verdict(lock, audits)
        print(said)
        code = max(code, failed)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["requirements.lock"]))
