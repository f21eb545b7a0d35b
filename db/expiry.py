"""The sweep: puts lapsed holds on record, so that maps and counters show their seats as free."""

import asyncio
from collections import defaultdict
from uuid import UUID

from booking.commands import Expire, Expired
from db.desk import Desk
from db.pool import Database
from db.reads import list_due

# A sweep goes in steps of so many bookings, so that a flood of lapsed holds doesn't keep the shows
# locked for long.
BATCH = 500


async def run_expiry(database: Database, desk: Desk) -> Expired:
    """Expire every booking that is due; returns what this run ended, in bookings and seats.

    Harmless twice, in one process or in several: each booking is ended once, by who locks its show
    first. Decisions don't wait for it (a hold ends at its deadline); maps and counters do.

    Raises:
        Unavailable: the database can't be had.
    """
    total = Expired(0, 0)
    while True:
        due = await list_due(database, BATCH)
        ended = await _expire(desk, due)
        total = Expired(total.bookings + ended.bookings, total.seats + ended.seats)
        # Nothing ended: others were faster, or a show can't be locked. The next sweep will see.
        if len(due) < BATCH or not ended.bookings:
            return total


async def _expire(desk: Desk, due: list[tuple[int, UUID]]) -> Expired:
    by_show: dict[int, list[UUID]] = defaultdict(list)
    for show_id, booking_id in due:
        by_show[show_id].append(booking_id)
    answers = await asyncio.gather(
        *(desk.submit(Expire(show_id, tuple(ids))) for show_id, ids in by_show.items())
    )
    ended = [answer.outcome for answer in answers if isinstance(answer.outcome, Expired)]
    return Expired(sum(e.bookings for e in ended), sum(e.seats for e in ended))
