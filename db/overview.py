"""The house at a glance, for whoever watches over it: one statement, however often it is asked."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from db.errors import Unavailable
from db.pool import Database
from db.statements import statements

READ_OVERVIEW = statements["read_overview"]

# Several may watch, each every few seconds; the answer takes up to some 10 ms.
GOOD_FOR = timedelta(seconds=2)
# A scrape without it is better than none, and Prometheus gives up after ten seconds.
PATIENCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Glance:
    """How the house is.

    Attributes:
        shows: how many there are to come, up to a bound; their seats are told.
        overdue: for how long the oldest hold that is not on record as ended has been past its
            deadline, in seconds.
        version: the database server's.
    """

    shows: int
    available_seats: int
    pending_seats: int
    confirmed_seats: int
    overdue: float
    version: str


class Overview:
    """Looks at the house, at most once in GOOD_FOR."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self.latest: Glance | None = None

    async def look(self) -> Glance | None:
        """How the house is, or was a moment ago; None where the database doesn't say in time."""
        if self._looking is None and monotonic() - self._looked_at > GOOD_FOR.total_seconds():
            self.latest = None
            self._looking = asyncio.ensure_future(self._look())
        if self._looking:
            await asyncio.wait({self._looking}, timeout=PATIENCE.total_seconds())
        return self.latest

    async def _look(self) -> None:
        try:
            [row] = await self._database.fetch(READ_OVERVIEW, {})
            self.latest = Glance(*row)
        except Unavailable:
            self.latest = None
        finally:
            self._looked_at = monotonic()
            self._looking = None
