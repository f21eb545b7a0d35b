"""A show as it is sold, on record: for who wants to hold it against what buyers were told."""

from dataclasses import dataclass
from datetime import datetime

from booking.model import Booking, Show
from db.connection import Connection
from db.records import booking_from, show_from
from db.statements import statements

READ_SALE = statements["read_sale"]


@dataclass(frozen=True, slots=True)
class Sold:
    """A booking, and the seats that are in fact taken for it."""

    booking: Booking
    taken: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sale:
    """A show at one moment.

    Attributes:
        clock: the database's, at that moment or a little later.
        strays: seats that are taken for bookings that are not there.
    """

    clock: datetime
    show: Show
    sold: tuple[Sold, ...]
    strays: tuple[int, ...]


async def read_sale(conn: Connection, show_id: int) -> Sale | None:
    """Read all of a show's bookings and taken seats at one moment, in one statement.

    Returns:
        None where there is no such show.
    """
    cursor = await conn.execute(READ_SALE, {"show_id": show_id}, binary=True)
    rows = await cursor.fetchall()
    if not rows:
        return None
    sold = tuple(Sold(booking_from(row[11:23]), tuple(row[23])) for row in rows if row[12])
    strays = tuple(number for row in rows if not row[12] for number in row[23])
    return Sale(rows[0][0], show_from(rows[0][1:11]), sold, strays)
