"""The mutations: who changes something. Every change of a show goes over the desk."""

from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

import strawberry
from strawberry import ID, UNSET, argument

from access.caller import Caller, Role
from booking.commands import Book, Cancel, Confirm
from booking.inputs import (
    DEFAULT_HOLD_SECONDS,
    DEFAULT_SEATS_PER_ROW,
    Problem,
    check_booking,
    check_show,
)
from booking.seating import Strategy
from db.reads import create_show, read_show
from resolvers.answers import (
    book_answer,
    booking_not_found,
    cancel_answer,
    confirm_answer,
    invalid_input,
    show_not_found,
)
from resolvers.flags import FlagMutation
from resolvers.office import Info, Office, caller_of, office_of, owner_of
from resolvers.rules import FOR_ADMINS, FOR_CUSTOMERS
from resolvers.views import show_view
from schema import ids
from schema.inputs import BookSeatsInput, CreateShowInput
from schema.results import (
    BookSeatsResult,
    CancelBookingResult,
    ConfirmBookingResult,
    CreateShowResult,
)
from schema.types import ExpiryRun

BookingId = Annotated[ID, argument(description="The booking's id.")]


@strawberry.type(description="What can be done.")
class Mutation(FlagMutation):
    @strawberry.mutation(
        description="Add a show; all its seats are free. For admins.", extensions=FOR_ADMINS
    )
    async def create_show(
        self, info: Info, input: Annotated[CreateShowInput, argument(description="The show.")]
    ) -> CreateShowResult:
        office = office_of(info)
        per_row = _given(input.seats_per_row, DEFAULT_SEATS_PER_ROW)
        hold = _given(input.hold_seconds, DEFAULT_HOLD_SECONDS)
        most = _given(input.max_pending_seats, None)
        problems = check_show(input.name, input.total_seats, per_row, hold, most)
        start_time: object = input.start_time
        if not isinstance(start_time, datetime):
            wrong = "It must be an RFC 3339 time with an offset, such as 2030-01-31T19:30:00Z."
            problems.append(Problem("startTime", wrong))
        if problems or not isinstance(start_time, datetime):
            return invalid_input(problems)
        show = await create_show(
            office.database, input.name, start_time, input.total_seats, per_row, hold, most
        )
        return show_view(show, office.seat_maps)

    @strawberry.mutation(
        description="Book seats, all or none. They are held PENDING for the show's `holdSeconds`, "
        "or CONFIRMED at once with `confirm`. For customers: FORBIDDEN where one would hold more "
        "seats than one may (`limit`), and for admins, who book for anybody.",
        extensions=FOR_CUSTOMERS,
    )
    async def book_seats(
        self,
        info: Info,
        input: Annotated[BookSeatsInput, argument(description="The seats, and who they are for.")],
    ) -> BookSeatsResult:
        office, caller = office_of(info), caller_of(info)
        show_key = ids.parse_show_id(input.show_id)
        user_name = _user_name(caller, input)
        if problems := await _booking_problems(office, show_key, input, user_name):
            return invalid_input(problems)
        if show_key is None or user_name is None:
            return show_not_found(input.show_id)
        strategy = await _strategy(office, show_key, input)
        most = office.max_pending_seats
        book = _book(show_key, input, user_name, caller.owner, most, strategy)
        answer = await office.desk.submit(book)
        return book_answer(answer, input.show_id, office.seat_maps)

    @strawberry.mutation(
        description="Confirm a PENDING booking within its hold. Again: the same answer. For "
        "customers, theirs, and for admins.",
        extensions=FOR_CUSTOMERS,
    )
    async def confirm_booking(self, info: Info, booking_id: BookingId) -> ConfirmBookingResult:
        office = office_of(info)
        key = ids.parse_booking_id(booking_id)
        if key is None:
            return booking_not_found(booking_id)
        answer = await office.desk.submit(Confirm(*key, owner_of(info)))
        return confirm_answer(answer, booking_id, office.seat_maps)

    @strawberry.mutation(
        description="Cancel a booking, PENDING or CONFIRMED, and free its seats. Cancelling what "
        "has failed answers it as it is. For customers, theirs, and for admins.",
        extensions=FOR_CUSTOMERS,
    )
    async def cancel_booking(self, info: Info, booking_id: BookingId) -> CancelBookingResult:
        office = office_of(info)
        key = ids.parse_booking_id(booking_id)
        if key is None:
            return booking_not_found(booking_id)
        answer = await office.desk.submit(Cancel(*key, owner_of(info)))
        return cancel_answer(answer, booking_id, office.seat_maps)

    @strawberry.mutation(
        description="Put all lapsed holds on record now, as the sweep does each second. For "
        "admins.",
        extensions=FOR_ADMINS,
    )
    async def run_expiry(self, info: Info) -> ExpiryRun:
        office = office_of(info)
        ended = await office.expiry.run()
        return ExpiryRun(expired_bookings=ended.bookings, released_seats=ended.seats)


def _user_name(caller: Caller, input: BookSeatsInput) -> str | None:
    """Who it is for: the caller, unless an admin says otherwise."""
    if caller.role is Role.ADMIN:
        return _given(input.user_name, caller.name)  # type: ignore[no-any-return]
    return caller.name


async def _booking_problems(
    office: Office, show_key: int | None, input: BookSeatsInput, user_name: str | None
) -> list[Problem]:
    """Every mistake of the input. Where there is one, the show is looked up to find them all."""
    asked = (
        _given(input.seat_numbers, None),
        _given(input.seat_count, None),
        user_name,
        _given(input.idempotency_key, None),
    )
    problems = check_booking(*asked)
    if problems and show_key is not None and (show := await read_show(office.database, show_key)):
        return check_booking(*asked, show.total_seats)
    return problems


async def _strategy(office: Office, show_key: int, input: BookSeatsInput) -> Strategy:
    """How a count is seated in this show; who names seats is not asked about."""
    if _given(input.seat_count, None) is None:
        return Strategy.BEST
    await office.flags.ready()
    return office.seat_choice.of(ids.show_id(show_key))


def _book(
    show_key: int,
    input: BookSeatsInput,
    user_name: str,
    owner: str,
    max_pending_seats: int,
    strategy: Strategy,
) -> Book:
    return Book(
        show_id=show_key,
        booking_id=uuid4(),
        user_name=user_name,
        seat_numbers=tuple(sorted(_given(input.seat_numbers, ()))),
        seat_count=_given(input.seat_count, None),
        confirm=bool(input.confirm),
        idempotency_key=_given(input.idempotency_key, None),
        owner=owner,
        max_pending_seats=max_pending_seats,
        strategy=strategy,
    )


def _given(value: Any, otherwise: Any) -> Any:
    """A field that may be left out or be null, or what stands for it then."""
    return otherwise if value is None or value is UNSET else value
