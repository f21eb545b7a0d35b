"""The npm package graphql-http audits our HTTP: all of its checks, without so much as a notice."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.serving import Served

AUDIT = Path(__file__).parent / "audit"
CHECKS = 61


@pytest.fixture(scope="module")
def audited_url(served: Served) -> str:
    return served.url


@pytest.fixture(scope="module")
def audit() -> Path:
    """The audit with its packages beside it, in node_modules, which git leaves out."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("the audit needs node and npm")
    if not installed():
        # Without retries: where there is no network this says so in seconds, not minutes.
        install = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0"]
        done = subprocess.run(install, cwd=AUDIT, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"the audit's packages could not be installed: {done.stderr[-300:]}")
    return AUDIT / "audit.mjs"


def installed() -> bool:
    """Whether what the lock file names is there: npm writes its own copy when it is through."""
    copy = AUDIT / "node_modules" / ".package-lock.json"
    if not copy.exists():
        return False
    wanted = json.loads((AUDIT / "package-lock.json").read_text())["packages"]
    found = json.loads(copy.read_text())["packages"]
    return all(
        found.get(name, {}).get("integrity") == package["integrity"]
        for name, package in wanted.items()
        if name
    )


def test_the_audit_finds_nothing(audit: Path, audited_url: str) -> None:
    command = ["node", str(audit), audited_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    *complaints, summary = done.stdout.splitlines()
    assert complaints == []
    assert json.loads(summary) == {"ok": CHECKS, "notice": 0, "warn": 0, "error": 0}
