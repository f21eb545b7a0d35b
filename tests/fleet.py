"""The services of compose.yaml as processes of this machine: the same settings, other addresses."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from db.embedded.account import Account, choose_account
from db.embedded.server import PostgresServer
from tests.serving import PROJECT

COMPOSE = PROJECT / "deploy/compose"
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


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer, the URL that leads to a database through it, and its secrets."""

    url: str
    secrets: Path


@contextmanager
def pgbouncer(
    postgres: PostgresServer, database: str, pool_mode: str = "session"
) -> Iterator[Pooler]:
    """Run PgBouncer as compose.yaml does, with secrets of its own, before one of our databases.

    Args:
        pool_mode: what is wrong with it, if anything.
    """
    account = choose_account(postgres.data_dir)
    socket_dir = postgres.url.partition("?host=")[2].partition("&")[0].replace("%2F", "/")
    port = free_port()
    with workshop(account) as directory:
        secrets = directory / "secrets"
        subprocess.run([PROJECT / "deploy/secrets.sh", secrets], check=True)
        users = directory / "users"
        shutil.copy(secrets / "pgbouncer_users", users)
        changes = {
            "host=postgres port=5432 dbname=boxoffice": f"host={socket_dir} dbname={database}",
            "listen_addr = 0.0.0.0": "listen_addr = 127.0.0.1",
            "listen_port = 6432": f"listen_port = {port}",
            "/run/secrets/pgbouncer_users": str(users),
            "pool_mode = session": f"pool_mode = {pool_mode}",
        }
        config = directory / "pgbouncer.ini"
        config.write_text(rewritten(COMPOSE / "pgbouncer.ini", changes), "utf-8")
        url = (secrets / "database_url").read_text("utf-8")
        program = find("pgbouncer")
        assert program
        with daemon(
            [*account.prefix(directory, Path(socket_dir)), program, "--quiet", str(config)], port
        ):
            yield Pooler(url.replace("@pgbouncer:6432/", f"@127.0.0.1:{port}/"), secrets)
