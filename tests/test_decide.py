"""The rules, held against a plain box office that serves one command after the other."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from booking.commands import Book, Cancel, Command, Confirm, Expire
from booking.seating import Strategy
from tests.plain_office import HOLD, MICROSECOND, PENDING, make_show
from tests.twins import Twins

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
    strategy: Strategy


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
    strategy=st.sampled_from(Strategy),
)
names = st.builds(
    Name,
    st.sampled_from([Confirm, Cancel]),
    st.integers(0, 7),
    st.sampled_from([False] * 9 + [True]),
)
sweeps = st.builds(Sweep, st.sampled_from([1, 1, 2]), st.lists(st.integers(0, 5)).map(tuple))
replays = st.builds(
    Replay, st.integers(0, 5), st.sampled_from([False, False, True]), st.sampled_from(Strategy)
)
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
            case Replay(ago, other, strategy):
                again = self.book(ago)
                asked = replace(again, confirm=again.confirm ^ other, strategy=strategy)
                return self.remember(asked)
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
