"""What clients send."""

import strawberry
from strawberry import ID, UNSET

from schema.scalars import Time


@strawberry.input(description="A new show. All its seats are free.")
class CreateShowInput:
    name: str = strawberry.field(description="What it is called: 1 to 200 characters.")
    start_time: Time = strawberry.field(description="When it begins; the offset is required.")
    total_seats: int = strawberry.field(description="How many seats it has: 1 to 100000.")
    seats_per_row: int | None = strawberry.field(
        default=UNSET, description="Seats in a row: 1 to 100000, by default 10."
    )
    hold_seconds: int | None = strawberry.field(
        default=UNSET,
        description="How long a booking stays PENDING, in seconds: 5 to 86400, by default 120.",
    )
    max_pending_seats: int | None = strawberry.field(
        default=UNSET,
        description="How many seats one customer may hold PENDING at once: 1 to 100000, by default "
        "as the server's setting says.",
    )


@strawberry.input(
    description="Seats to book, all or none: by number or by count, exactly one of the two."
)
class BookSeatsInput:
    show_id: ID = strawberry.field(description="The show's id.")
    seat_numbers: list[int] | None = strawberry.field(
        default=UNSET, description="These seats, each named once."
    )
    seat_count: int | None = strawberry.field(
        default=UNSET,
        description="Or the best so many: side by side where there is room, near the front and "
        "the middle unless the flag `seat-choice` has another strategy for the show.",
    )
    user_name: str | None = strawberry.field(
        default=UNSET,
        description="Who it is for: 1 to 200 characters. May be left out only where a token says "
        "who calls. A customer's bookings are for the token's name, whatever is here.",
    )
    confirm: bool | None = strawberry.field(
        default=False, description="True: CONFIRMED at once, without a hold."
    )
    idempotency_key: str | None = strawberry.field(
        default=UNSET,
        description="A key of yours, 1 to 255 characters, unique for this show and you: the same "
        "key and input answers the same booking, however often it is sent.",
    )
