"""The rules: what each command of a batch comes to, and what is to be saved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
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
from booking.decision import Change, Decision, ShowState
from booking.model import Booking, BookingStatus, FailureReason, SeatStatus, Show
from booking.seating import choose_seats


def decide(
    states: Mapping[int, ShowState], commands: Sequence[Command], clock: datetime
) -> Decision:
    """Give each command its outcome, in the order they came, and collect the changes to save.

    Args:
        states: what was read of each show, by id; a show that is missing does not exist.
        clock: the database's time, read after the shows were locked. Holds that have lapsed by
            then, among the bookings read, are expired before the first command.
    """
    sales = {show_id: _Sale(state, clock) for show_id, state in states.items()}
    decision = Decision(clock)
    for command in commands:
        sale = sales.get(command.show_id)
        decision.outcomes.append(sale.settle(command) if sale else NotFound())
    for sale in sales.values():
        sale.report(decision)
    return decision


class _Sale:
    """One show while a batch is decided."""

    def __init__(self, state: ShowState, clock: datetime) -> None:
        self.show = state.show
        self.clock = clock
        self.before = {booking.id: booking for booking in state.bookings}
        self.bookings = dict(self.before)
        self.keys = {b.idempotency_key: b.id for b in self.before.values() if b.idempotency_key}
        self.available = self.show.available_seats
        self.taken = bytearray(self.show.total_seats)
        self.released: dict[int, None] = {}
        self.booked: dict[int, UUID] = {}
        self.changed: dict[int, SeatStatus] = {}
        self.expired: set[UUID] = set()
        for number in state.taken:
            self.taken[number - 1] = 1
        for booking in self.before.values():
            if booking.active:
                self._mark(booking, 1)
        for booking in self.before.values():
            if booking.lapsed(clock):
                self.expired.add(booking.id)
                self._end(booking, FailureReason.EXPIRED)

    def settle(self, command: Command) -> Outcome:
        """Decide one command on what the commands before it have left."""
        match command:
            case Book():
                return self._book(command)
            case Confirm():
                return self._confirm(command)
            case Cancel():
                return self._cancel(command)
            case Expire():
                return self._expire(command)

    def report(self, decision: Decision) -> None:
        """Add what is to be saved. A batch that changed no seat is no step of the version."""
        show = self._counted()
        decision.shows[show.id] = show
        for booking in self.bookings.values():
            if booking.id not in self.before:
                decision.created.append(booking)
            elif booking is not self.before[booking.id]:
                decision.moved.append(booking)
        decision.released += ((show.id, number) for number in self.released)
        decision.taken += ((show.id, number, owner) for number, owner in self.booked.items())
        if self.changed:
            decision.changes.append(Change(show, self.changed, self._previous()))

    def _book(self, command: Book) -> Outcome:
        again = self._booked_before(command)
        if again is not None:
            return self._answer_again(command, again)
        if beyond := [n for n in command.seat_numbers if not 1 <= n <= self.show.total_seats]:
            return NoSuchSeats(tuple(beyond))
        numbers = self._find_seats(command)
        if numbers is None:
            return self._refuse(command)
        hold = timedelta(seconds=self.show.hold_seconds)
        booking = self._open(command, BookingStatus.PENDING, numbers, self.clock + hold)
        if command.confirm:
            booking = replace(booking.confirmed(self.clock), expires_at=None)
        self._record(booking)
        self._mark(booking, 1)
        self.available -= len(numbers)
        for number in numbers:
            self.booked[number] = booking.id
            self.changed[number] = SeatStatus(booking.status)
        return Done(booking)

    def _booked_before(self, command: Book) -> Booking | None:
        """The booking this command, or one with its key, has made already."""
        key = command.idempotency_key
        known = None if key is None else self.keys.get(key)
        return self.bookings.get(known or command.booking_id)

    def _answer_again(self, command: Book, booking: Booking) -> Outcome:
        if command.fingerprint != booking.fingerprint:
            return KeyReused(booking)
        if booking.failure_reason is FailureReason.SEATS_UNAVAILABLE:
            # Tried again by ourselves it is the first answer, not a client's second question.
            return replace(self._unavailable(booking), again=booking.id != command.booking_id)
        return Done(booking)

    def _find_seats(self, command: Book) -> tuple[int, ...] | None:
        if command.seat_count is None:
            return None if self._taken_of(command.seat_numbers) else command.seat_numbers
        chosen = choose_seats(self.taken, self.show.seats_per_row, command.seat_count)
        return None if chosen is None else tuple(chosen)

    def _refuse(self, command: Book) -> Outcome:
        booking = self._open(command, BookingStatus.FAILED, command.seat_numbers, None)
        self._record(replace(booking, failure_reason=FailureReason.SEATS_UNAVAILABLE))
        return self._unavailable(self.bookings[booking.id])

    def _unavailable(self, booking: Booking) -> SeatsUnavailable:
        return SeatsUnavailable(booking, self._taken_of(booking.seat_numbers), self.available)

    def _confirm(self, command: Confirm) -> Outcome:
        booking = self.bookings.get(command.booking_id)
        if booking is None:
            return NotFound()
        if booking.failure_reason is FailureReason.EXPIRED and booking.expires_at:
            return HoldExpired(booking, booking.expires_at)
        if not booking.active:
            return BookingNotActive(booking)
        if booking.status is BookingStatus.PENDING:
            booking = booking.confirmed(self.clock)
            self._record(booking)
            self.changed |= dict.fromkeys(booking.seat_numbers, SeatStatus.CONFIRMED)
        return Done(booking)

    def _cancel(self, command: Cancel) -> Outcome:
        booking = self.bookings.get(command.booking_id)
        if booking is None:
            return NotFound()
        if booking.active:
            self._end(booking, FailureReason.CANCELLED)
        return Done(self.bookings[booking.id])

    def _expire(self, command: Expire) -> Expired:
        ended = self.expired.intersection(command.booking_ids)
        self.expired -= ended  # counted once, by who came first
        return Expired(len(ended), sum(len(self.bookings[id_].seat_numbers) for id_ in ended))

    def _open(
        self,
        command: Book,
        status: BookingStatus,
        numbers: tuple[int, ...],
        expires_at: datetime | None,
    ) -> Booking:
        return Booking(
            show_id=command.show_id,
            id=command.booking_id,
            user_name=command.user_name,
            status=status,
            failure_reason=None,
            seat_numbers=numbers,
            created_at=self.clock,
            expires_at=expires_at,
            idempotency_key=command.idempotency_key,
            fingerprint=command.fingerprint,
        )

    def _record(self, booking: Booking) -> None:
        self.bookings[booking.id] = booking
        if booking.idempotency_key is not None:
            self.keys[booking.idempotency_key] = booking.id

    def _end(self, booking: Booking, reason: FailureReason) -> None:
        self._record(booking.failed(reason))
        self._mark(booking, 0)
        self.available += len(booking.seat_numbers)
        for number in booking.seat_numbers:
            # A seat that was booked in this very batch was never written: there's nothing to free.
            if self.booked.pop(number, None) is None:
                self.released[number] = None
            self.changed[number] = SeatStatus.AVAILABLE

    def _mark(self, booking: Booking, taken: int) -> None:
        for number in booking.seat_numbers:
            self.taken[number - 1] = taken

    def _taken_of(self, numbers: Iterable[int]) -> tuple[int, ...]:
        return tuple(number for number in numbers if self.taken[number - 1])

    def _previous(self) -> dict[int, SeatStatus]:
        """What each changed seat was before the batch."""
        held = {
            number: SeatStatus(booking.status)
            for booking in self.before.values()
            if booking.active
            for number in booking.seat_numbers
        }
        return {number: held.get(number, SeatStatus.AVAILABLE) for number in self.changed}

    def _counted(self) -> Show:
        """The show after the batch: the counters follow from what became of each booking."""
        held = {BookingStatus.PENDING: 0, BookingStatus.CONFIRMED: 0, BookingStatus.FAILED: 0}
        for booking in self.before.values():
            held[booking.status] -= len(booking.seat_numbers)
        for booking in self.bookings.values():
            held[booking.status] += len(booking.seat_numbers)
        return replace(
            self.show,
            version=self.show.version + bool(self.changed),
            pending_seats=self.show.pending_seats + held[BookingStatus.PENDING],
            confirmed_seats=self.show.confirmed_seats + held[BookingStatus.CONFIRMED],
        )
