"""The rules: what each command of a batch comes to, and what is to be saved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from booking.commands import (
    Book,
    BookingNotActive,
    Cancel,
    Command,
    Confirm,
    Done,
    Expire,
    Expired,
    HoldExpired,
    KeyReused,
    NoSuchSeats,
    NotFound,
    Outcome,
    SeatsUnavailable,
    TooManyHeld,
)
from booking.decision import Choice, Decision, ShowState
from booking.house import count_pieces
from booking.model import Booking, BookingStatus, FailureReason
from booking.sale import Sale
from booking.seating import Strategy, choose_seats


def decide(
    states: Mapping[int, ShowState],
    commands: Sequence[Command],
    clock: datetime,
    watch: Callable[[], float] = lambda: 0.0,
) -> Decision:
    """Give each command its outcome, in the order they came, and collect the changes to save.

    Args:
        states: what was read of each show, by id; a show that is missing does not exist.
        clock: the database's time, read after the shows were locked. Holds that have lapsed by
            then, among the bookings read, are expired before the first command.
        watch: tells the seconds since some moment, to time each choice of seats.
    """
    sales = {show_id: Sale(state, clock, watch) for show_id, state in states.items()}
    decision = Decision(clock)
    for command in commands:
        sale = sales.get(command.show_id)
        decision.outcomes.append(_settle(sale, command) if sale else NotFound())
    for sale in sales.values():
        sale.report(decision)
    return decision


def _settle(sale: Sale, command: Command) -> Outcome:
    """Decide one command on what those before it have left."""
    match command:
        case Book():
            return _book(sale, command)
        case Confirm():
            return _confirm(sale, command)
        case Cancel():
            return _cancel(sale, command)
        case Expire():
            return _expire(sale, command)


def _book(sale: Sale, command: Book) -> Outcome:
    again = _booked_before(sale, command)
    if again is not None:
        return _answer_again(sale, command, again)
    if beyond := [n for n in command.seat_numbers if not 1 <= n <= sale.show.total_seats]:
        return NoSuchSeats(tuple(beyond))
    if excess := _excess(sale, command):
        return excess
    numbers = _find_seats(sale, command)
    if numbers is None:
        return _refuse(sale, command)
    booking = _open(sale, command, numbers)
    sale.take(booking)
    return Done(booking)


def _booked_before(sale: Sale, command: Book) -> Booking | None:
    """The booking this command, or one with its key, has made already."""
    key = command.idempotency_key
    known = None if key is None else sale.keys.get((command.owner, key))
    return sale.bookings.get(known or command.booking_id)


def _answer_again(sale: Sale, command: Book, booking: Booking) -> Outcome:
    if command.fingerprint != booking.fingerprint:
        return KeyReused(booking)
    if booking.failure_reason is FailureReason.SEATS_UNAVAILABLE:
        # Tried again by ourselves it is the first answer, not a client's second question.
        return replace(_unavailable(sale, booking), again=booking.id != command.booking_id)
    return Done(booking)


def _find_seats(sale: Sale, command: Book) -> tuple[int, ...] | None:
    if command.seat_count is None:
        return None if sale.taken_of(command.seat_numbers) else command.seat_numbers
    return _choose_seats(sale, command.seat_count, command.strategy)


def _choose_seats(sale: Sale, count: int, strategy: Strategy) -> tuple[int, ...] | None:
    house, seats_per_row = sale.house(), sale.show.seats_per_row
    began = sale.watch()
    chosen = choose_seats(house, seats_per_row, count, strategy)
    seconds = sale.watch() - began
    pieces = count_pieces(chosen or (), seats_per_row)
    sale.choices.append(Choice(strategy, count, pieces, seconds))
    return None if chosen is None else tuple(chosen)


def _refuse(sale: Sale, command: Book) -> Outcome:
    booking = _open(sale, command, command.seat_numbers, FailureReason.SEATS_UNAVAILABLE)
    sale.record(booking)
    return _unavailable(sale, booking)


def _unavailable(sale: Sale, booking: Booking) -> SeatsUnavailable:
    return SeatsUnavailable(booking, sale.taken_of(booking.seat_numbers), sale.available)


def _excess(sale: Sale, command: Book) -> TooManyHeld | None:
    """What is too much, where a customer asks for more than one may hold."""
    most = command.max_pending_seats
    if sale.show.max_pending_seats is not None:
        most = sale.show.max_pending_seats
    if not command.owner or most is None:
        return None
    held = sale.held[command.owner]
    asked = command.seat_count or len(command.seat_numbers)
    return TooManyHeld(held, most) if held + asked > most else None


def _found(sale: Sale, command: Confirm | Cancel) -> Booking | None:
    """The booking meant, unless it is somebody else's."""
    booking = sale.bookings.get(command.booking_id)
    if booking and command.owner is not None and booking.owner != command.owner:
        return None
    return booking


def _confirm(sale: Sale, command: Confirm) -> Outcome:
    booking = _found(sale, command)
    if booking is None:
        return NotFound()
    if booking.failure_reason is FailureReason.EXPIRED and booking.expires_at:
        return HoldExpired(booking, booking.expires_at)
    if not booking.active:
        return BookingNotActive(booking)
    if booking.status is BookingStatus.PENDING:
        booking = sale.confirm(booking)
    return Done(booking)


def _cancel(sale: Sale, command: Cancel) -> Outcome:
    booking = _found(sale, command)
    if booking is None:
        return NotFound()
    if booking.active:
        sale.end(booking, FailureReason.CANCELLED)
    return Done(sale.bookings[booking.id])


def _expire(sale: Sale, command: Expire) -> Expired:
    ended = sale.expired.intersection(command.booking_ids)
    sale.expired -= ended  # counted once, by who came first
    return Expired(len(ended), sum(len(sale.bookings[id_].seat_numbers) for id_ in ended))


def _open(
    sale: Sale, command: Book, numbers: tuple[int, ...], refused: FailureReason | None = None
) -> Booking:
    status = BookingStatus.CONFIRMED if command.confirm else BookingStatus.PENDING
    status = BookingStatus.FAILED if refused else status
    return Booking(
        command.show_id,
        command.booking_id,
        command.user_name,
        status,
        refused,
        numbers,
        created_at=sale.clock,
        expires_at=sale.deadline if status is BookingStatus.PENDING else None,
        confirmed_at=sale.clock if status is BookingStatus.CONFIRMED else None,
        idempotency_key=command.idempotency_key,
        fingerprint=command.fingerprint,
        owner=command.owner,
    )
