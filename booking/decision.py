"""What a batch is decided on, and what the decision changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from booking.commands import Outcome
from booking.model import Booking, SeatStatus, Show
from booking.seating import Strategy


@dataclass(slots=True)
class ShowState:
    """What a batch has read of one locked show.

    `bookings` are those the commands meet; `taken` are the seats the show is known to have given
    away: all of them where a command books by count, else at least those the commands ask for.
    `held` is how many seats each customer who books had PENDING at the time `counted_at`, which is
    after the lock.
    """

    show: Show
    bookings: Iterable[Booking] = ()
    taken: Iterable[int] = ()
    held: dict[str, int] = field(default_factory=dict)
    counted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a show: the show after it, what each changed seat became and what it had been."""

    show: Show
    seats: Mapping[int, SeatStatus]
    previous: Mapping[int, SeatStatus]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the choice of seats for a count came to.

    `pieces` is how many groups of neighbours the guests sit in, 0 where there was no room for them;
    `seconds` is what it took to choose.
    """

    strategy: Strategy
    seats: int
    pieces: int
    seconds: float


@dataclass(slots=True)
class Decision:
    """Each command's outcome, in order, and what makes it true once it is saved.

    `choices` are there for whoever compares strategies.
    `seconds` is what it took to decide, by whoever looked at a watch.
    """

    clock: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    shows: dict[int, Show] = field(default_factory=dict)
    created: list[Booking] = field(default_factory=list)
    moved: list[Booking] = field(default_factory=list)
    released: list[tuple[int, int]] = field(default_factory=list)
    taken: list[tuple[int, int, UUID]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    seconds: float = 0.0
