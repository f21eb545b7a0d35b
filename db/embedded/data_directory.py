"""The directory our own PostgreSQL lives in: made, known as ours, held by one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.embedded.binaries import PostgresError

# Lies in every directory that is ours, from before anything else does.
LOCK_NAME = "boxoffice.lock"
OTHER_DIRECTORY = "choose another directory with DATA_DIR."


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold the directory for this process; made if missing, left alone if not ours.

    The operating system drops the hold when the process dies, however it dies; children don't
    inherit it.

    Raises:
        PostgresError: another process holds it, it is not ours, or it can't be written.
    """
    try:
        _make(data_dir)
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise PostgresError(
            f"can't write to {data_dir}: {error.strerror}; {OTHER_DIRECTORY}"
        ) from None
    with os.fdopen(descriptor, "r+") as lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PostgresError(_explain_held(data_dir, lock_file.read().strip())) from None
        lock_file.truncate()
        lock_file.write(f"{os.getpid()}\n")
        lock_file.flush()
        yield


def _make(data_dir: Path) -> None:
    if not data_dir.exists():
        data_dir.mkdir(parents=True)
        # PostgreSQL's user has to pass, whatever the umask; what is inside is closed by itself.
        data_dir.chmod(0o711)
    elif not data_dir.is_dir():
        raise PostgresError(f"{data_dir} is not a directory; {OTHER_DIRECTORY}")
    elif any(data_dir.iterdir()) and not (data_dir / LOCK_NAME).exists():
        raise PostgresError(f"{data_dir} holds something else already; {OTHER_DIRECTORY}")


def _explain_held(data_dir: Path, pid: str) -> str:
    return (
        f"{data_dir} is in use by process {pid or 'unknown'}: the server runs already.\n"
        f"Stop that one first (kill {pid or 'PID'}), or {OTHER_DIRECTORY}"
    )
