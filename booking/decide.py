"""The rules: what each command of a batch comes to, and what is to be saved."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    TooManyHeld,
)
from booking.decision import Change, Choice, Decision, ShowState
from booking.house import count_pieces
from booking.model import Booking, BookingStatus, FailureReason, SeatStatus, Show
from booking.seating import Strategy, choose_seats

# What a booking makes of its seats.
_SEATS_OF = {
    BookingStatus.PENDING: SeatStatus.PENDING,
    BookingStatus.CONFIRMED: SeatStatus.CONFIRMED,
    BookingStatus.FAILED: SeatStatus.AVAILABLE,
}


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
    sales = {show_id: _Sale(state, clock, watch) for show_id, state in states.items()}
    decision = Decision(clock)
    for command in commands:
        sale = sales.get(command.show_id)
        decision.outcomes.append(sale.settle(command) if sale else NotFound())
    for sale in sales.values():
        sale.report(decision)
    return decision


class _Sale:
    """One show while a batch is decided."""

    def __init__(self, state: ShowState, clock: datetime, watch: Callable[[], float]) -> None:
        self.show = state.show
        self.clock = clock
        self.watch = watch
        self.choices: list[Choice] = []
        self.deadline = clock + timedelta(seconds=state.show.hold_seconds)
        self.before = {booking.id: booking for booking in state.bookings}
        self.bookings = dict(self.before)
        self.keys = {
            (b.owner, b.idempotency_key): b.id for b in self.before.values() if b.idempotency_key
        }
        self.held = defaultdict(int, state.held)
        self.counted_at = state.counted_at or clock
        self.seats = {
            BookingStatus.PENDING: state.show.pending_seats,
            BookingStatus.CONFIRMED: state.show.confirmed_seats,
            BookingStatus.FAILED: 0,
        }
        self.taken = set(state.taken)
        self.house: bytearray | None = None
        self.released: dict[int, None] = {}
        self.booked: dict[int, UUID] = {}
        self.changed: dict[int, SeatStatus] = {}
        self.expired: set[UUID] = set()
        if self.before:
            self._expire_lapsed()

    @property
    def available(self) -> int:
        """Seats nobody has."""
        held = self.seats[BookingStatus.PENDING] + self.seats[BookingStatus.CONFIRMED]
        return self.show.total_seats - held

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
        show = decision.shows[self.show.id] = self._counted() if self.changed else self.show
        for id_, booking in self.bookings.items():
            before = self.before.get(id_)
            if before is None:
                decision.created.append(booking)
            elif booking is not before:
                decision.moved.append(booking)
        decision.choices += self.choices
        decision.released += [(show.id, number) for number in self.released]
        decision.taken += [(show.id, number, owner) for number, owner in self.booked.items()]
        if self.changed:
            decision.changes.append(Change(show, self.changed, self._previous()))

    def _expire_lapsed(self) -> None:
        for booking in self.before.values():
            if booking.active:
                self.taken.update(booking.seat_numbers)
        for booking in self.before.values():
            if booking.lapsed(self.clock):
                self.expired.add(booking.id)
                self._end(booking, FailureReason.EXPIRED)

    def _book(self, command: Book) -> Outcome:
        again = self._booked_before(command)
        if again is not None:
            return self._answer_again(command, again)
        if beyond := [n for n in command.seat_numbers if not 1 <= n <= self.show.total_seats]:
            return NoSuchSeats(tuple(beyond))
        if excess := self._excess(command):
            return excess
        numbers = self._find_seats(command)
        if numbers is None:
            return self._refuse(command)
        booking = self._open(command, numbers)
        self._record(booking)
        self._mark(numbers, True)
        became = _SEATS_OF[booking.status]
        for number in numbers:
            self.booked[number] = booking.id
            self.changed[number] = became
        return Done(booking)

    def _booked_before(self, command: Book) -> Booking | None:
        """The booking this command, or one with its key, has made already."""
        key = command.idempotency_key
        known = None if key is None else self.keys.get((command.owner, key))
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
        if self.house is None:
            self.house = bytearray(self.show.total_seats)
            for number in self.taken:
                self.house[number - 1] = 1
        return self._choose_seats(self.house, command.seat_count, command.strategy)

    def _choose_seats(
        self, house: bytearray, count: int, strategy: Strategy
    ) -> tuple[int, ...] | None:
        began, seats_per_row = self.watch(), self.show.seats_per_row
        chosen = choose_seats(house, seats_per_row, count, strategy)
        seconds = self.watch() - began
        pieces = count_pieces(chosen or (), seats_per_row)
        self.choices.append(Choice(strategy, count, pieces, seconds))
        return None if chosen is None else tuple(chosen)

    def _refuse(self, command: Book) -> Outcome:
        booking = self._open(command, command.seat_numbers, FailureReason.SEATS_UNAVAILABLE)
        self._record(booking)
        return self._unavailable(booking)

    def _unavailable(self, booking: Booking) -> SeatsUnavailable:
        return SeatsUnavailable(booking, self._taken_of(booking.seat_numbers), self.available)

    def _excess(self, command: Book) -> TooManyHeld | None:
        """What is too much, where a customer asks for more than one may hold."""
        most = command.max_pending_seats
        if self.show.max_pending_seats is not None:
            most = self.show.max_pending_seats
        if not command.owner or most is None:
            return None
        held = self.held[command.owner]
        asked = command.seat_count or len(command.seat_numbers)
        return TooManyHeld(held, most) if held + asked > most else None

    def _found(self, command: Confirm | Cancel) -> Booking | None:
        """The booking meant, unless it is somebody else's."""
        booking = self.bookings.get(command.booking_id)
        if booking and command.owner is not None and booking.owner != command.owner:
            return None
        return booking

    def _confirm(self, command: Confirm) -> Outcome:
        booking = self._found(command)
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
        booking = self._found(command)
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
        self, command: Book, numbers: tuple[int, ...], refused: FailureReason | None = None
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
            created_at=self.clock,
            expires_at=self.deadline if status is BookingStatus.PENDING else None,
            confirmed_at=self.clock if status is BookingStatus.CONFIRMED else None,
            idempotency_key=command.idempotency_key,
            fingerprint=command.fingerprint,
            owner=command.owner,
        )

    def _record(self, booking: Booking) -> None:
        """Let a booking be as it is now; the show's counters follow."""
        before = self.bookings.get(booking.id)
        if before is not None:
            self.seats[before.status] -= len(before.seat_numbers)
            if before.owner and before.expires_at and before.expires_at > self.counted_at:
                self.held[before.owner] -= len(before.seat_numbers)
        self.seats[booking.status] += len(booking.seat_numbers)
        if booking.owner and booking.status is BookingStatus.PENDING:
            self.held[booking.owner] += len(booking.seat_numbers)
        self.bookings[booking.id] = booking
        if booking.idempotency_key is not None:
            self.keys[booking.owner, booking.idempotency_key] = booking.id

    def _end(self, booking: Booking, reason: FailureReason) -> None:
        self._record(booking.failed(reason))
        self._mark(booking.seat_numbers, False)
        for number in booking.seat_numbers:
            # A seat that was booked in this very batch was never written: there's nothing to free.
            if self.booked.pop(number, None) is None:
                self.released[number] = None
            self.changed[number] = SeatStatus.AVAILABLE

    def _mark(self, numbers: Sequence[int], taken: bool) -> None:
        if taken:
            self.taken.update(numbers)
        else:
            self.taken.difference_update(numbers)
        if self.house is not None:
            for number in numbers:
                self.house[number - 1] = taken

    def _taken_of(self, numbers: Iterable[int]) -> tuple[int, ...]:
        return tuple([number for number in numbers if number in self.taken])

    def _previous(self) -> dict[int, SeatStatus]:
        """What each changed seat was before the batch."""
        previous = dict.fromkeys(self.changed, SeatStatus.AVAILABLE)
        for booking in self.before.values():
            if booking.active:
                held = _SEATS_OF[booking.status]
                previous |= {n: held for n in booking.seat_numbers if n in previous}
        return previous

    def _counted(self) -> Show:
        """The show after the batch, one step of its version further."""
        show = self.show
        return Show(
            show.id,
            show.name,
            show.start_time,
            show.total_seats,
            show.seats_per_row,
            show.hold_seconds,
            version=show.version + 1,
            pending_seats=self.seats[BookingStatus.PENDING],
            confirmed_seats=self.seats[BookingStatus.CONFIRMED],
            max_pending_seats=show.max_pending_seats,
        )
