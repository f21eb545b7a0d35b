"""Bring a database up to sql/migrations, once, whoever starts first."""

from hashlib import sha256
from pathlib import Path

import psycopg

from db.statements import SQL_DIR, statements

LOCK_MIGRATIONS = statements["lock_migrations"]
CREATE_MIGRATIONS = statements["create_migrations"]
READ_MIGRATIONS = statements["read_migrations"]
RECORD_MIGRATION = statements["record_migration"]

MIGRATIONS_DIR = SQL_DIR / "migrations"


class MigrationError(Exception):
    """The database and sql/migrations disagree on what was applied."""


def migrate(url: str, directory: Path = MIGRATIONS_DIR) -> list[str]:
    """Apply the pending migrations in the order of their names, all or none.

    Several processes may call it at once: one applies, the others wait and find nothing to do. One
    transaction holds lock and work, so a process that dies leaves neither behind.

    Args:
        url: a PostgreSQL connection URL.

    Returns:
        The names that were applied now.

    Raises:
        MigrationError: a file that was applied has been edited or is gone.
        psycopg.Error: the database can't be reached, or a migration fails.
    """
    with psycopg.connect(url, connect_timeout=10) as conn:
        conn.execute(LOCK_MIGRATIONS)
        conn.execute(CREATE_MIGRATIONS)
        applied: dict[str, str] = dict(conn.execute(READ_MIGRATIONS).fetchall())
        files = {path.name: path.read_text("utf-8") for path in sorted(directory.glob("*.sql"))}
        _refuse_edited(applied, files)
        pending = {name: text for name, text in files.items() if name not in applied}
        for name, text in pending.items():
            conn.execute(text.encode())
            conn.execute(RECORD_MIGRATION, {"name": name, "checksum": _checksum(text)})
    return list(pending)


def _refuse_edited(applied: dict[str, str], files: dict[str, str]) -> None:
    for name, checksum in applied.items():
        if name not in files:
            raise MigrationError(f"{name} was applied to this database, but the file is gone")
        if _checksum(files[name]) != checksum:
            raise MigrationError(f"{name} was edited after it was applied: add a new file instead")


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
