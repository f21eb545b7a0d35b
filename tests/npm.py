"""Small projects of npm's that the tests run, their packages beside them, which git leaves out."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest


def install(project: Path) -> None:
    """Install what the lock file names, unless it is there, or skip and say why."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip(f"{project.name} needs node and npm")
    if not _installed(project):
        # Without retries: where there is no network this says so in seconds, not minutes.
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0"]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{project.name}'s packages can't be installed: {done.stderr[-300:]}")


def _installed(project: Path) -> bool:
    """Whether what the lock file names is there: npm writes its own copy when it is through."""
    copy = project / "node_modules" / ".package-lock.json"
    if not copy.exists():
        return False
    wanted = json.loads((project / "package-lock.json").read_text())["packages"]
    found = json.loads(copy.read_text())["packages"]
    return all(
        found.get(name, {}).get("integrity") == package["integrity"]
        for name, package in wanted.items()
        if name
    )
