"""The rules, held against a plain box office that serves one command after the other.

The harness is the database: a batch is shown only what `db/batch.py` would read, and what it
decides is saved under the constraints of the schema.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from booking.decide import decide
from booking.decision import Decision, ShowState
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
        if first and known and replace(command, booking_id=first.booking_id) != first:
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


# What hypothesis draws: intents that name bookings by how long ago they were made, so that they
# mostly meet one, and nearly always a seat, a key or a show that others want too.


@dataclass(frozen=True)
class Wait:
    """Let time pass; with `to_deadline` up to the next deadline, give or take `time`."""

    time: timedelta
    to_deadline: bool


@dataclass(frozen=True)
class Retry:
    """The last batch was committed but its connection broke: each command comes again, alone."""


@dataclass(frozen=True)
class Replay:
    """A client sends a booking again, with or without a difference."""

    ago: int
    other: bool


@dataclass(frozen=True)
class Name:
    """Confirm or cancel a booking."""

    kind: type[Confirm | Cancel]
    ago: int
    wrong_show: bool


@dataclass(frozen=True)
class Sweep:
    """Expire all that is due in a show, and some more."""

    show_id: int
    agos: tuple[int, ...]


Intent = Book | Replay | Name | Sweep
NOBODY = UUID(int=0)

numbers = st.sets(st.integers(1, 6), min_size=1, max_size=4)
books = st.builds(
    lambda numbers, count, **rest: Book(
        booking_id=NOBODY,
        seat_numbers=() if count else tuple(sorted(numbers)),
        seat_count=count,
        **rest,
    ),
    numbers=st.one_of(numbers, numbers, numbers, st.sets(st.integers(-1, 8), min_size=1)),
    count=st.one_of(st.none(), st.none(), st.integers(1, 7)),
    show_id=st.sampled_from([1] * 12 + [2] * 4 + [404]),
    user_name=st.sampled_from(["Ada", "Bob"]),
    confirm=st.sampled_from([False, False, False, True]),
    idempotency_key=st.sampled_from([None, None, None, "a", "b", "c"]),
)
names = st.builds(
    Name,
    st.sampled_from([Confirm, Cancel]),
    st.integers(0, 7),
    st.sampled_from([False] * 9 + [True]),
)
sweeps = st.builds(Sweep, st.sampled_from([1, 1, 2]), st.lists(st.integers(0, 5)).map(tuple))
replays = st.builds(Replay, st.integers(0, 5), st.sampled_from([False, False, True]))
batches = st.lists(st.one_of(books, books, names, names, replays, sweeps), min_size=1, max_size=5)
waits = st.one_of(
    st.builds(Wait, st.sampled_from([-MICROSECOND, timedelta(), MICROSECOND]), st.just(True)),
    st.builds(Wait, st.sampled_from([MICROSECOND, HOLD / 2, HOLD]), st.just(False)),
)
steps = st.lists(
    st.one_of(batches, batches, waits, waits, st.builds(Retry)), min_size=6, max_size=24
)


class Clients:
    """Make commands of intents."""

    def __init__(self, twins: Twins) -> None:
        self.twins = twins
        self.books: list[Book] = []
        self.made = 0

    def command(self, intent: Intent) -> Command:
        match intent:
            case Book():
                return self.remember(intent)
            case Replay(ago, other):
                again = self.book(ago)
                return self.remember(replace(again, confirm=again.confirm ^ other))
            case Name(kind, ago, wrong_show):
                book = self.book(ago)
                return kind(3 - book.show_id if wrong_show else book.show_id, book.booking_id)
            case Sweep(show_id, agos):
                due = self.twins.tables.lapsed(self.twins.clock)
                more = [self.book(ago) for ago in agos]
                ids = [key[1] for key in sorted(due) if key[0] == show_id]
                ids += [book.booking_id for book in more if book.show_id == show_id]
                return Expire(show_id, tuple(ids))

    def book(self, ago: int) -> Book:
        return (
            self.books[-1 - ago % len(self.books)] if self.books else Book(1, NOBODY, "Ada", (1,))
        )

    def remember(self, book: Book) -> Book:
        self.made += 1
        self.books.append(replace(book, booking_id=UUID(int=self.made)))
        return self.books[-1]

    def forget(self) -> None:
        """Forget what came to no booking, so that what is named later mostly exists."""
        known = self.twins.tables.bookings
        self.books = [book for book in self.books if (book.show_id, book.booking_id) in known]


def later(twins: Twins, wait: Wait) -> datetime:
    deadlines = [
        b.expires_at
        for b in twins.tables.bookings.values()
        if b.status is PENDING and b.expires_at and b.expires_at > twins.clock
    ]
    if wait.to_deadline:
        return min(deadlines) + wait.time if deadlines else twins.clock
    return twins.clock + wait.time


# No deadline: a busy machine is no failure.
@settings(deadline=None, max_examples=600)
@given(steps)
def test_batches_come_to_what_one_command_after_the_other_comes_to(
    steps: list[list[Intent] | Wait | Retry],
) -> None:
    twins = Twins(make_show(1, 6, 4), make_show(2, 3, 3))
    clients = Clients(twins)
    last: list[Command] = []
    for step in steps:
        match step:
            case Wait():
                twins.clock = later(twins, step)
            case Retry():
                for command in last:
                    twins.run([command], again=True)
            case _:
                last = [clients.command(intent) for intent in step]
                twins.run(last)
                clients.forget()


# The same in examples, one rule each.


@pytest.fixture
def twins() -> Twins:
    return Twins(make_show())


def book(id: int, *numbers: int, key: str | None = None, confirm: bool = False) -> Book:
    return Book(1, UUID(int=id), "Ada", numbers, confirm=confirm, idempotency_key=key)


def book_count(id: int, count: int, key: str | None = None) -> Book:
    return Book(1, UUID(int=id), "Ada", seat_count=count, idempotency_key=key)


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


def test_second_booking_of_a_seat_is_refused(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    (outcome,) = twins.run([book(2, 2, 3)])
    assert isinstance(outcome, SeatsUnavailable)
    assert outcome.unavailable == (2,)
    assert outcome.available_seats == 8
    assert outcome.booking.failure_reason is FailureReason.SEATS_UNAVAILABLE
    assert outcome.booking.seat_numbers == (2, 3)


def test_of_two_bookings_in_one_batch_the_first_gets_the_seat(twins: Twins) -> None:
    first, second = twins.run([book(1, 1), book(2, 1)])
    assert said(first) == (Done, 1, PENDING)
    assert said(second) == (SeatsUnavailable, 2, FAILED)


def test_a_refused_booking_takes_none_of_its_seats(twins: Twins) -> None:
    twins.run([book(1, 1), book(2, 1, 2)])
    assert said(twins.run([book(3, 2)])[0]) == (Done, 3, PENDING)


def test_a_batch_that_changes_no_seat_is_no_step_of_the_version(twins: Twins) -> None:
    twins.run([book(1, 1), book(2, 2), cancel(2)])
    twins.run([book(3, 1), cancel(9), confirm(9), cancel(2), expire(1), book(4, 11)])
    assert twins.tables.shows[1].version == 1


def test_a_seat_that_changes_hands_within_a_batch_is_a_step(twins: Twins) -> None:
    twins.run([book(1, 1)])
    _, outcome = twins.run([cancel(1), book(2, 1)])
    assert said(outcome) == (Done, 2, PENDING)
    assert twins.tables.shows[1].version == 2


def test_hold_that_lapsed_can_be_booked_over(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    twins.clock += HOLD
    assert said(twins.run([book(2, 2)])[0]) == (Done, 2, PENDING)
    assert said(twins.run([confirm(1)])[0]) == (HoldExpired, 1, FAILED)
    # The other seat of that hold is free as well.
    assert "".join(twins.tables.maps[1]) == "APAAAAAAAA"


def test_a_hold_stands_until_its_deadline(twins: Twins) -> None:
    twins.run([book(1, 1)])
    twins.clock += HOLD - MICROSECOND
    refused, confirmed = twins.run([book(2, 1), confirm(1)])
    assert said(refused) == (SeatsUnavailable, 2, FAILED)
    assert said(confirmed) == (Done, 1, CONFIRMED)


def test_confirming_at_the_deadline_is_too_late(twins: Twins) -> None:
    twins.run([book(1, 1)])
    twins.clock += HOLD
    (outcome,) = twins.run([confirm(1)])
    assert isinstance(outcome, HoldExpired)
    assert outcome.expired_at == NOON + HOLD
    assert outcome.booking.failure_reason is FailureReason.EXPIRED


def test_a_confirmed_booking_does_not_expire(twins: Twins) -> None:
    twins.run([book(1, 1), confirm(1), book(2, 2, confirm=True)])
    twins.clock += 2 * HOLD
    assert twins.run([expire(1, 2)]) == [Expired(0, 0)]
    assert said(twins.run([book(3, 1)])[0]) == (SeatsUnavailable, 3, FAILED)


def test_confirming_again_answers_the_same(twins: Twins) -> None:
    first = twins.run([book(1, 1), confirm(1)])[1]
    twins.clock += 2 * HOLD
    assert twins.run([confirm(1)]) == [first]


def test_booking_with_confirm_has_no_deadline(twins: Twins) -> None:
    (outcome,) = twins.run([book(1, 1, confirm=True)])
    assert isinstance(outcome, Done)
    assert outcome.booking.confirmed_at == NOON
    assert outcome.booking.expires_at is None


@pytest.mark.parametrize("confirmed", [False, True])
def test_cancelling_frees_the_seats(twins: Twins, confirmed: bool) -> None:
    twins.run([book(1, 1, 2, confirm=confirmed)])
    assert said(twins.run([cancel(1)])[0]) == (Done, 1, FAILED)
    assert said(twins.run([book(2, 1, 2)])[0]) == (Done, 2, PENDING)


def test_cancelling_what_has_failed_answers_it_as_it_is(twins: Twins) -> None:
    twins.run([book(1, 1)])
    twins.clock += HOLD
    (outcome,) = twins.run([cancel(1)])
    assert isinstance(outcome, Done)
    assert outcome.booking.failure_reason is FailureReason.EXPIRED


@pytest.mark.parametrize("ended", [[book(1, 1), cancel(1)], [book(2, 1), book(1, 1)]])
def test_what_has_failed_otherwise_cannot_be_confirmed(
    twins: Twins, ended: Sequence[Command]
) -> None:
    twins.run(ended)
    assert said(twins.run([confirm(1)])[0]) == (BookingNotActive, 1, FAILED)


@pytest.mark.parametrize("command", [confirm(9), cancel(9), Book(9, UUID(int=9), "Ada", (1,))])
def test_what_does_not_exist_is_not_found(twins: Twins, command: Command) -> None:
    assert twins.run([command]) == [NotFound()]


def test_a_booking_is_not_found_under_another_show() -> None:
    twins = Twins(make_show(1), make_show(2))
    twins.run([book(1, 1)])
    assert twins.run([Confirm(2, UUID(int=1)), Cancel(2, UUID(int=1))]) == [NotFound()] * 2


def test_seats_the_show_does_not_have_are_named(twins: Twins) -> None:
    assert twins.run([book(1, -1, 0, 1, 11)]) == [NoSuchSeats((-1, 0, 11))]
    # Nothing is on record of it, so that its key is still free.
    assert twins.run([confirm(1)]) == [NotFound()]


def test_one_bad_command_does_not_spoil_its_neighbours(twins: Twins) -> None:
    bad, good = twins.run([book(1, 11), book(2, 1)])
    assert said(bad) == (NoSuchSeats,)
    assert said(good) == (Done, 2, PENDING)


def test_a_key_answers_the_same_booking_as_it_is_now(twins: Twins) -> None:
    first, again = twins.run([book(1, 1, key="k"), book(2, 1, key="k")])
    assert first == again
    twins.run([confirm(1)])
    assert said(twins.run([book(3, 1, key="k")])[0]) == (Done, 1, CONFIRMED)
    twins.run([cancel(1)])
    assert said(twins.run([book(4, 1, key="k")])[0]) == (Done, 1, FAILED)


def test_a_key_answers_a_lapsed_hold_as_failed(twins: Twins) -> None:
    twins.run([book(1, 1, key="k")])
    twins.clock += HOLD
    assert said(twins.run([book(2, 1, key="k")])[0]) == (Done, 1, FAILED)


def test_a_key_answers_a_refusal_with_the_seats_taken_now(twins: Twins) -> None:
    twins.run([book(1, 1, 2), book(2, 1, 2, key="k"), cancel(1), book(3, 2)])
    (outcome,) = twins.run([book(4, 1, 2, key="k")])
    assert isinstance(outcome, SeatsUnavailable)
    assert outcome.booking.id == UUID(int=2)
    assert outcome.unavailable == (2,)


@pytest.mark.parametrize(
    "other",
    [
        book(2, 2, key="k"),
        book(2, 1, key="k", confirm=True),
        book_count(2, 1, key="k"),
        replace(book(2, 1, key="k"), user_name="Bob"),
    ],
)
def test_a_key_with_other_input_is_refused(twins: Twins, other: Book) -> None:
    twins.run([book(1, 1, key="k")])
    assert said(twins.run([other])[0]) == (KeyReused, 1, PENDING)


def test_a_key_counts_for_one_show() -> None:
    twins = Twins(make_show(1), make_show(2))
    here, there = twins.run([book(1, 1, key="k"), replace(book(2, 1, key="k"), show_id=2)])
    assert said(here) == (Done, 1, PENDING)
    assert said(there) == (Done, 2, PENDING)


def test_a_command_that_was_committed_is_found_when_it_comes_again(twins: Twins) -> None:
    first = twins.run([book(1, 1), book(2, 1), book_count(3, 2)])
    assert twins.run([book(1, 1)], again=True) == first[:1]
    assert said(twins.run([book(2, 1)], again=True)[0]) == (SeatsUnavailable, 2, FAILED)
    assert twins.run([book_count(3, 2)], again=True) == first[2:]


def test_a_booking_by_count_is_refused_only_when_fewer_seats_are_free(twins: Twins) -> None:
    twins.run([book(1, 1), book(2, 5, 6)])
    too_many, all_there_are = twins.run([book_count(3, 8), book_count(4, 7)])
    assert isinstance(too_many, SeatsUnavailable)
    assert too_many.unavailable == ()
    assert too_many.available_seats == 7
    assert seats_of(all_there_are) == (2, 3, 4, 7, 8, 9, 10)


def test_a_booking_by_count_gets_seats_of_lapsed_holds(twins: Twins) -> None:
    twins.run([book_count(1, 4), book_count(2, 6)])
    twins.clock += HOLD
    assert said(twins.run([book_count(3, 10)])[0]) == (Done, 3, PENDING)


def test_expiry_ends_lapsed_holds_and_no_others(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    twins.clock += HOLD / 2
    twins.run([book(2, 3)])
    twins.clock += HOLD / 2
    assert twins.run([expire(1, 2, 9)]) == [Expired(1, 2)]
    assert twins.run([expire(1, 2)]) == [Expired(0, 0)]
    assert said(twins.run([confirm(2)])[0]) == (Done, 2, CONFIRMED)


def test_an_expiry_is_counted_once(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    twins.clock += HOLD
    assert twins.run([expire(1, 1), expire(1)]) == [Expired(1, 2), Expired(0, 0)]


def test_shows_of_one_batch_do_not_meet() -> None:
    twins = Twins(make_show(1), make_show(2))
    here, there = twins.run([book(1, 1), replace(book(2, 1), show_id=2)])
    assert said(here) == (Done, 1, PENDING)
    assert said(there) == (Done, 2, PENDING)
    assert [show.version for show in twins.tables.shows.values()] == [1, 1]
