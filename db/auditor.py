"""Audits for clients, beside the sale: one at a time in a process, each for a bounded time."""

import asyncio
from datetime import timedelta

from db.audit import BEFORE_THE_FIRST, GoOn, Report, audit_show, audit_shows
from db.errors import Unavailable
from db.pool import Database

# What one may take of the process that sells, and of its few connections.
PATIENCE = timedelta(seconds=5)


class Auditor:
    """Audits on a connection of the pool, one at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._busy = False

    async def audit(self, show_id: int | None = None, after: int | None = None) -> Report:
        """Audit a show, or all (those with ids above `after`), for about PATIENCE.

        Raises:
            Unavailable: another audit is under way, or the database can't be had.
        """
        if self._busy:
            raise Unavailable("An audit is under way. Try again in some seconds.")
        self._busy = True
        # A cancelled caller must not cancel a wait inside the pool.
        return await asyncio.shield(asyncio.ensure_future(self._audit(show_id, after)))

    async def _audit(self, show_id: int | None, after: int | None) -> Report:
        report = Report()
        try:
            async with self._database.connection() as conn:
                go_on = _until(PATIENCE)
                if show_id is not None:
                    report.add(await audit_show(conn, show_id, go_on))
                else:
                    first = BEFORE_THE_FIRST if after is None else after
                    await audit_shows(conn, report.add, first, go_on)
            report.complete = True
        except _OutOfTime:
            pass  # the report says how far it came
        finally:
            self._busy = False
        return report


class _OutOfTime(Exception):
    """Nobody waits any longer."""


def _until(patience: timedelta) -> GoOn:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience.total_seconds()

    def go_on() -> None:
        if loop.time() > deadline:
            raise _OutOfTime

    return go_on
