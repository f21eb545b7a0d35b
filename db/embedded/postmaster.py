"""The process that holds a data directory, as its postmaster.pid tells: found, stopped, disowned.

The file is the server's own lock. It outlives a crash, and its process id may by then be another
process's, so nothing is signalled before it has proved to be a postgres in that directory.
"""

import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

from db.embedded.binaries import PostgresError

# How long each way of stopping may take: SIGINT ends the sessions and writes everything to disk,
# SIGQUIT stops at once and leaves the rest to crash recovery at the next start.
STOP_PATIENCE = {signal.SIGINT: timedelta(seconds=10), signal.SIGQUIT: timedelta(seconds=10)}
POLL = timedelta(milliseconds=10)

SOCKET_DIR_LINE = 4
STATUS_LINE = 7


def is_ready(data_dir: Path, pid: int) -> bool:
    """Tell whether the postmaster with this process id accepts connections."""
    lines = _lock_lines(data_dir)
    return lines[:1] == [str(pid)] and "ready" in "".join(lines[STATUS_LINE:])


def find_socket_dir(data_dir: Path) -> Path | None:
    """Return where the socket is of the server that runs on a data directory, if one does."""
    lines = _lock_lines(data_dir)
    if len(lines) <= SOCKET_DIR_LINE or not runs_in(int(lines[0]), data_dir):
        return None
    return data_dir / lines[SOCKET_DIR_LINE]  # "." there is the data directory


def release(data_dir: Path) -> None:
    """Make a data directory free for a new postmaster; one that was left over is stopped.

    The caller holds our own lock on the directory, so nobody is using what is found here.

    Raises:
        PostgresError: the left-over server does not stop.
    """
    pid = next((int(line) for line in _lock_lines(data_dir)[:1] if line.isdigit()), None)
    if pid is None:
        return
    if runs_in(pid, data_dir):
        _stop(pid, data_dir)
    elif _is_alive(pid):
        _disown(data_dir)


def runs_in(pid: int, data_dir: Path) -> bool:
    """Tell whether a process is the postgres of this data directory."""
    if not Path("/proc/self").exists():
        listing = ["ps", "-o", "command=", "-p", str(pid)]
        words = subprocess.run(listing, check=False, capture_output=True, text=True).stdout
        return f"postgres -D {data_dir} " in words
    process = Path(f"/proc/{pid}")
    try:
        named = (process / "comm").read_text("ascii", errors="replace") == "postgres\n"
        return named and (process / "cwd").samefile(data_dir)
    except OSError:
        return False


def _stop(pid: int, data_dir: Path) -> None:
    for stop_signal, patience in STOP_PATIENCE.items():
        deadline = time.monotonic() + patience.total_seconds()
        os.kill(pid, stop_signal)
        while runs_in(pid, data_dir):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL.total_seconds())
        else:
            return
    raise PostgresError(f"the PostgreSQL left over in {data_dir} (process {pid}) does not stop")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:  # Gone, or another user's: PostgreSQL takes neither for a live server.
        return False
    return True


def _disown(data_dir: Path) -> None:
    """Put our own id where a stranger has inherited the dead postmaster's.

    PostgreSQL would refuse to start for the stranger's sake; it takes its parent's id for stale.
    The other lines stay: they let it find sessions of the dead server that are still alive.
    """
    lock_file = data_dir / "postmaster.pid"
    lines = lock_file.read_text("utf-8").splitlines(keepends=True)
    lock_file.write_text("".join([f"{os.getpid()}\n", *lines[1:]]), "utf-8")


def _lock_lines(data_dir: Path) -> list[str]:
    try:
        return (data_dir / "postmaster.pid").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
