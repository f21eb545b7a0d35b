"""Bring a database up to sql/migrations, once, whoever starts first, or know one that is ahead."""

import logging
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import psycopg

from db.statements import SQL_DIR, statements

LOCK_MIGRATIONS = statements["lock_migrations"]
CREATE_MIGRATIONS = statements["create_migrations"]
READ_MIGRATIONS = statements["read_migrations"]
RECORD_MIGRATION = statements["record_migration"]

MIGRATIONS_DIR = SQL_DIR / "migrations"
# A migration only adds, and who doesn't know it can go on. The rare one that takes something away
# is called so: no version that doesn't know it starts afterwards.
ONE_WAY = ".one_way.sql"

log = logging.getLogger("boxoffice.db")


class MigrationError(Exception):
    """The database and sql/migrations disagree on what was applied."""


def migrate(url: str, directory: Path = MIGRATIONS_DIR) -> list[str]:
    """Apply the pending migrations in the order of their names, all or none.

    Several processes may call it at once: one applies, the others wait and find nothing to do. One
    transaction holds lock and work, so a process that dies leaves neither behind.

    A newer version may have been here before: what it has added we go on with, and say so.

    Args:
        url: a PostgreSQL connection URL.

    Returns:
        The names that were applied now.

    Raises:
        MigrationError: a file that was applied has been edited or is gone, or a newer version has
            taken something away.
        psycopg.Error: the database can't be reached, or a migration fails.
    """
    with psycopg.connect(url, connect_timeout=10) as conn:
        conn.execute(LOCK_MIGRATIONS)
        conn.execute(CREATE_MIGRATIONS)
        pending = _find_pending(_read_applied(conn), directory)
        for name, text in pending.items():
            conn.execute(text.encode())
            conn.execute(RECORD_MIGRATION, {"name": name, "checksum": _checksum(text)})
    return list(pending)


def compare(url: str, directory: Path = MIGRATIONS_DIR) -> tuple[list[str], list[str]]:
    """Return the names that were applied, and those that `migrate` would apply; changes nothing.

    Raises:
        MigrationError, psycopg.Error: as `migrate`.
    """
    with psycopg.connect(url, connect_timeout=10) as conn:
        try:
            applied = _read_applied(conn)
        except psycopg.errors.UndefinedTable:
            applied = {}  # nobody has been here
    return sorted(applied), list(_find_pending(applied, directory))


def _read_applied(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute(READ_MIGRATIONS).fetchall())


def _find_pending(applied: dict[str, str], directory: Path) -> dict[str, str]:
    files = {path.name: path.read_text("utf-8") for path in sorted(directory.glob("*.sql"))}
    _refuse_edited(applied, files)
    _refuse_gone(applied.keys() - files.keys(), newest=max(files, default=""))
    return {name: text for name, text in files.items() if name not in applied}


def _refuse_edited(applied: dict[str, str], files: dict[str, str]) -> None:
    for name in applied.keys() & files.keys():
        if _checksum(files[name]) != applied[name]:
            raise MigrationError(f"{name} was edited after it was applied: add a new file instead")


def _refuse_gone(names: Iterable[str], newest: str) -> None:
    for name in sorted(names):
        if not newest or name < newest:
            raise MigrationError(f"{name} was applied to this database, but the file is gone")
        if name.endswith(ONE_WAY):
            raise MigrationError(
                f"a newer version has applied {name}, and there is no way back from it: start that "
                "version, or restore a backup from before (docs/backup.md)"
            )
        log.warning("A newer version has applied %s to this database; going on.", name)


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
