"""A show replayed from its log of changes, and held against its seats, bookings and counters."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from booking.model import Booking, BookingStatus, FailureReason, SeatStatus, Show

# Enough to see what went wrong: one wrong change may be about a hundred thousand seats.
MAX_SEATS_NAMED = 5

_FREE, _PENDING, _CONFIRMED = (ord(status[0]) for status in SeatStatus)
_STATUS_OF = {ord(status[0]): status.value for status in SeatStatus}
_LETTER_OF = {BookingStatus.PENDING: _PENDING, BookingStatus.CONFIRMED: _CONFIRMED}


@dataclass(frozen=True, slots=True)
class Difference:
    """Two things on record about a show that can't both be true, at a version where it has one."""

    show_id: int
    version: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the log: the seats it changed, what each became and what it had been."""

    version: int
    numbers: Sequence[int]
    statuses: str
    previous: str


@dataclass(frozen=True, slots=True)
class TakenSeat:
    """A seat that is taken, by which booking, and that booking's state (None: there is none)."""

    number: int
    booking_id: UUID
    status: BookingStatus | None


class Replay:
    """One show under audit: take all steps, then all seats, then all bookings; then conclude.

    Each may come in as many pieces as it likes. What is kept is the map, not the log.
    """

    def __init__(self, show: Show, clock: datetime) -> None:
        """Take the show as it is on record, and a time that all of its record is older than."""
        self.version = 0
        self.show = show
        self._clock = clock
        self._letters = bytearray([_FREE]) * show.total_seats  # by the log
        self._seats = bytearray([_FREE]) * show.total_seats  # by what is taken
        self._holders: dict[int, UUID] = {}
        self._claimed = bytearray(show.total_seats)

    def take_steps(self, steps: Iterable[Step]) -> Iterator[Difference]:
        """Replay the next steps of the log. After a wrong one the log is believed, and goes on."""
        for step in steps:
            if step.version != self.version + 1:
                yield self._at(step.version, f"the log goes on here after version {self.version}")
            self.version = step.version
            yield from self._replay(step)

    def take_seats(self, seats: Iterable[TakenSeat]) -> Iterator[Difference]:
        """Take the next taken seats."""
        for seat in seats:
            if not self._exists(seat.number):
                yield self._now(f"seat {seat.number} is taken, and there is no such seat")
            elif seat.status in _LETTER_OF:
                self._seats[seat.number - 1] = _LETTER_OF[seat.status]
                self._holders[seat.number] = seat.booking_id
            else:
                # Not free either: whoever books it is told that it is taken.
                self._seats[seat.number - 1] = self._letters[seat.number - 1]
                state = "has FAILED" if seat.status else "is not there"
                yield self._now(
                    f"seat {seat.number} is taken by booking {seat.booking_id}, which {state}"
                )

    def take_bookings(self, bookings: Iterable[Booking]) -> Iterator[Difference]:
        """Take the next bookings. A hold that has lapsed and was not swept yet is as it should."""
        for booking in bookings:
            wrong = [*self._check_times(booking)]
            if booking.active:
                wrong += self._claim(booking)
            yield from (self._now(f"booking {booking.id} {message}") for message in wrong)

    def conclude(self) -> Iterator[Difference]:
        """Hold against each other what has come to be known."""
        show = self.show
        if self.version != show.version:
            wrong = f"the show is at version {show.version}, and its log ends at {self.version}"
            yield self._at(self.version, wrong)
        for number, holder in self._holders.items():
            if not self._claimed[number - 1]:
                yield self._now(f"seat {number} is taken by booking {holder}, which has it not")
        if self._letters != self._seats:
            both = zip(self._letters, self._seats, strict=True)
            for number, (logged, found) in enumerate(both, start=1):
                if logged != found:
                    logged_status, status = _STATUS_OF[logged], _STATUS_OF[found]
                    yield self._now(f"seat {number} is {status}, and by the log {logged_status}")
        counters = {_PENDING: show.pending_seats, _CONFIRMED: show.confirmed_seats}
        for letter, counter in counters.items():
            if counter != (count := self._seats.count(letter)):
                wrong = (
                    f"the show counts {counter} {_STATUS_OF[letter]} seats, and there are {count}"
                )
                yield self._now(wrong)

    def _replay(self, step: Step) -> Iterator[Difference]:
        if len(set(step.numbers)) != len(step.numbers):
            yield self._at(step.version, "the change names a seat twice")
        strange, surprised = [], []
        seats = zip(step.numbers, step.statuses.encode(), step.previous.encode(), strict=True)
        for number, letter, before in seats:
            if not self._exists(number) or letter not in _STATUS_OF:
                strange.append(f"{number} {chr(letter)}")
                continue
            if self._letters[number - 1] != before:
                surprised.append(f"{number} {chr(self._letters[number - 1])}, not {chr(before)}")
            self._letters[number - 1] = letter
        if strange:
            yield self._at(step.version, f"no such seat or state: {_some(strange)}")
        if surprised:
            yield self._at(step.version, f"before the change the log had seat {_some(surprised)}")

    def _check_times(self, booking: Booking) -> Iterator[str]:
        confirmed_at, expires_at = booking.confirmed_at, booking.expires_at
        if confirmed_at and expires_at and confirmed_at >= expires_at:
            yield f"was confirmed at {confirmed_at}, and its hold ended at {expires_at}"
        if booking.failure_reason is FailureReason.EXPIRED:
            if confirmed_at:
                yield "has expired, and it had been confirmed"
            if expires_at is None or expires_at > self._clock:
                yield f"has expired, and its hold ends at {expires_at}"

    def _claim(self, booking: Booking) -> Iterator[str]:
        """Mark the seats of an active booking as its own."""
        if not booking.seat_numbers:
            yield f"is {booking.status}, and has no seats"
        for number in booking.seat_numbers:
            holder = self._holders.get(number)
            if holder is None:
                yield f"is {booking.status}, and its seat {number} is not taken"
            elif holder != booking.id:
                yield f"is {booking.status}, and its seat {number} is taken by booking {holder}"
            if not self._exists(number):
                continue
            if self._claimed[number - 1]:
                yield f"has seat {number}, and an active booking has that already"
            self._claimed[number - 1] = 1

    def _exists(self, number: int) -> bool:
        return 1 <= number <= self.show.total_seats

    def _at(self, version: int, message: str) -> Difference:
        return Difference(self.show.id, version, message)

    def _now(self, message: str) -> Difference:
        return Difference(self.show.id, None, message)


def _some(entries: Sequence[str]) -> str:
    more = len(entries) - MAX_SEATS_NAMED
    named = "; ".join(islice(entries, MAX_SEATS_NAMED))
    return f"{named}; and {more} more" if more > 0 else named
