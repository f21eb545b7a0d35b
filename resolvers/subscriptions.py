"""The subscriptions: who watches."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Annotated

import strawberry
from strawberry import ID, UNSET, argument

from db.reads import read_bookings, read_show
from resolvers.office import Info, may_see, office_of
from resolvers.rules import FOR_CUSTOMERS
from resolvers.views import booking_view, update_view
from schema import ids
from schema.errors import BadRequest
from schema.types import Booking, SeatMapUpdate

MAX_EVERY_MS = 60_000


@strawberry.type(description="What can be watched.")
class Subscription:
    @strawberry.subscription(
        description="At once a snapshot (or, given `sinceVersion`, what changed since: no seats "
        "where nothing did; a snapshot where that version is unknown or too old), then each "
        "change. Changes that come faster than `everyMs` are folded into one update: the last "
        "state wins, no change is left out."
    )
    async def seat_map(
        self,
        info: Info,
        show_id: Annotated[ID, argument(description="The show's id.")],
        since_version: Annotated[
            int | None, argument(description="The version that the client has already.")
        ] = UNSET,
        every_ms: Annotated[
            int | None,
            argument(description="Milliseconds between updates at the least: 0 to 60000."),
        ] = 0,
    ) -> AsyncIterator[SeatMapUpdate]:
        office = office_of(info)
        every = timedelta(milliseconds=every_ms or 0)
        if not timedelta() <= every <= timedelta(milliseconds=MAX_EVERY_MS):
            raise BadRequest(f"`everyMs` must be 0 to {MAX_EVERY_MS}, not {every_ms}.")
        key = ids.parse_show_id(show_id)
        show = None if key is None else await read_show(office.database, key)
        if show is None:
            raise BadRequest("There is no show with this id.")
        since = None if since_version is UNSET else since_version
        look = partial(update_view, seats_per_row=show.seats_per_row, seat_maps=office.seat_maps)
        return office.seat_maps.follow(show.id, since, every, look)

    @strawberry.subscription(
        description="The booking as it is, then each change of its status, up to FAILED, which is "
        "the last. A hold that lapsed is told when its expiry is committed: within two seconds. "
        "For customers, theirs, and for admins.",
        extensions=FOR_CUSTOMERS,
    )
    async def booking(
        self, info: Info, id: Annotated[ID, argument(description="The booking's id.")]
    ) -> AsyncIterator[Booking]:
        office = office_of(info)
        key = ids.parse_booking_id(id)
        found = [] if key is None else await read_bookings(office.database, [key])
        if key is None or not found or not may_see(info, found[0][0]):
            raise BadRequest("There is no booking with this id.")
        booking, show = found[0]
        yield booking_view(booking, show, office.seat_maps)
        async with aclosing(office.seat_maps.follow(show.id, show.version)) as updates:
            while booking.active:
                update = await anext(updates)
                # A booking changes with its seats; what others do is not looked at.
                if update.seats.keys().isdisjoint(booking.seat_numbers):
                    continue
                (now, show), *_ = await read_bookings(office.database, [key])
                for step in now.steps_since(booking):
                    yield booking_view(step, show, office.seat_maps)
                booking = now
