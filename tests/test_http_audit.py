"""The npm package graphql-http audits our HTTP: all of its checks, without so much as a notice."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.npm import install
from tests.serving import Served

AUDIT = Path(__file__).parent / "audit"
CHECKS = 61


@pytest.fixture(scope="module")
def audited_url(served: Served) -> str:
    return served.url


@pytest.fixture(scope="module")
def audit() -> Path:
    """The audit, with its packages."""
    install(AUDIT)
    return AUDIT / "audit.mjs"


def test_the_audit_finds_nothing(audit: Path, audited_url: str) -> None:
    command = ["node", str(audit), audited_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    *complaints, summary = done.stdout.splitlines()
    assert complaints == []
    assert json.loads(summary) == {"ok": CHECKS, "notice": 0, "warn": 0, "error": 0}
