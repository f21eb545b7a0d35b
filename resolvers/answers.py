"""What came of a command, as the members of each mutation's result."""

from collections.abc import Sequence

from strawberry import ID

import booking.commands as outcomes
from booking.inputs import Problem, beyond_the_house
from booking.model import Booking, Show
from db.desk import Answer
from db.seat_maps import SeatMaps
from resolvers.views import booking_view
from schema import results
from schema.errors import Forbidden

REFUSED_BEFORE = "This was refused before, with this key. To try again, send a new key."


def invalid_input(problems: Sequence[Problem]) -> results.InvalidInput:
    """All the mistakes of an input."""
    fields = [results.InputProblem(field=p.field, message=p.message) for p in problems]
    summary = "; ".join(f"{p.field}: {p.message}" for p in problems)
    return results.InvalidInput(message=summary, fields=fields)


def show_not_found(show_id: ID) -> results.NotFound:
    """No show has this id."""
    return results.NotFound(message="There is no show with this id.", id=show_id)


def booking_not_found(booking_id: ID) -> results.NotFound:
    """No booking has this id."""
    return results.NotFound(message="There is no booking with this id.", id=booking_id)


def book_answer(answer: Answer, show_id: ID, seat_maps: SeatMaps) -> results.BookSeatsResult:
    """What `bookSeats` answers."""
    show = answer.show
    match answer.outcome:
        case outcomes.Done(booking) if show:
            return booking_view(booking, show, seat_maps)
        case outcomes.SeatsUnavailable(booking, unavailable, available, again) if show:
            return results.SeatsUnavailable(
                message=REFUSED_BEFORE if again else _refusal(booking, unavailable, available),
                unavailable=list(unavailable),
                available_seats=available,
                booking=booking_view(booking, show, seat_maps),
            )
        case outcomes.KeyReused(booking) if show:
            return results.IdempotencyKeyReused(
                message="This idempotency key was used before, with another input.",
                booking=booking_view(booking, show, seat_maps),
            )
        case outcomes.TooManyHeld(held, most):
            raise _too_many_held(held, most)
        case outcomes.NoSuchSeats(numbers) if show:
            return invalid_input([beyond_the_house(numbers, show.total_seats)])
    return show_not_found(show_id)


def confirm_answer(
    answer: Answer, booking_id: ID, seat_maps: SeatMaps
) -> results.ConfirmBookingResult:
    """What `confirmBooking` answers."""
    show = answer.show
    match answer.outcome:
        case outcomes.Done(booking) if show:
            return booking_view(booking, show, seat_maps)
        case outcomes.HoldExpired(booking, expired_at) if show:
            return results.HoldExpired(
                message="The hold has expired: it was not confirmed by its deadline.",
                booking=booking_view(booking, show, seat_maps),
                expired_at=expired_at,
            )
        case outcomes.BookingNotActive(booking) if show:
            return results.BookingNotActive(
                message=f"The booking has failed: {booking.failure_reason}.",
                booking=booking_view(booking, show, seat_maps),
            )
    return booking_not_found(booking_id)


def cancel_answer(
    answer: Answer, booking_id: ID, seat_maps: SeatMaps
) -> results.CancelBookingResult:
    """What `cancelBooking` answers."""
    match answer:
        case Answer(outcomes.Done(booking), Show() as show):
            return booking_view(booking, show, seat_maps)
    return booking_not_found(booking_id)


def _too_many_held(held: int, most: int) -> Forbidden:
    return Forbidden(
        f"One customer may hold {most} seats at once, and {held} are held.",
        {"limit": {"name": "pendingSeats", "max": most}, "pendingSeats": held},
    )


def _refusal(booking: Booking, unavailable: Sequence[int], available: int) -> str:
    left = f"{available} seat{'' if available == 1 else 's'} left"
    if not booking.seat_numbers:
        return f"Not enough seats: {left}."
    return f"Not all of these seats can be had: {len(unavailable)} taken; {left}."
