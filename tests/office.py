"""The parts of a server process without the server: a desk and its database, for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg

from booking.commands import Book
from db.auditor import Auditor
from db.desk import Desk
from db.expiry import Expiry
from db.pool import Database
from db.reads import create_show
from db.seat_maps import SeatMaps
from resolvers.office import Office


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Office]:
    """An office that is closed at the end of the block."""
    database = Database(url)
    seat_maps = SeatMaps(database)
    desk = Desk(database, seat_maps.apply)
    office = Office(database, desk, seat_maps, Expiry(database, desk), Auditor(database))
    await database.open()
    try:
        yield office
    finally:
        await office.desk.close()
        await database.close()


async def new_show(office: Office, total_seats: int = 20, hold_seconds: int = 120) -> int:
    """Add a show; returns its id."""
    start_time = datetime(2030, 1, 1, 20, tzinfo=UTC)
    show = await create_show(office.database, "Test", start_time, total_seats, 10, hold_seconds)
    return show.id


def book(show_id: int, *numbers: int, count: int | None = None, key: str | None = None) -> Book:
    """A command to book seats by number, or by count."""
    return Book(show_id, uuid4(), "somebody", numbers, count, idempotency_key=key)


def lapse(url: str, booking_id: UUID) -> None:
    """Travel in time: this booking's hold has ended a moment ago."""
    with psycopg.connect(url) as conn:
        conn.execute(
            "UPDATE bookings SET expires_at = clock_timestamp() WHERE id = %s", [booking_id]
        )
