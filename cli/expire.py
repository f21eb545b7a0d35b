"""`boxoffice expire`: the sweep, now."""

import asyncio
import json
from typing import Annotated

from typer import Option, echo

from booking.commands import Expired
from cli.command import IF_NO_DATABASE, IF_UNUSABLE, command, new_app
from cli.house import database_url
from cli.office import opened
from db.expiry import Expiry

app = new_app()


@command(
    app,
    "boxoffice expire",
    "boxoffice expire --json",
    status=f"0, also where nothing was due, {IF_UNUSABLE}, {IF_NO_DATABASE} or a show stays locked",
)
def expire(
    as_json: Annotated[bool, Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Put all lapsed holds on record now, and print how many.

    Servers do so each second: it is for a house whose servers are stopped. A lapsed hold keeps no
    seat and can't be confirmed, swept or not; maps and counters follow the sweep.
    """
    with database_url() as url:
        ended = asyncio.run(_sweep(url))
    if as_json:
        echo(json.dumps({"expiredBookings": ended.bookings, "releasedSeats": ended.seats}))
    else:
        echo(f"{_count(ended.bookings, 'booking')} expired, {_count(ended.seats, 'seat')} released")


async def _sweep(url: str) -> Expired:
    async with opened(url) as office:
        return await Expiry(office.database, office.desk).run()


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
