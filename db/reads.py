"""Shows and bookings as they are, for those who only look."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from booking.model import Booking, BookingStatus, Show
from db.pool import Database, Row
from db.records import booking_from, show_from
from db.statements import statements

CREATE_SHOW = statements["create_show"]
NEXT_SHOW_ID = statements["next_show_id"]
READ_SHOWS = statements["read_shows"]
LIST_SHOWS = statements["list_shows"]
READ_BOOKINGS = statements["read_bookings"]
LIST_BOOKINGS = statements["list_bookings"]
LIST_DUE = statements["list_due"]


@dataclass(frozen=True, slots=True)
class ShowPlace:
    """A place in the list of shows; that before the first by default."""

    start_time: datetime | str = "-infinity"
    id: int = 0


_FIRST_UUID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class BookingPlace:
    """A place in the list of bookings, which begins with the newest; that before it by default."""

    created_at: datetime | str = "infinity"
    show_id: int = 0
    id: UUID = _FIRST_UUID


BookedAt = tuple[Booking, Show]


async def create_show(
    database: Database,
    name: str,
    start_time: datetime,
    total_seats: int,
    seats_per_row: int,
    hold_seconds: int,
    max_pending_seats: int | None = None,
) -> Show:
    """Add a show, all its seats free.

    Raises:
        OutcomeUnknown: the connection broke in the middle of it, twice.
    """
    (id_,), *_ = await database.fetch(NEXT_SHOW_ID, {})
    rows = await database.write(
        CREATE_SHOW,
        {
            "id": id_,
            "name": name,
            "folded_name": name.casefold(),
            "start_time": start_time,
            "total_seats": total_seats,
            "seats_per_row": seats_per_row,
            "hold_seconds": hold_seconds,
            "max_pending_seats": max_pending_seats,
        },
    )
    return show_from(rows[0])


async def read_show(database: Database, show_id: int) -> Show | None:
    """Return a show, or None where there is none with this id; many wait for one statement."""
    return await database.together(_read_shows).find(show_id)


async def list_shows(
    database: Database,
    size: int,
    after: ShowPlace,
    search: str = "",
    starts_after: datetime | None = None,
) -> list[Show]:
    """Return up to `size` shows by start time, after a place.

    `search` is any part of the name, in any case.
    """
    rows = await database.fetch(
        LIST_SHOWS,
        {
            "size": size,
            "after_time": after.start_time,
            "after_id": after.id,
            "search": search.casefold(),
            "starts_after": starts_after or "-infinity",
        },
    )
    return [show_from(row) for row in rows]


async def read_bookings(database: Database, keys: Sequence[tuple[int, UUID]]) -> list[BookedAt]:
    """Return the bookings with these show ids and ids, as they are by the database's clock now."""
    bookings = database.together(_read_bookings)
    if len(keys) == 1:
        found = [await bookings.find(keys[0])]
    else:
        found = await asyncio.gather(*map(bookings.find, keys))
    return [booked_at for booked_at in found if booked_at]


async def list_bookings(
    database: Database,
    size: int,
    before: BookingPlace,
    status: BookingStatus | None = None,
    show_id: int | None = None,
    user_name: str | None = None,
) -> list[BookedAt]:
    """Return up to `size` bookings, the newest first, as they are now; None lets all pass."""
    rows = await database.fetch(
        LIST_BOOKINGS,
        {
            "size": size,
            "before_time": before.created_at,
            "before_show_id": before.show_id,
            "before_id": before.id,
            "status": status,
            "show_id": show_id,
            "user_name": user_name,
        },
        prepare=False,  # one plan for all filters would be good for none
    )
    return [_booked_at(row) for row in rows]


async def _read_shows(database: Database, ids: Sequence[int]) -> dict[int, Show]:
    rows = await database.fetch(READ_SHOWS, {"ids": list(ids)})
    return {row[0]: show_from(row) for row in rows}


async def _read_bookings(
    database: Database, keys: Sequence[tuple[int, UUID]]
) -> dict[tuple[int, UUID], BookedAt]:
    rows = await database.fetch(
        READ_BOOKINGS, {"show_ids": [key[0] for key in keys], "ids": [key[1] for key in keys]}
    )
    return {(row[1], row[2]): _booked_at(row) for row in rows}


async def list_due(
    database: Database, size: int, except_show_ids: Sequence[int] = ()
) -> list[tuple[int, UUID]]:
    """Return up to `size` bookings (show id, id) whose holds have lapsed, the longest due first."""
    asked = {"size": size, "except_show_ids": list(except_show_ids)}
    return [(row[0], row[1]) for row in await database.fetch(LIST_DUE, asked)]


def _booked_at(row: Row) -> BookedAt:
    clock, *columns = row
    return booking_from(columns[:12]).at(clock), show_from(columns[12:])
