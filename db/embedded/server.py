"""A PostgreSQL server of our own: one data directory, one process, one socket, and their end."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from db.embedded.account import Account, choose_account, clean_environment
from db.embedded.binaries import PostgresError, data_version, find_binaries
from db.embedded.initdb import USER, initialise
from db.embedded.postmaster import POLL, STOP_PATIENCE, find_socket_dir, is_ready, release

PORT = "5432"  # Only a part of the socket's name.
SOCKET_NAME = f".s.PGSQL.{PORT}"
# A socket's path has 104 bytes on the BSDs and 108 on Linux, the last of them a NUL.
LONGEST_SOCKET = 103


class PostgresServer:
    """One server on one data directory, made at the first start.

    It listens on a Unix socket only, in a directory that only its own user (and root) can enter:
    that is what guards it, so no password is needed. The caller makes sure (data_directory.hold)
    that no two of these share a directory. It lives in a session of its own: Ctrl-C in the terminal
    does not reach it, and it is up to `stop` that it goes last.

    Args:
        data_dir: PostgreSQL's data directory; its parent must exist, and holds the log.
        bin_dir: where `postgres` and `initdb` are; found by itself if None.
        options: server settings by name, such as {"fsync": "off"} for data that may be lost.
    """

    def __init__(
        self, data_dir: Path, bin_dir: Path | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.log_file = self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.options = dict(options or {})
        self.bin_dir = bin_dir
        self.url = ""
        self._socket_dir = self.data_dir
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server and return its URL once it accepts connections.

        A server that an earlier run left over on the data is stopped first; what it committed is
        kept. Recovery after a crash is waited for, however long it takes.

        Raises:
            PostgresError: it can't run here; the text says why and what to do.
        """
        account = choose_account(self.data_dir)
        self.bin_dir = self.bin_dir or find_binaries(self.data_dir)
        if data_version(self.data_dir) is None:
            initialise(
                self.data_dir, self.bin_dir, account, sync=self.options.get("fsync") != "off"
            )
        release(self.data_dir)
        try:
            self._choose_socket(account)
            self._launch(account.prefix(self.bin_dir / "postgres", self.data_dir))
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server: cleanly, and if that takes more than 10 seconds, at once."""
        if self._process is not None:
            for stop_signal, patience in STOP_PATIENCE.items():
                self._process.send_signal(stop_signal)
                try:
                    self._process.wait(patience.total_seconds())
                    break
                except subprocess.TimeoutExpired:
                    continue
            self._process = None
        if self._socket_dir != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self, prefix: list[str]) -> None:
        with self.log_file.open("ab") as log:
            beginning = log.tell()
            self._process = subprocess.Popen(
                [*prefix, *self._command()],
                cwd="/",
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not is_ready(self.data_dir, self._process.pid):
            if self._process.poll() is not None:
                raise PostgresError(self._explain_failure(beginning))
            time.sleep(POLL.total_seconds())

    def _command(self) -> list[str]:
        # PostgreSQL works in its data directory, so "." needs no quoting and is never too long.
        socket_dir = "." if self._socket_dir == self.data_dir else str(self._socket_dir)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": socket_dir,
            "port": PORT,
            # Nobody comes in before a restore to a moment is over and the database can be written.
            "hot_standby": "off",
            **self.options,
        }
        words = [f"{self.bin_dir}/postgres", "-D", str(self.data_dir)]
        return words + [f"--{name}={value}" for name, value in options.items()]

    def _choose_socket(self, account: Account) -> None:
        """Keep the socket with the data, or in a private directory if clients couldn't name it."""
        path = os.fsencode(self.data_dir / SOCKET_NAME)
        if len(path) > LONGEST_SOCKET or b"," in path:
            self._socket_dir = Path(tempfile.mkdtemp(prefix="boxoffice-"))
            account.own(self._socket_dir)
        self.url = _url(self._socket_dir)

    def _explain_failure(self, beginning: int) -> str:
        text = self.log_file.read_bytes()[beginning:].decode(errors="replace")
        return f"PostgreSQL did not start on {self.data_dir}:\n{text[-1500:]}"


def find_running(data_dir: Path) -> str:
    """Return the URL of the server that runs on a data directory, whoever started it.

    Raises:
        PostgresError: none runs there, or it is closed to us.
    """
    try:
        socket_dir = find_socket_dir(data_dir.resolve())
    except PermissionError:
        raise PostgresError(f"{data_dir} is closed to this user: run this as its owner") from None
    if socket_dir is None:
        raise PostgresError(
            f"no PostgreSQL runs on {data_dir}: start it with `make run`, or `boxoffice serve`"
        )
    return _url(socket_dir)


def _url(socket_dir: Path) -> str:
    return f"postgresql://{USER}@/postgres?host={quote(str(socket_dir), safe='')}&port={PORT}"
