"""`boxoffice seed`: a house with something on, to look at and to try things with."""

import asyncio
from collections import Counter
from datetime import datetime
from random import Random
from typing import Annotated
from uuid import uuid4

from typer import Option, echo

from booking.commands import Book, Cancel, Confirm, Done, SeatsUnavailable
from booking.model import Show
from cli.command import IF_NO_DATABASE, IF_UNUSABLE, command, new_app
from cli.demo import Event, Fate, Order, plan
from cli.failure import DIFFERENT, Failure
from cli.house import database_url
from cli.office import Office, opened
from cli.progress import Advance, progress
from cli.show import print_show
from db.desk import Desk
from db.reads import ShowPlace, create_show, list_shows, read_show

# The desk sells the faster the more wait; too many, and it would turn some away.
AT_ONCE = 64

app = new_app()


@command(
    app,
    "boxoffice seed",
    "boxoffice seed --add",
    status=f"0 where it is done, 1 where there are shows already, {IF_UNUSABLE}, {IF_NO_DATABASE}",
)
def seed(
    add: Annotated[bool, Option("--add", help="Also where there are shows already.")] = False,
) -> None:
    """Fill a new house with a demo: shows of this week, and bookings of every state.

    A hall's evenings, buses from the next hours on and a doctor's mornings, with bookings that are
    held, confirmed and cancelled. They are made as any booking is, so the log tells of them; those
    on hold end after some minutes.
    """
    with database_url() as url:
        asyncio.run(_fill(url, plan(datetime.now().astimezone(), Random()), add))


async def _fill(url: str, events: list[Event], add: bool) -> None:
    async with opened(url) as office:
        if not add and await list_shows(office.database, 1, ShowPlace()):
            raise Failure(
                "there are shows already: `boxoffice seed --add` adds the demo to them", DIFFERENT
            )
        steps = sum(1 + len(event.orders) for event in events)
        with progress("Seeding", steps) as advance:
            results = [await _put_on(office, event, advance) for event in events]
    for show, _ in results:
        print_show(show)
    became = sum((became for _, became in results), Counter[str]())
    states = ", ".join(f"{number} {state}" for state, number in sorted(became.items()))
    echo(f"{len(events)} shows, {became.total()} bookings: {states}")


async def _put_on(office: Office, event: Event, advance: Advance) -> tuple[Show, Counter[str]]:
    """Add a show and let its guests come; returns it as they left it, and what became of them."""
    kind = event.kind
    layout = kind.total_seats, kind.seats_per_row, kind.hold_seconds
    show = await create_show(office.database, event.name, event.start_time, *layout)
    advance(1)
    places = asyncio.Semaphore(AT_ONCE)

    async def come(order: Order) -> str:
        async with places:
            became = await _serve(office.desk, show.id, order)
        advance(1)
        return became

    became = Counter(await asyncio.gather(*map(come, event.orders)))
    return await read_show(office.database, show.id) or show, became


async def _serve(desk: Desk, show_id: int, order: Order) -> str:
    """Carry out an order as its guest would; returns what the booking is then."""
    count = None if order.numbers else order.count
    at_once = order.fate is Fate.BOUGHT
    booking_id = uuid4()
    answer = await desk.submit(
        Book(show_id, booking_id, order.guest, order.numbers, count, confirm=at_once)
    )
    if isinstance(answer.outcome, Done):
        if order.fate in (Fate.CONFIRMED, Fate.GIVEN_BACK):
            answer = await desk.submit(Confirm(show_id, booking_id))
        if order.fate in (Fate.CANCELLED, Fate.GIVEN_BACK):
            answer = await desk.submit(Cancel(show_id, booking_id))
    assert isinstance(answer.outcome, Done | SeatsUnavailable)
    booking = answer.outcome.booking
    return booking.failure_reason or booking.status
