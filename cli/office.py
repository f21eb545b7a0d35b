"""A desk beside those of the servers: what a command changes goes the way of every change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from db.desk import Desk
from db.pool import Database
from db.pooler import refuse_shared_sessions


@dataclass(frozen=True, slots=True)
class Office:
    """A database, and a desk on it."""

    database: Database
    desk: Desk


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Office]:
    """An office that is closed at the end of the block; who watches learns from the database.

    Raises:
        psycopg.Error: the database can't be reached.
        SharedSessionsError: a pooler shares its sessions.
    """
    refuse_shared_sessions(url)
    database = Database(url)
    desk = Desk(database, on_commit=lambda changes: None)
    await database.open()
    try:
        yield Office(database, desk)
    finally:
        await desk.close()
        await database.close()
