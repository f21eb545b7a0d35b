"""A plain box office that serves one command after the other: what the rules are held against."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

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
)
from booking.model import Booking, BookingStatus, FailureReason, Show

PENDING, CONFIRMED, FAILED = BookingStatus
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOLD = timedelta(seconds=120)

Key = tuple[int, UUID]  # a booking's primary key


def make_show(id: int = 1, total_seats: int = 10, seats_per_row: int = 5) -> Show:
    return Show(id, "Metropolis", NOON, total_seats, seats_per_row, HOLD // timedelta(seconds=1))


class BoxOffice:
    """The plain one: a dict says whose each seat is, and a hold ends the moment it is due."""

    def __init__(self, shows: Sequence[Show]) -> None:
        self.shows = {show.id: show for show in shows}
        self.bookings: dict[Key, Booking] = {}
        self.seats: dict[tuple[int, int], UUID] = {}
        self.first_with_key: dict[tuple[int, str], Book] = {}
        self.clock = NOON
        self.stepped: set[int] = set()

    def pass_time(self, clock: datetime) -> None:
        self.clock = clock
        for booking in list(self.bookings.values()):
            if booking.status is PENDING and booking.expires_at and booking.expires_at <= clock:
                self.end(booking, FailureReason.EXPIRED)

    def free(self, show_id: int) -> list[int]:
        numbers = range(1, self.shows[show_id].total_seats + 1)
        return [number for number in numbers if (show_id, number) not in self.seats]

    def serve(self, command: Command, due: set[Key], given: Outcome) -> Outcome:
        """What comes of a command. Which seats a booking by count gets is read off `given`.

        `due` are the holds that the batch was to put on record as ended, and nobody counted yet.
        """
        if command.show_id not in self.shows:
            return NotFound()
        match command:
            case Book():
                return self.book(command, given)
            case Confirm():
                return self.confirm(command.show_id, command.booking_id)
            case Cancel():
                return self.cancel(command.show_id, command.booking_id)
            case Expire():
                ended = due & {(command.show_id, booking_id) for booking_id in command.booking_ids}
                due -= ended
                seats = sum(len(self.bookings[key].seat_numbers) for key in ended)
                return Expired(len(ended), seats)

    def book(self, command: Book, given: Outcome) -> Outcome:
        show_id, key = command.show_id, command.idempotency_key
        first = self.first_with_key.get((show_id, key)) if key else None
        known = self.bookings.get((show_id, first.booking_id if first else command.booking_id))
        if first and known:
            # By which strategy it is seated is no part of what is asked for.
            asked = replace(command, booking_id=first.booking_id, strategy=first.strategy)
            if asked != first:
                return KeyReused(known)
        if known:
            refused = known.failure_reason is FailureReason.SEATS_UNAVAILABLE
            again = known.id != command.booking_id
            return replace(self.refusal(known), again=again) if refused else Done(known)
        total_seats = self.shows[show_id].total_seats
        if beyond := [n for n in command.seat_numbers if n not in range(1, total_seats + 1)]:
            return NoSuchSeats(tuple(beyond))
        if key:
            self.first_with_key[show_id, key] = command
        free = self.free(show_id)
        if command.seat_count is None:
            refused, numbers = not set(command.seat_numbers) <= set(free), command.seat_numbers
        else:
            refused, numbers = len(free) < command.seat_count, seats_of(given)
            assert refused or len(numbers) == len(set(numbers)) == command.seat_count
            assert sorted(numbers) == list(numbers)
            assert set(numbers) <= set(free)
        confirmed_at = self.clock if command.confirm and not refused else None
        booking = Booking(
            show_id,
            command.booking_id,
            command.user_name,
            FAILED if refused else CONFIRMED if command.confirm else PENDING,
            FailureReason.SEATS_UNAVAILABLE if refused else None,
            numbers,
            created_at=self.clock,
            expires_at=None if refused or command.confirm else self.clock + HOLD,
            confirmed_at=confirmed_at,
            idempotency_key=key,
            fingerprint=command.fingerprint,
        )
        self.bookings[show_id, booking.id] = booking
        if refused:
            return self.refusal(booking)
        self.seats |= {(show_id, number): booking.id for number in numbers}
        self.stepped.add(show_id)
        return Done(booking)

    def refusal(self, booking: Booking) -> SeatsUnavailable:
        free = self.free(booking.show_id)
        taken = tuple(number for number in booking.seat_numbers if number not in free)
        return SeatsUnavailable(booking, taken, len(free))

    def confirm(self, show_id: int, booking_id: UUID) -> Outcome:
        booking = self.bookings.get((show_id, booking_id))
        if not booking:
            return NotFound()
        if booking.failure_reason is FailureReason.EXPIRED:
            assert booking.expires_at
            return HoldExpired(booking, booking.expires_at)
        if booking.status is FAILED:
            return BookingNotActive(booking)
        if booking.status is PENDING:
            booking = replace(booking, status=CONFIRMED, confirmed_at=self.clock)
            self.bookings[show_id, booking_id] = booking
            self.stepped.add(show_id)
        return Done(booking)

    def cancel(self, show_id: int, booking_id: UUID) -> Outcome:
        booking = self.bookings.get((show_id, booking_id))
        if not booking:
            return NotFound()
        if booking.status is not FAILED:
            self.end(booking, FailureReason.CANCELLED)
            self.stepped.add(show_id)
        return Done(self.bookings[show_id, booking_id])

    def end(self, booking: Booking, reason: FailureReason) -> None:
        key = booking.show_id, booking.id
        self.bookings[key] = replace(booking, status=FAILED, failure_reason=reason)
        for number in booking.seat_numbers:
            del self.seats[booking.show_id, number]


def seats_of(outcome: Outcome) -> tuple[int, ...]:
    return outcome.booking.seat_numbers if isinstance(outcome, Done) else ()
