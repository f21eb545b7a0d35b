"""The command line: how commands are found and explained, and how they refuse what is unusable."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup

from cli.commands import COMMANDS, load
from cli.house import OUTDATED
from cli.manual import MANUAL, all_commands, write
from tests.command_line import CommandLine
from tests.serving import PROJECT
from tests.tokens import SECRET


def test_overview_names_every_command_with_its_first_sentence(boxoffice: CommandLine) -> None:
    shown = boxoffice("--help")
    assert shown.status == 0
    for panel, commands in COMMANDS.items():
        assert panel in shown.out
        for name, summary in commands.items():
            assert re.search(rf"│ {name}  ", shown.out)
            assert (load(name).help or "").split("\n\n")[0] == summary


@pytest.mark.parametrize("path", [*all_commands()], ids=" ".join)
def test_help_has_examples_that_are_understood_and_the_exit_statuses(
    boxoffice: CommandLine, path: list[str]
) -> None:
    shown = boxoffice(*path, "--help")
    assert shown.status == 0
    assert "Exit status: 0" in shown.out
    below = re.sub(r"\\\s*\n", " ", shown.out.partition("Examples:")[2])
    examples = re.findall(rf"boxoffice ({' '.join(path)}\b[^|)\n]*)", below)
    assert examples
    command = load(path[0])
    own = command.commands[path[1]] if isinstance(command, TyperGroup) else command
    for example in examples:
        words = shlex.split(example)[len(path) :]
        with own.make_context("example", words):
            pass  # it would run


def test_manual_has_the_help_of_every_command_as_it_is_printed() -> None:
    """Else write it anew: python -m cli.manual."""
    text = MANUAL.read_text("utf-8")
    for path in [[], *all_commands()]:
        assert f"\n$ boxoffice {' '.join([*path, '--help'])}\n" in text
    assert write(text) == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing command"),
        (("adit",), "Did you mean 'audit'?"),
        (("audit", "--show", "everything"), "'everything' is not the id of a show"),
        (("audit", "--show", "999"), "there is no show 999"),
        (("token", "--hours", "0"), "--hours"),
        (("token", "--name", " "), "--name"),
        (("apikey", "create", "a\nb"), "control characters"),
        (("apikey", "revoke", "999"), "there is no API key 999"),
        (("serve", "--port", "eighty"), "--port"),
    ],
)
def test_unusable_command_is_refused_in_words(
    boxoffice: CommandLine, shared_database_url: str, arguments: tuple[str, ...], said: str
) -> None:
    ran = boxoffice(*arguments, DATABASE_URL=shared_database_url)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("boxoffice: ")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_unusable_setting_is_named_and_not_quoted(boxoffice: CommandLine) -> None:
    for name in ("DATABASE_URL", "PORT", "SECRETS_DIR"):
        ran = boxoffice("audit", **{name: "no-secret-is-told"})
        assert (ran.status, ran.out) == (2, "")
        assert name in ran.err


def test_database_that_cannot_be_had_is_another_status_and_tells_no_password(
    boxoffice: CommandLine, bare_database_url: str, tmp_path: Path
) -> None:
    gone = f"postgresql://user:secret@/gone?host={tmp_path}"
    for url, said in ((gone, "No such file"), (bare_database_url, OUTDATED), ("", "make run")):
        for command in (["audit"], ["apikey", "list"]):
            ran = boxoffice(*command, DATABASE_URL=url, DATA_DIR=str(tmp_path))
            assert (ran.status, ran.out) == (3, "")
            assert said in ran.err
            assert "secret" not in ran.err


def test_a_fault_of_ours_is_told_with_its_traceback_and_without_secrets() -> None:
    """In a process of its own, which has a log."""
    program = """
import json
import os
from cli import audit, commands

async def fail(*arguments):
    raise RuntimeError("signed with " + os.environ["AUTH_SECRET"])

audit._audit = fail
commands.main(["audit"])
"""
    url = "postgresql://user:whole-password@127.0.0.1:1/db"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, "AUTH_SECRET": SECRET, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "RuntimeError: signed with ***" in ran.stderr
    assert SECRET not in ran.stderr
    assert "whole-password" not in ran.stderr


def test_keys_are_listed_for_programs_and_never_told_again(
    boxoffice: CommandLine, database_url: str
) -> None:
    made = boxoffice("apikey", "create", "nightly report", DATABASE_URL=database_url).out.strip()
    _, number, secret = made.split("_", 2)
    assert boxoffice("apikey", "revoke", number, DATABASE_URL=database_url).status == 0
    listed = boxoffice("apikey", "list", "--json", DATABASE_URL=database_url)
    [key] = map(json.loads, listed.lines)
    assert (key["id"], key["name"]) == (int(number), "nightly report")
    assert key["createdAt"] < key["revokedAt"]
    assert secret not in listed.out
