"""What mutations answer: the thing done, or an error a caller can act on."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from schema.types import Booking, Show


@strawberry.interface(description="Something that a caller can act on went wrong.")
class Error:
    message: str = strawberry.field(description="What went wrong, in a sentence.")


@strawberry.type(description="One mistake of an input.")
class InputProblem:
    field: str = strawberry.field(description='Path in the input: "seatNumbers".')
    message: str = strawberry.field(description="What is wrong with it, in a sentence.")


@strawberry.type(description="The input is wrong; nothing was done.")
class InvalidInput(Error):
    fields: list[InputProblem] = strawberry.field(description="Every mistake of the input at once.")


@strawberry.type(description="There is nothing with this id.")
class NotFound(Error):
    id: ID = strawberry.field(description="The id that was asked for.")


@strawberry.type(description="Not all the seats could be had, so none was taken.")
class SeatsUnavailable(Error):
    unavailable: list[int] = strawberry.field(
        description="The asked-for seats that are taken; empty for a booking by count."
    )
    available_seats: int = strawberry.field(description="How many seats are left.")
    booking: Booking = strawberry.field(
        description="The attempt on record: FAILED, SEATS_UNAVAILABLE."
    )


@strawberry.type(description="The booking's deadline had passed.")
class HoldExpired(Error):
    booking: Booking = strawberry.field(description="The booking: FAILED, EXPIRED.")
    expired_at: datetime = strawberry.field(description="The deadline that was missed.")


@strawberry.type(description="The booking has FAILED, by something else than its deadline.")
class BookingNotActive(Error):
    booking: Booking = strawberry.field(description="The booking as it is.")


@strawberry.type(description="The idempotency key was used before, with another input.")
class IdempotencyKeyReused(Error):
    booking: Booking = strawberry.field(description="The booking that was made with the key.")


CreateShowResult = Annotated[
    Show | InvalidInput,
    strawberry.union("CreateShowResult", description="The new show, or what is wrong."),
]
BookSeatsResult = Annotated[
    Booking | SeatsUnavailable | NotFound | InvalidInput | IdempotencyKeyReused,
    strawberry.union("BookSeatsResult", description="The booking, or why there is none."),
]
ConfirmBookingResult = Annotated[
    Booking | HoldExpired | BookingNotActive | NotFound,
    strawberry.union(
        "ConfirmBookingResult", description="The confirmed booking, or why it can't be confirmed."
    ),
]
CancelBookingResult = Annotated[
    Booking | NotFound,
    strawberry.union(
        "CancelBookingResult",
        description="The booking, FAILED. Cancelling what has failed answers it as it is.",
    ),
]
