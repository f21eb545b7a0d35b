"""The rules with their database, and a plain box office beside them that is told the same.

The harness is the database: a batch is shown only what `db/batch.py` would read, and what it
decides is saved under the constraints of the schema.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from booking.commands import Book, Cancel, Command, Confirm, Expire, Outcome, SeatsUnavailable
from booking.decide import decide
from booking.decision import Choice, Decision, ShowState
from booking.model import Booking, FailureReason, Show
from booking.seating import Strategy
from tests.plain_office import CONFIRMED, FAILED, NOON, PENDING, BoxOffice, Key


class Tables:
    """The database: tables with their constraints, and the map that the log of changes tells."""

    def __init__(self, shows: Sequence[Show]) -> None:
        self.shows = {show.id: show for show in shows}
        self.bookings: dict[Key, Booking] = {}
        self.taken: dict[tuple[int, int], UUID] = {}
        self.maps = {show.id: ["A"] * show.total_seats for show in shows}

    def read(
        self, commands: Sequence[Command], clock: datetime, again: bool
    ) -> dict[int, ShowState]:
        """What `run_batch` reads: statements lock_shows, read_touched and read_taken."""
        met: set[Key] = set()
        whole: set[int] = set()
        for command in commands:
            match command:
                case Book():
                    met |= self.met_by_booking(command, again)
                    if command.seat_count is not None:
                        whole.add(command.show_id)
                case Confirm() | Cancel():
                    met.add((command.show_id, command.booking_id))
                case Expire():
                    met |= {(command.show_id, booking_id) for booking_id in command.booking_ids}
        met |= {key for key in self.lapsed(clock) if key[0] in whole}
        return {
            show_id: ShowState(
                self.shows[show_id],
                [self.bookings[key] for key in met if key[0] == show_id and key in self.bookings],
                [number for of, number in self.taken if of == show_id and show_id in whole],
            )
            for show_id in {command.show_id for command in commands} & set(self.shows)
        }

    def met_by_booking(self, command: Book, again: bool) -> set[Key]:
        show_id, key = command.show_id, command.idempotency_key
        holders = {
            (show_id, self.taken[show_id, number])
            for number in command.seat_numbers
            if (show_id, number) in self.taken
        }
        named = {(show_id, command.booking_id)} if again else set()
        with_key = {
            (b.show_id, b.id)
            for b in self.bookings.values()
            if key is not None and (b.show_id, b.idempotency_key) == (show_id, key)
        }
        return holders | named | with_key

    def lapsed(self, clock: datetime) -> set[Key]:
        return {
            (b.show_id, b.id)
            for b in self.bookings.values()
            if b.status is PENDING and b.expires_at and b.expires_at <= clock
        }

    def save(self, decision: Decision) -> None:
        """What `run_batch` saves: statements release_seats and save_batch."""
        for seat in decision.released:
            del self.taken[seat]
        for booking in decision.created:
            key = booking.show_id, booking.id
            assert key not in self.bookings
            assert booking.idempotency_key is None or booking.idempotency_key not in {
                other.idempotency_key
                for other in self.bookings.values()
                if other.show_id == booking.show_id
            }
            self.bookings[key] = replace(booking, created_at=decision.clock)
        for booking in decision.moved:
            key = booking.show_id, booking.id
            self.bookings[key] = replace(
                self.bookings[key],
                status=booking.status,
                failure_reason=booking.failure_reason,
                confirmed_at=booking.confirmed_at,
            )
        for show_id, number, booking_id in decision.taken:
            assert (show_id, number) not in self.taken
            self.taken[show_id, number] = booking_id
        for show, seats in ((change.show, change.seats) for change in decision.changes):
            assert show.version == self.shows[show.id].version + 1
            assert seats
            self.shows[show.id] = show
            for number, status in seats.items():
                self.maps[show.id][number - 1] = status[0]

    def check(self) -> None:
        """What must be so after every commit."""
        owners: dict[tuple[int, int], Booking] = {}
        for booking in self.bookings.values():
            assert (booking.status is FAILED) == (booking.failure_reason is not None)
            assert booking.status is not PENDING or booking.expires_at
            assert booking.status is not CONFIRMED or booking.confirmed_at
            assert (booking.idempotency_key is None) == (booking.fingerprint is None)
            for number in booking.seat_numbers if booking.status is not FAILED else ():
                assert (booking.show_id, number) not in owners, "sold twice"
                owners[booking.show_id, number] = booking
        assert self.taken == {seat: booking.id for seat, booking in owners.items()}
        for show in self.shows.values():
            numbers = range(1, show.total_seats + 1)
            here = [owners.get((show.id, number)) for number in numbers]
            letters = [booking.status[0] if booking else "A" for booking in here]
            assert self.maps[show.id] == letters
            assert (show.pending_seats, show.confirmed_seats, show.available_seats) == (
                letters.count("P"),
                letters.count("C"),
                letters.count("A"),
            )


class Twins:
    """The rules with their database and the plain box office, told the same."""

    def __init__(self, *shows: Show) -> None:
        self.tables = Tables(shows)
        self.plain = BoxOffice(shows)
        self.clock = NOON
        self.choices: list[Choice] = []

    def run(self, commands: Sequence[Command], again: bool = False) -> list[Outcome]:
        """Decide and save a batch; everything about it must be as the plain one has it."""
        states = self.tables.read(commands, self.clock, again)
        due = {
            (show_id, booking.id)
            for show_id, state in states.items()
            for booking in state.bookings
            if (show_id, booking.id) in self.tables.lapsed(self.clock)
        }
        versions = {show.id: show.version for show in self.tables.shows.values()}
        decision = decide(states, commands, self.clock)
        self.choices = decision.choices
        self.tables.save(decision)
        self.tables.check()

        assert decision.clock == self.clock
        assert decision.shows == {show_id: self.tables.shows[show_id] for show_id in states}
        assert not due & self.tables.lapsed(self.clock), "met, but not put on record"
        self.plain.pass_time(self.clock)
        self.plain.stepped = {show_id for show_id, _ in due}
        self.compare(commands, decision.outcomes, due)
        assert self.plain.stepped == {
            show.id for show in self.tables.shows.values() if show.version > versions[show.id]
        }
        return decision.outcomes

    def compare(
        self, commands: Sequence[Command], outcomes: Sequence[Outcome], due: set[Key]
    ) -> None:
        unswept = self.tables.lapsed(self.clock)
        held: Counter[int] = Counter()  # seats whose hold has lapsed, but not yet on record
        for show_id, booking_id in unswept:
            held[show_id] += len(self.tables.bookings[show_id, booking_id].seat_numbers)
        for command, outcome in zip(commands, outcomes, strict=True):
            expected = self.plain.serve(command, due, outcome)
            if isinstance(expected, SeatsUnavailable):
                available = expected.available_seats - held[command.show_id]
                expected = replace(expected, available_seats=available)
            assert outcome == expected
        for key in self.tables.bookings:
            booking = self.tables.bookings[key]
            if key in unswept:
                booking = replace(booking, status=FAILED, failure_reason=FailureReason.EXPIRED)
            assert booking == self.plain.bookings[key]
        assert self.tables.bookings.keys() == self.plain.bookings.keys()


def book(id: int, *numbers: int, key: str | None = None, confirm: bool = False) -> Book:
    return Book(1, UUID(int=id), "Ada", numbers, confirm=confirm, idempotency_key=key)


def book_count(
    id: int, count: int, key: str | None = None, strategy: Strategy = Strategy.BEST
) -> Book:
    named = UUID(int=id)
    return Book(1, named, "Ada", seat_count=count, idempotency_key=key, strategy=strategy)


def confirm(id: int) -> Confirm:
    return Confirm(1, UUID(int=id))


def cancel(id: int) -> Cancel:
    return Cancel(1, UUID(int=id))


def expire(*ids: int) -> Expire:
    return Expire(1, tuple(UUID(int=number) for number in ids))


def said(outcome: Outcome) -> tuple[object, ...]:
    """An outcome's kind, and which booking it is about and how that stands."""
    booking = getattr(outcome, "booking", None)
    about = (booking.id.int, str(booking.status)) if booking else ()
    return (type(outcome), *about)
