"""What clients see: shows, seats and bookings."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import strawberry
from strawberry import ID, Private

SeatLetters = bytes
"""A letter (A, P or C) a seat, in number order."""


def _described(value: str, description: str) -> Any:
    # The type that strawberry gives an enum's value is not the one that it has in Python.
    return strawberry.enum_value(value, description=description)


@strawberry.enum(description="The state of a seat.")
class SeatStatus(Enum):
    AVAILABLE = _described("AVAILABLE", "Nobody has it.")
    PENDING = _described("PENDING", "A booking holds it until a deadline.")
    CONFIRMED = _described("CONFIRMED", "It is sold.")


@strawberry.enum(description="The state of a booking. FAILED is the end.")
class BookingStatus(Enum):
    PENDING = _described("PENDING", "Its seats are held until `expiresAt`.")
    CONFIRMED = _described("CONFIRMED", "Its seats are sold.")
    FAILED = _described("FAILED", "It has no seats, for the reason in `failureReason`.")


@strawberry.enum(description="Why a booking FAILED.")
class FailureReason(Enum):
    SEATS_UNAVAILABLE = _described("SEATS_UNAVAILABLE", "Not all the seats could be had.")
    EXPIRED = _described("EXPIRED", "It wasn't confirmed by its deadline.")
    CANCELLED = _described("CANCELLED", "It was cancelled.")


@strawberry.interface(description="Anything that `node` finds by its id.")
class Node:
    id: ID = strawberry.field(description="Global and opaque: keep it, don't read it.")


@strawberry.type(description="One numbered place of a show.")
class Seat:
    number: int = strawberry.field(description="What bookings name: 1 to `totalSeats`.")
    row: str = strawberry.field(description='The row, from the front: "A", "B" ... "Z", "AA".')
    label: str = strawberry.field(description='Row and place in the row: "B7".')
    status: SeatStatus = strawberry.field(description="Its state.")


@strawberry.type(description="The seats of a show at one version.")
class SeatMap:
    show_id: ID = strawberry.field(description="The show's id.")
    version: int = strawberry.field(
        description="One step per committed change of this show, without gaps; a version names "
        "one map for everybody."
    )
    letters: Private[SeatLetters]
    load_seats: Private[Callable[[], Sequence[Seat]]]

    @strawberry.field(description="Every seat, by number.", graphql_type=list[Seat])
    def seats(self) -> Sequence[Seat]:
        return self.load_seats()

    @strawberry.field(
        description="The same in short: one letter per seat in number order, A for AVAILABLE, P "
        "for PENDING, C for CONFIRMED."
    )
    def encoded(self) -> str:
        return self.letters.decode()


@strawberry.type(
    description="A film screening, a bus trip, a doctor's slot list: anything with numbered "
    "places at one time."
)
class Show(Node):
    id: ID = strawberry.field(description="Global and opaque: keep it, don't read it.")
    name: str = strawberry.field(description="What it is called.")
    start_time: datetime = strawberry.field(description="When it begins.")
    total_seats: int = strawberry.field(description="How many seats it has.")
    available_seats: int = strawberry.field(
        description="Seats nobody has. With `pendingSeats` and `confirmedSeats` it adds up to "
        "`totalSeats`, and to what `seatMap` says."
    )
    pending_seats: int = strawberry.field(description="Seats held by bookings not confirmed yet.")
    confirmed_seats: int = strawberry.field(description="Seats sold.")
    hold_seconds: int = strawberry.field(
        description="How long a booking stays PENDING, in seconds."
    )
    max_pending_seats: int | None = strawberry.field(
        description="How many seats one customer may hold PENDING at once; null: as many as the "
        "server's setting says."
    )
    load_seat_map: Private[Callable[[], Awaitable[SeatMap]]]

    @strawberry.field(description="Its seats, one by one.")
    async def seat_map(self) -> SeatMap:
        return await self.load_seat_map()


@strawberry.type(
    description="Somebody's seats at a show. From its deadline on, a booking that was not "
    "confirmed reads FAILED, EXPIRED, and its seats can be booked. The seat map and the counters "
    "follow when the expiry is committed: within two seconds, or at once when somebody books one "
    "of the seats."
)
class Booking(Node):
    id: ID = strawberry.field(description="Global, opaque and not guessable.")
    load_show: Private[Callable[[], Show]]
    user_name: str = strawberry.field(description="Who it is for.")
    status: BookingStatus = strawberry.field(description="Its state now.")
    failure_reason: FailureReason | None = strawberry.field(
        description="Why it failed, exactly when FAILED."
    )
    load_seats: Private[Callable[[], list[Seat]]]
    seat_numbers: list[int] = strawberry.field(
        description="The seats it was given or, where it failed at once, asked for."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(
        description="While PENDING: the deadline for confirming it."
    )
    confirmed_at: datetime | None = strawberry.field(description="When it was confirmed.")

    @strawberry.field(description="What it is for.")
    def show(self) -> Show:
        return self.load_show()

    @strawberry.field(
        description="The seats it has now, while PENDING or CONFIRMED; when FAILED: empty."
    )
    def seats(self) -> list[Seat]:
        return self.load_seats()


@strawberry.type(description="What an expiry run did.")
class ExpiryRun:
    expired_bookings: int = strawberry.field(description="Bookings that it ended.")
    released_seats: int = strawberry.field(description="Seats that it freed.")


@strawberry.type(description="One step of a seat map, or several in one.")
class SeatMapUpdate:
    show_id: ID = strawberry.field(description="The show's id.")
    version: int = strawberry.field(description="The version it leads to.")
    snapshot: bool = strawberry.field(
        description="True: `seats` is the whole map, replace yours. False: `seats` are those that "
        "changed since the update before."
    )
    load_seats: Private[Callable[[], Sequence[Seat]]]
    encodings: Private[dict[Hashable, bytes]]

    @strawberry.field(description="The seats, by number.", graphql_type=list[Seat])
    def seats(self) -> Sequence[Seat]:
        return self.load_seats()
