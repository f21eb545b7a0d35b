"""The PostgreSQL under test: durable, on a disk, to be crashed, and with a disk to be filled."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from db.embedded.account import choose_account
from db.embedded.binaries import find_binaries
from db.embedded.server import SOCKET_NAME, PostgresServer
from faults.guard import DATA, SMALL, clear

PROJECT = Path(__file__).parent.parent
# Not /tmp, which may be memory: a commit has to wait for a disk.
DISK = Path("/var/tmp")
DATABASE = "boxoffice"

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Three servers may have 11 each, and some strangers must find room: few are left to be taken.
    "max_connections": "50",
    "superuser_reserved_connections": "0",
    # Our lines wait 100 ms for a lock: deadlocks are to be found before they give up.
    "deadlock_timeout": "50ms",
    "log_checkpoints": "off",
}
# A busy quarter of an hour takes a third of it.
DISK_SIZE = 768 << 20
TRIES_TO_FILL = 20


class Postgres:
    """A server with the database under test.

    Attributes:
        disk: the small file system that the database lies on; None where there can be none.
        without_disk: why there is none.
    """

    def __init__(self, home: Path) -> None:
        self._server = PostgresServer(home / DATA, find_binaries(), SETTINGS)
        self.disk: Path | None = None
        self.without_disk = ""
        self.home = home
        self._runs = False

    @property
    def url(self) -> str:
        """How to reach the database, past the proxy."""
        return self._server.url.replace("/postgres?", f"/{DATABASE}?")

    @property
    def socket(self) -> str:
        """Where it listens."""
        return str(self._server.data_dir / SOCKET_NAME)

    @property
    def runs(self) -> bool:
        """Whether it has been started, and not stopped since."""
        return self._runs

    def begin(self) -> None:
        """Start it, and make the database."""
        self._server.start()
        self._runs = True
        self._mount()
        with psycopg.connect(self._server.url, autocommit=True) as conn:
            place = " TABLESPACE small" if self.disk else ""
            if self.disk:
                conn.execute(f"CREATE TABLESPACE small LOCATION '{self.disk}'".encode())
            conn.execute(f"CREATE DATABASE {DATABASE}{place}".encode())

    def crash(self) -> None:
        """Stop it at once, as a power cut would (but for the disk)."""
        self._runs = False
        pid = (self._server.data_dir / "postmaster.pid").read_text().split()[0]
        os.kill(int(pid), signal.SIGQUIT)
        self._server.stop()

    def start(self) -> None:
        """Start it again, at the same address, and wait for its recovery."""
        before = self._server.url
        assert self._server.start() == before
        self._runs = True

    @property
    def log_file(self) -> Path:
        """What it says."""
        return self._server.log_file

    def said(self, words: str) -> int:
        """How often its log has these words by now."""
        return self.log_file.read_bytes().count(words.encode())

    def fill_disk(self) -> None:
        """Leave no room on the small file system."""
        assert self.disk
        for _ in range(TRIES_TO_FILL):
            # More may be in use by the time of the mount, which refuses to be too small then.
            with suppress(subprocess.CalledProcessError):
                _mount("remount", self.disk, _used(self.disk))
                return
        raise AssertionError("the disk grows faster than it is filled")

    def free_disk(self) -> None:
        """Give it its room back."""
        if self.disk:
            _mount("remount", self.disk, DISK_SIZE)

    def end(self) -> None:
        """Stop it."""
        self._server.stop()
        self._runs = False

    def _mount(self) -> None:
        """Take a small file system for the database, if this user may mount one."""
        disk = self.home / SMALL
        disk.mkdir()
        account = choose_account(self._server.data_dir)
        try:
            _mount(f"mode=700,uid={account.uid},gid={account.gid}", disk, DISK_SIZE)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).splitlines()[0]
            self.without_disk = f"since this user can mount none ({said.rpartition(': ')[2]})"
        else:
            self.disk = disk


def _mount(options: str, disk: Path, size: int) -> None:
    words = ["mount", "-t", "tmpfs", "-o", f"{options},size={size}", "tmpfs", str(disk)]
    subprocess.run(words, check=True, capture_output=True, text=True)


def _used(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


@contextmanager
def started(directory: Path | None = None) -> Iterator[Postgres]:
    """A server for the length of a block, on a directory that is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="boxoffice-faults-", dir=directory or DISK))
    # PostgreSQL runs as a user of its own where we are root, and has to pass.
    home.chmod(0o711)
    with _guarded(home):
        postgres = Postgres(home)
        try:
            postgres.begin()
            yield postgres
        finally:
            postgres.end()
            clear(home)


@contextmanager
def _guarded(home: Path) -> Iterator[None]:
    """Have somebody clear up who notices when we are killed."""
    command = [sys.executable, "-m", "faults.guard", str(home)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, start_new_session=True
    ) as guard:
        try:
            yield
        finally:
            assert guard.stdin
            guard.stdin.close()
