"""The PostgreSQL that everything is measured on: fresh, durable, the same for all."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg

from db.embedded.binaries import find_binaries
from db.embedded.server import PostgresServer

SQL = Path(__file__).parent / "sql"
# Not /tmp, which may be memory: a commit has to wait for a disk.
DISK = Path("/var/tmp")

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "1GB",
    # No checkpoint falls into the middle of somebody's round.
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
}


class Postgres:
    """A running server, and the databases on it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count(1)

    @property
    def bin_dir(self) -> Path:
        """Where the programs are that came with this server."""
        assert self._server.bin_dir is not None
        return self._server.bin_dir

    def create(self, template: str = "template1") -> str:
        """Make a database, a copy of another; returns its name."""
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self._server.url, autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
            conn.execute("CHECKPOINT")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        with psycopg.connect(self._server.url, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """A copy of a database for the length of a block."""
        name = self.create(template)
        try:
            yield name
        finally:
            self.drop(name)

    def url(self, database: str) -> str:
        """How psycopg reaches a database."""
        return self._server.url.replace("/postgres?", f"/{quote(database)}?")

    def environment(self, database: str) -> dict[str, str]:
        """How everybody else who goes by libpq's variables does."""
        parts = urlsplit(self._server.url)
        where = parse_qs(parts.query)
        return {
            "PGHOST": where["host"][0],
            "PGPORT": where["port"][0],
            "PGUSER": str(parts.username),
            "PGDATABASE": database,
        }

    def run(self, database: str, file: Path, params: Mapping[str, Any] | None = None) -> list[Any]:
        """Run a file of SQL and commit; returns the rows of its last statement, if it has any."""
        with psycopg.connect(self.url(database)) as conn:
            cursor = conn.execute(file.read_bytes(), params)
            return cursor.fetchall() if cursor.description else []

    def settle(self, database: str) -> None:
        """Leave nothing to autovacuum and to the checkpointer that a round would pay for."""
        with psycopg.connect(self.url(database), autocommit=True) as conn:
            conn.execute("VACUUM (ANALYZE)")
            conn.execute("CHECKPOINT")


@contextmanager
def started(directory: Path | None = None) -> Iterator[Postgres]:
    """A server for the length of a block, on a directory that is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="boxoffice-bench-", dir=directory or DISK))
    # PostgreSQL runs as a user of its own where we are root, and has to pass.
    home.chmod(0o711)
    try:
        with PostgresServer(home / "data", find_binaries(), SETTINGS) as server:
            yield Postgres(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def file_system(path: Path) -> str:
    """The type of the file system that a path lies on, as the kernel names it."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        if os.path.commonpath([mount, path.resolve()]) == mount and len(mount) >= len(best):
            best, kind = mount, found
    return kind
