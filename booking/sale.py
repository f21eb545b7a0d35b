"""One show while a batch is decided: its bookings, seats and counters as commands leave them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from booking.decision import Change, Choice, Decision, ShowState
from booking.model import Booking, BookingStatus, FailureReason, SeatStatus, Show

# What a booking makes of its seats.
_SEATS_OF = {
    BookingStatus.PENDING: SeatStatus.PENDING,
    BookingStatus.CONFIRMED: SeatStatus.CONFIRMED,
    BookingStatus.FAILED: SeatStatus.AVAILABLE,
}


class Sale:
    """The books of one show. What is taken down here is what the batch will save.

    Attributes:
        clock: when the batch is decided, and `deadline` when a hold that begins now will end.
        watch: tells the seconds since some moment.
        bookings: those that the commands have met or made, by id.
        keys: the ids of those that came with a key, by owner and key.
        held: how many seats each customer has PENDING.
        expired: whose holds have lapsed, until somebody has counted them.
        choices: what each choice of seats came to.
    """

    def __init__(self, state: ShowState, clock: datetime, watch: Callable[[], float]) -> None:
        self.show = state.show
        self.clock = clock
        self.watch = watch
        self.choices: list[Choice] = []
        self.deadline = clock + timedelta(seconds=state.show.hold_seconds)
        self._before = {booking.id: booking for booking in state.bookings}
        self.bookings = dict(self._before)
        self.keys = {
            (b.owner, b.idempotency_key): b.id for b in self._before.values() if b.idempotency_key
        }
        self.held = defaultdict(int, state.held)
        self._counted_at = state.counted_at or clock
        self._seats = {
            BookingStatus.PENDING: state.show.pending_seats,
            BookingStatus.CONFIRMED: state.show.confirmed_seats,
            BookingStatus.FAILED: 0,
        }
        self._taken = set(state.taken)
        self._house: bytearray | None = None
        self._released: dict[int, None] = {}
        self._booked: dict[int, UUID] = {}
        self._changed: dict[int, SeatStatus] = {}
        self.expired: set[UUID] = set()
        if self._before:
            self._expire_lapsed()

    @property
    def available(self) -> int:
        """Seats nobody has."""
        held = self._seats[BookingStatus.PENDING] + self._seats[BookingStatus.CONFIRMED]
        return self.show.total_seats - held

    def taken_of(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Those of these seats that somebody has."""
        return tuple([number for number in numbers if number in self._taken])

    def house(self) -> bytearray:
        """All seats: 1 where one is taken."""
        if self._house is None:
            self._house = bytearray(self.show.total_seats)
            for number in self._taken:
                self._house[number - 1] = 1
        return self._house

    def record(self, booking: Booking) -> None:
        """Let a booking be as it is now; the show's counters follow."""
        before = self.bookings.get(booking.id)
        if before is not None:
            self._seats[before.status] -= len(before.seat_numbers)
            if before.owner and before.expires_at and before.expires_at > self._counted_at:
                self.held[before.owner] -= len(before.seat_numbers)
        self._seats[booking.status] += len(booking.seat_numbers)
        if booking.owner and booking.status is BookingStatus.PENDING:
            self.held[booking.owner] += len(booking.seat_numbers)
        self.bookings[booking.id] = booking
        if booking.idempotency_key is not None:
            self.keys[booking.owner, booking.idempotency_key] = booking.id

    def take(self, booking: Booking) -> None:
        """Take down a new booking, and give it its seats."""
        self.record(booking)
        self._mark(booking.seat_numbers, True)
        became = _SEATS_OF[booking.status]
        for number in booking.seat_numbers:
            self._booked[number] = booking.id
            self._changed[number] = became

    def confirm(self, booking: Booking) -> Booking:
        """Make a booking CONFIRMED, with its seats; returns it."""
        booking = booking.confirmed(self.clock)
        self.record(booking)
        self._changed |= dict.fromkeys(booking.seat_numbers, SeatStatus.CONFIRMED)
        return booking

    def end(self, booking: Booking, reason: FailureReason) -> None:
        """Let a booking fail, and free its seats."""
        self.record(booking.failed(reason))
        self._mark(booking.seat_numbers, False)
        for number in booking.seat_numbers:
            # A seat that was booked in this very batch was never written: there's nothing to free.
            if self._booked.pop(number, None) is None:
                self._released[number] = None
            self._changed[number] = SeatStatus.AVAILABLE

    def report(self, decision: Decision) -> None:
        """Add what is to be saved. A batch that changed no seat is no step of the version."""
        show = decision.shows[self.show.id] = self._counted() if self._changed else self.show
        for id_, booking in self.bookings.items():
            before = self._before.get(id_)
            if before is None:
                decision.created.append(booking)
            elif booking is not before:
                decision.moved.append(booking)
        decision.choices += self.choices
        decision.released += [(show.id, number) for number in self._released]
        decision.taken += [(show.id, number, owner) for number, owner in self._booked.items()]
        if self._changed:
            decision.changes.append(Change(show, self._changed, self._previous()))

    def _expire_lapsed(self) -> None:
        for booking in self._before.values():
            if booking.active:
                self._taken.update(booking.seat_numbers)
        for booking in self._before.values():
            if booking.lapsed(self.clock):
                self.expired.add(booking.id)
                self.end(booking, FailureReason.EXPIRED)

    def _mark(self, numbers: Sequence[int], taken: bool) -> None:
        if taken:
            self._taken.update(numbers)
        else:
            self._taken.difference_update(numbers)
        if self._house is not None:
            for number in numbers:
                self._house[number - 1] = taken

    def _previous(self) -> dict[int, SeatStatus]:
        """What each changed seat was before the batch."""
        previous = dict.fromkeys(self._changed, SeatStatus.AVAILABLE)
        for booking in self._before.values():
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
            pending_seats=self._seats[BookingStatus.PENDING],
            confirmed_seats=self._seats[BookingStatus.CONFIRMED],
            max_pending_seats=show.max_pending_seats,
        )
