"""Programs of this machine that tests run: found, at ports of their own, ended with the test."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.embedded.account import Account

START_PATIENCE = 10.0


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where a program is missing that CI installs (.ci/run)."""
    missing = [program for program in programs if not find(program)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def find(program: str) -> str | None:
    """Where a program is; daemons are where an ordinary user's PATH doesn't lead."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def rewritten(path: Path, changes: Mapping[str, str]) -> str:
    """A file of ours with other addresses. Each must be there, or the test tests something else."""
    text = path.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{path.name} has no {old!r}"
        text = text.replace(old, new)
    return text


@contextmanager
def workshop(account: Account) -> Iterator[Path]:
    """A directory that an account can use; pytest's own are closed to all but us."""
    directory = Path(tempfile.mkdtemp(prefix="boxoffice-"))
    account.own(directory)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def daemon(command: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends, which begins when it listens on its port."""
    process = subprocess.Popen(command, cwd="/")
    try:
        _await(process, port)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(START_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
            assert time.monotonic() < deadline
        time.sleep(0.02)
