"""The parts of a server process without the server: a desk and its database, for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from openfeature.api import get_client

from booking.commands import Book, Cancel, Command, Confirm, Done, SeatsUnavailable
from db.auditor import Auditor
from db.desk import Desk
from db.expiry import Expiry
from db.flag_watch import FlagWatch
from db.pool import Database
from db.reads import create_show
from db.seat_maps import SeatMaps
from flags.provider import FlagProvider
from flags.seat_choice import SeatChoice
from resolvers.office import Office


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Office]:
    """An office that is closed at the end of the block."""
    database = Database(url)
    seat_maps = SeatMaps(database)
    desk = Desk(database, seat_maps.apply)
    expiry, auditor = Expiry(database, desk), Auditor(database)
    flags = FlagWatch(database, FlagProvider())
    seat_choice = SeatChoice(get_client(), flags.provider)
    office = Office(database, desk, seat_maps, expiry, auditor, 20, flags, seat_choice)
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


async def done(office: Office, command: Command) -> UUID:
    """Have a command carried out that must succeed; returns the booking's id."""
    outcome = (await office.desk.submit(command)).outcome
    assert isinstance(outcome, Done)
    return outcome.booking.id


def lapse(url: str, booking_id: UUID) -> None:
    """Travel in time: this booking's hold has ended a moment ago."""
    with psycopg.connect(url) as conn:
        conn.execute(
            "UPDATE bookings SET expires_at = clock_timestamp() WHERE id = %s", [booking_id]
        )


async def use(office: Office, url: str) -> dict[str, Any]:
    """A house with everything in it that happens to a booking: seats 1 to 20, 10 versions."""
    show = await new_show(office)
    held = await done(office, book(show, 1, 2))
    confirmed = await done(office, book(show, 3, 4))
    await done(office, Confirm(show, confirmed))
    cancelled = await done(office, book(show, 5, 6))
    await done(office, Cancel(show, cancelled))
    expired = await done(office, book(show, 7, 8))
    lapse(url, expired)
    await office.expiry.run()
    await done(office, book(show, 8, 9))  # one of them for the second time
    refused = (await office.desk.submit(book(show, 9, 10))).outcome
    assert isinstance(refused, SeatsUnavailable)
    await done(office, book(show, count=3, key="order-1"))
    lapse(url, await done(office, book(show, 20)))  # and nobody has swept it yet
    return {
        "show": show,
        "held": held,
        "confirmed": confirmed,
        "cancelled": cancelled,
        "expired": expired,
        "refused": refused.booking.id,
        "later": max(held, confirmed),  # the audit takes bookings by id
    }
