"""`boxoffice show`: add a show, and list what there is."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from typer import Argument, Option, echo

from booking.inputs import DEFAULT_HOLD_SECONDS, DEFAULT_SEATS_PER_ROW, check_show
from booking.model import Show
from cli.command import IF_NO_DATABASE, IF_UNUSABLE, command, new_app
from cli.failure import refuse
from cli.house import database_url
from cli.names import read_name
from cli.office import opened
from cli.public import read_time
from db.pool import Database
from db.reads import ShowPlace, create_show, list_shows
from schema.ids import show_id
from schema.scalars import write_time

STATUS = f"0 where it is done, {IF_UNUSABLE}, {IF_NO_DATABASE}"
PAGE = 100
# Where the rules' words for an input's fields stand on the command line.
OPTIONS = {
    "name": "NAME",
    "totalSeats": "--seats",
    "seatsPerRow": "--per-row",
    "holdSeconds": "--hold",
    "maxPendingSeats": "--max-pending",
}

Json = Annotated[bool, Option("--json", help="Print a JSON object for each show.")]

app = new_app("Add a show, and list what there is.")


@command(
    app,
    'boxoffice show create "First night" --seats 100 \\\n      --starts 2030-01-01T20:00:00+01:00',
    "boxoffice show create Bus --seats=48 --starts=2030-01-01T07:30:00Z",
    status=STATUS,
)
def create(
    name: Annotated[str, Argument(help="What it is called.")],
    starts: Annotated[
        datetime,
        Option(parser=read_time, metavar="TIME", help="When it begins; the offset is required."),
    ],
    seats: Annotated[int, Option(help="How many it has.")],
    per_row: Annotated[int, Option(help="How many seats a row has.")] = DEFAULT_SEATS_PER_ROW,
    hold: Annotated[
        int, Option(help="How many seconds a booking stays PENDING.")
    ] = DEFAULT_HOLD_SECONDS,
    max_pending: Annotated[
        int | None,
        Option(help="Seats one customer may hold PENDING at once, by default MAX_PENDING_SEATS."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a show; all its seats are free.

    Servers have it at once. Its id stands first in what is printed.
    """
    refuse(check_show(name, seats, per_row, hold, max_pending), OPTIONS)

    async def add(url: str) -> Show:
        async with opened(url) as office:
            asked = name, starts, seats, per_row, hold, max_pending
            return await create_show(office.database, *asked)

    with database_url() as url:
        print_show(asyncio.run(add(url)), as_json)


@command(
    app,
    "boxoffice show list",
    'boxoffice show list --search "first" --starts-after 2030-01-01T00:00:00Z',
    "boxoffice show list --json | jq -r 'select(.availableSeats > 0) | .id'",
    status=STATUS,
    name="list",
)
def list_(
    search: Annotated[
        str | None,
        Option(parser=read_name, metavar="TEXT", help="Only those with this in their names."),
    ] = None,
    starts_after: Annotated[
        datetime | None,
        Option(parser=read_time, metavar="TIME", help="Only those that begin after this."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the shows by the time when they begin, with how their seats are."""

    async def print_all(url: str) -> None:
        async with opened(url) as office:
            async for show in _all(office.database, search or "", starts_after):
                print_show(show, as_json)

    with database_url() as url:
        asyncio.run(print_all(url))


async def _all(
    database: Database, search: str, starts_after: datetime | None
) -> AsyncIterator[Show]:
    place = ShowPlace()
    while shows := await list_shows(database, PAGE, place, search, starts_after):
        for show in shows:
            yield show
        place = ShowPlace(shows[-1].start_time, shows[-1].id)


def print_show(show: Show, as_json: bool = False) -> None:
    """Print a show in a line."""
    if as_json:
        echo(json.dumps(_fields(show)))
        return
    seats = f"{show.available_seats} of {show.total_seats} seats free"
    held = f"{show.pending_seats} held, {show.confirmed_seats} sold"
    echo(f"{show_id(show.id)}  {write_time(show.start_time)}  {show.name}  ({seats}, {held})")


def _fields(show: Show) -> dict[str, object]:
    """As the API names them."""
    return {
        "id": show_id(show.id),
        "name": show.name,
        "startTime": write_time(show.start_time),
        "totalSeats": show.total_seats,
        "availableSeats": show.available_seats,
        "pendingSeats": show.pending_seats,
        "confirmedSeats": show.confirmed_seats,
        "holdSeconds": show.hold_seconds,
    }
