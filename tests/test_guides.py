"""The guides' commands are run, or their reader is told that they are not, and why."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import bin_dir_of
from tests.daemons import needs
from tests.image import let_in
from tests.serving import PROJECT, Served

GUIDES = sorted((PROJECT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^( *)```(?:sh|bash|console|shell)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# What stands right before a block that isn't run here.
NOT_RUN = re.compile(r"\(Not run by the tests: ([^()]+)\)\s*$")
RUN_BY = re.compile(r"\(Run by (tests/\w+\.py)[^()]*\)\s*$")
INSTALLS = re.compile(r"\b(make|pip|npm|apt-get|curl [^|\n]*\| *sh)\b")
# A guide's server is at the address that a server has by itself.
ADDRESS = "127.0.0.1:8000"


@dataclass(frozen=True)
class Block:
    """Commands, and what is said of them."""

    commands: str
    reason: str | None
    test: str | None

    @property
    def is_run_here(self) -> bool:
        return self.reason is None and self.test is None


def blocks(guide: Path) -> Iterator[Block]:
    text = guide.read_text("utf-8")
    for found in BLOCK.finditer(text):
        before = re.sub(r"\s+", " ", text[: found.start()])[-400:]
        reason, test = NOT_RUN.search(before), RUN_BY.search(before)
        indent = len(found[1])
        commands = "\n".join(line[indent:] for line in found[2].splitlines())
        yield Block(commands, reason and reason[1], test and test[1])


def relative(path: Path) -> str:
    return str(path.relative_to(PROJECT))


TO_RUN = [path for path in GUIDES if any(block.is_run_here for block in blocks(path))]


def test_tests_that_guides_name_are_there() -> None:
    for guide in GUIDES:
        text = guide.read_text("utf-8")
        for name in re.findall(r"tests/\w+\.py", text):
            assert (PROJECT / name).exists(), f"{relative(guide)}: {name}"
        for block in blocks(guide):
            if block.test:
                test = (PROJECT / block.test).read_text("utf-8")
                assert relative(guide) in test, f"{block.test} does not read {relative(guide)}"


def test_links_in_guides_lead_somewhere() -> None:
    for guide in GUIDES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", guide.read_text("utf-8")):
            assert (guide.parent / target).exists(), f"{relative(guide)}: {target}"


@pytest.mark.parametrize("name", ["compose", "systemd", "managed", "kubernetes"])
def test_each_deployment_guide_says_what_to_set_to_watch_and_how_to_go_back(name: str) -> None:
    text = (PROJECT / f"docs/deploy/{name}.md").read_text("utf-8")
    headings = " ".join(re.findall(r"^## (.*)$", text, re.MULTILINE)).lower()
    for subject in ("what to set", "what to watch", "go back"):
        assert subject in headings


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, which commands may write to."""
    copy = tmp_path_factory.mktemp("guides") / "boxoffice"
    copy.mkdir()
    for name in (*let_in(), "deploy", "docs", "Makefile", "compose.yaml"):
        if (PROJECT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "secrets")
            shutil.copytree(PROJECT / name, copy / name, ignore=ignore)
        elif (PROJECT / name).exists():
            shutil.copy(PROJECT / name, copy / name)
    return copy


@needs("curl", "openssl")
@pytest.mark.parametrize("guide", TO_RUN, ids=relative)
def test_commands_of_a_guide_do_what_they_say(
    guide: Path,
    project: Path,
    served: Served,
    shared_database_url: str,
    pytestconfig: pytest.Config,
) -> None:
    path = f"{bin_dir_of(pytestconfig)}{os.pathsep}{os.environ['PATH']}"
    lines = ["set -eu"]
    for number, block in enumerate(blocks(guide), 1):
        if block.is_run_here:
            assert not INSTALLS.search(block.commands), "mark it: a test installs nothing"
            commands = block.commands.replace(ADDRESS, served.address)
            lines += [f"echo '-- block {number}' >&2", commands]
    done = subprocess.run(
        ["sh", "-c", "\n".join(lines)],
        cwd=project,
        env={
            **os.environ,
            "PATH": path,
            "VENV": sys.prefix,
            "DATABASE_URL": shared_database_url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
