"""The house that a command is about: its settings, and its database or why it can't be had."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from cli.failure import NO_DATABASE, UNUSABLE, Failure
from db.audit import connected
from db.connection import Connection
from db.embedded.binaries import PostgresError
from db.embedded.server import find_running
from db.errors import Unavailable
from db.pooler import SharedSessionsError
from settings import UNUSABLE_SETTINGS, Settings, explain, without_password
from telemetry.log import begin_log, log_config

OUTDATED = "\nIt is not up to date: `boxoffice migrate` brings it there."

T = TypeVar("T")


def read_settings() -> Settings:
    """Read the settings; from then on the log keeps their secrets, tracebacks included.

    Raises:
        Failure: some are unusable.
    """
    try:
        settings = Settings()
    except UNUSABLE_SETTINGS as error:
        raise Failure(explain(error), UNUSABLE) from None
    begin_log(log_config(settings.secrets, "warning", "text"))  # for a person
    return settings


@contextmanager
def database_url() -> Iterator[str]:
    """The URL of the house's database: DATABASE_URL, or our own PostgreSQL where it runs.

    Raises:
        Failure: it can't be had, or couldn't within the block.
    """
    settings = read_settings()
    url = settings.database_url
    try:
        url = url or find_running(settings.data_dir / "postgres")
        yield url
    except (PostgresError, SharedSessionsError, Unavailable) as error:
        raise Failure(str(error), NO_DATABASE) from None
    except psycopg.Error as error:
        missing = psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn
        hint = OUTDATED if isinstance(error, missing) else ""
        said = without_password(str(error), url).strip()
        raise Failure(f"the database: {said}{hint}", NO_DATABASE) from None


def ask(work: Callable[[Connection], Awaitable[T]]) -> T:
    """What comes of some work on a connection to the house's database.

    Raises:
        Failure: as `database_url`.
    """

    async def run(url: str) -> T:
        async with connected(url) as conn:
            return await work(conn)

    with database_url() as url:
        return asyncio.run(run(url))
