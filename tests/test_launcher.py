"""The launcher `boxoffice`: from anywhere, ending as a shell expects, and completed by shells."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.serving import PROJECT
from tests.tokens import SECRET

PATIENCE = 30


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory that has nothing to do with the project, but for a link on the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "boxoffice").symlink_to(PROJECT / "boxoffice")
    return tmp_path


def environment(elsewhere: Path, env: Mapping[str, str]) -> dict[str, str]:
    path = f"{elsewhere / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(elsewhere), "VENV": sys.prefix, **env}


def start(elsewhere: Path, *command: str, **env: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        cwd=elsewhere,
        env=environment(elsewhere, env),
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def run(elsewhere: Path, *command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    with start(elsewhere, *command, **env) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_it_works_through_a_link_and_what_lies_around_is_left_alone(elsewhere: Path) -> None:
    for name in ("settings", "cli", "jwt"):
        (elsewhere / f"{name}.py").write_text("raise RuntimeError('not ours')")
    ran = run(elsewhere, "boxoffice", "token", AUTH_SECRET=SECRET)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count(".") == 2


def test_arguments_and_directory_stay_as_they_are(elsewhere: Path) -> None:
    """So that a relative path means what it says."""
    python = elsewhere / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s|" "$PWD" "$PYTHONPATH" "$@"')
    python.chmod(0o755)
    ran = run(elsewhere, "boxoffice", "a b", "./c", VENV="venv", PYTHONPATH="/other")
    assert ran.stdout == f"{elsewhere}|{PROJECT}:/other|-P|-m|cli|a b|./c|"


def test_it_says_what_to_do_where_nothing_is_installed(elsewhere: Path) -> None:
    ran = run(elsewhere, "boxoffice", "audit", VENV="nowhere")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "make install" in ran.stderr


def test_a_reader_who_leaves_ends_it_without_a_word(elsewhere: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        ["boxoffice", "token"],
        env=environment(elsewhere, {"AUTH_SECRET": SECRET}),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (-signal.SIGPIPE, b"")


def test_ctrl_c_ends_it_without_a_word_while_it_works(elsewhere: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        url = f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/db"
        with start(elsewhere, "boxoffice", "audit", DATABASE_URL=url) as process:
            conn, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
            conn.close()
    assert (process.returncode, err) == (-signal.SIGINT, "")


def test_ctrl_c_ends_it_without_a_word_while_it_starts(elsewhere: Path) -> None:
    slow = "import sys, time\nsys.stdout.write('starting\\n')\nsys.stdout.flush()\ntime.sleep(30)\n"
    (elsewhere / "typer.py").write_text(slow)
    with start(elsewhere, "boxoffice", "audit", PYTHONPATH=str(elsewhere)) as process:
        assert process.stdout
        assert process.stdout.readline() == "starting\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (-signal.SIGINT, "")


def modules(elsewhere: Path, *arguments: str) -> set[str]:
    """What a command imports."""
    ran = run(elsewhere, "boxoffice", *arguments, PYTHONPROFILEIMPORTTIME="1", AUTH_SECRET=SECRET)
    assert ran.returncode == 0
    return set(re.findall(r"\| +([\w.]+)$", ran.stderr, re.MULTILINE))


def test_overview_and_token_import_little(elsewhere: Path) -> None:
    """That is what makes them quick: the first takes 0.15 s here, the second 0.4."""
    overview, token = modules(elsewhere, "--help"), modules(elsewhere, "token")
    assert "typer" in overview
    assert not overview & {"pydantic", "psycopg", "strawberry", "settings", "asyncio"}
    assert "jwt" in token
    assert not token & {"strawberry", "graphql", "uvicorn", "starlette", "app", "apscheduler"}


def test_bash_completes_commands_and_options(elsewhere: Path) -> None:
    if not shutil.which("bash"):
        pytest.skip("needs bash")
    script = """
        eval "$(boxoffice --show-completion)"
        complete -p boxoffice >&2
        for words in 'boxoffice ap' 'boxoffice apikey re' 'boxoffice audit --sh'; do
            COMP_WORDS=($words) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _boxoffice_completion boxoffice
            echo "${COMPREPLY[@]}"
        done
    """
    ran = run(elsewhere, "bash", "--norc", "-c", script)
    assert "-F _boxoffice_completion boxoffice" in ran.stderr
    assert ran.stdout.split() == ["apikey", "revoke", "--show"]


@pytest.mark.parametrize(
    ("shell", "answer"), [("zsh", '"apikey":"Make, list'), ("fish", "apikey\tMake, list")]
)
def test_zsh_and_fish_are_told_the_same(elsewhere: Path, shell: str, answer: str) -> None:
    """By their own protocols; the shells needn't be here for it."""
    asked = {"_TYPER_COMPLETE_ARGS": "boxoffice ap", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    ran = run(elsewhere, "boxoffice", _BOXOFFICE_COMPLETE=f"complete_{shell}", **asked)
    assert answer in ran.stdout
    assert "audit" not in ran.stdout


def test_the_manual_puts_it_on_the_path_and_completes_it(tmp_path: Path) -> None:
    if not shutil.which("bash"):
        pytest.skip("needs bash")
    manual = (PROJECT / "docs/cli.md").read_text("utf-8")
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", manual, re.MULTILINE | re.DOTALL))
    ran = subprocess.run(
        ["bash", "--norc", "-e", "-c", commands],
        cwd=PROJECT,
        env={
            "PATH": f"{tmp_path}/.local/bin:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "VENV": sys.prefix,
        },
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0
    assert (tmp_path / ".local" / "bin" / "boxoffice").samefile(PROJECT / "boxoffice")
    assert "_BOXOFFICE_COMPLETE" in (tmp_path / ".bash_completions" / "boxoffice.sh").read_text()
    assert "boxoffice.sh" in (tmp_path / ".bashrc").read_text()
