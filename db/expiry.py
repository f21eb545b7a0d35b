"""The sweep: puts lapsed holds on record, so that maps and counters show their seats as free."""

import asyncio
import logging
from collections import defaultdict
from datetime import timedelta
from functools import partial
from uuid import UUID

from booking.commands import Expire, Expired
from db.desk import Desk
from db.pool import Database
from db.reads import list_due

# A sweep goes in steps of so many bookings, so that a flood of lapsed holds doesn't keep the shows
# locked for long.
BATCH = 500

log = logging.getLogger("boxoffice.expiry")


class Expiry:
    """Expires what is due, a show at a time: one that can't be locked holds up no other.

    Harmless twice, in one process or in several: each booking is ended once, by who locks its show
    first. Decisions don't wait for it (a hold ends at its deadline); maps and counters do.
    """

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._desk = desk
        self._under_way: set[int] = set()

    async def run(self, patience: timedelta | None = None) -> Expired:
        """Expire every booking that is due; returns what has ended by now, in bookings and seats.

        Args:
            patience: how long to wait for the shows of a step; those that take longer go on by
                themselves, and the next run leaves them alone. None waits for all.

        Raises:
            Unavailable: the database can't be had, or no show that is due can be locked.
        """
        bookings = seats = 0
        done_with: set[int] = set()
        error: BaseException | None = None
        while due := await self._list_due(done_with, patience):
            tasks = {show_id: self._start(show_id, ids) for show_id, ids in due.items()}
            timeout = None if patience is None else patience.total_seconds()
            await asyncio.wait(tasks.values(), timeout=timeout)
            for show_id, task in tasks.items():
                error = (task.exception() if task.done() else None) or error
                ended = task.result() if task.done() and not task.exception() else Expired(0, 0)
                bookings, seats = bookings + ended.bookings, seats + ended.seats
                # One that gave something up may have more; others were faster, or it is locked.
                if not ended.bookings:
                    done_with.add(show_id)
        if error and not bookings:
            raise error
        return Expired(bookings, seats)

    async def _list_due(
        self, done_with: set[int], patience: timedelta | None
    ) -> dict[int, list[UUID]]:
        """What is due, by show, but for shows that are done with or in other hands."""
        skip = done_with if patience is None else done_with | self._under_way
        by_show: dict[int, list[UUID]] = defaultdict(list)
        for show_id, booking_id in await list_due(self._database, BATCH, sorted(skip)):
            by_show[show_id].append(booking_id)
        return by_show

    def _start(self, show_id: int, ids: list[UUID]) -> asyncio.Task[Expired]:
        task = asyncio.ensure_future(self._expire(show_id, ids))
        self._under_way.add(show_id)
        task.add_done_callback(partial(self._ended, show_id))
        return task

    def _ended(self, show_id: int, task: asyncio.Task[Expired]) -> None:
        self._under_way.discard(show_id)
        # Nobody may wait for it any more; the next sweep tries again.
        if not task.cancelled() and (error := task.exception()):
            log.warning("show %s was not swept: %s", show_id, error)

    async def _expire(self, show_id: int, ids: list[UUID]) -> Expired:
        answer = await self._desk.submit(Expire(show_id, tuple(ids)))
        return answer.outcome if isinstance(answer.outcome, Expired) else Expired(0, 0)
