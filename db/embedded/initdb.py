"""Make PostgreSQL's data directory, whole or not at all."""

import os
import shutil
import subprocess
from pathlib import Path

from db.embedded.account import Account, clean_environment
from db.embedded.binaries import PostgresError

USER = "boxoffice"
# Whoever reaches the socket may come in: it lies where only PostgreSQL's own user reaches it.
OPTIONS = ["--encoding=UTF8", "--no-locale", "--auth-local=trust", "--auth-host=reject"]
LONGEST_EXCERPT = 1500


def initialise(data_dir: Path, bin_dir: Path, account: Account, *, sync: bool) -> None:
    """Make a data directory for the account.

    It is made under another name and renamed when it is whole and on disk, so what an interrupted
    run leaves behind is never used, and the next run clears it away.

    Args:
        sync: whether to wait for the disk; False only for data that may be lost.

    Raises:
        PostgresError: something else lies there, or initdb fails; the text says what it said.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        raise PostgresError(f"{data_dir} holds something that is not PostgreSQL's data")
    draft = data_dir.with_name(f"{data_dir.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    account.own(draft)
    _run_initdb(bin_dir / "initdb", draft, account, [] if sync else ["--no-sync"])
    draft.rename(data_dir)
    if sync:
        _sync_directory(data_dir.parent)


def _run_initdb(initdb: Path, draft: Path, account: Account, options: list[str]) -> None:
    prefix = [*account.prefix(initdb, draft), *account.named_prefix()]
    result = subprocess.run(
        [*prefix, str(initdb), f"--username={USER}", f"--pgdata={draft}", *OPTIONS, *options],
        check=False,
        cwd="/",
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    if result.returncode != 0:
        raise PostgresError(f"initdb failed:\n{result.stdout[-LONGEST_EXCERPT:].strip()}")


def _sync_directory(directory: Path) -> None:
    """Make a rename in the directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
