"""What the database says at the end: shows, bookings, taken seats, changes; all of one moment."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import IsolationLevel

from schema import ids

Micros = int
"""Microseconds since the epoch: what PostgreSQL's clock counts in."""

_SHOWS = """
SELECT
    id, total_seats, hold_seconds * 1000000::bigint, version, pending_seats, confirmed_seats,
    (extract(epoch FROM created_at) * 1000000)::bigint
FROM shows
"""
_BOOKINGS = """
SELECT
    show_id, id, status, failure_reason, seat_numbers,
    (extract(epoch FROM created_at) * 1000000)::bigint,
    (extract(epoch FROM expires_at) * 1000000)::bigint,
    (extract(epoch FROM confirmed_at) * 1000000)::bigint,
    idempotency_key, user_name
FROM bookings
ORDER BY created_at
"""
_TAKEN = "SELECT show_id, number, booking_id FROM taken_seats"
_CHANGES = """
SELECT
    show_id, version, (extract(epoch FROM changed_at) * 1000000)::bigint,
    numbers, statuses, previous
FROM changes
ORDER BY show_id, version
"""


@dataclass(frozen=True, slots=True)
class Show:
    """A show; `id` is the public one, `hold` in microseconds."""

    id: str
    total_seats: int
    hold: Micros
    version: int
    pending_seats: int
    confirmed_seats: int
    created_at: Micros


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking; its id and its show's are the public ones."""

    show_id: str
    id: str
    status: str
    reason: str | None
    seats: tuple[int, ...]
    created_at: Micros
    expires_at: Micros | None = None
    confirmed_at: Micros | None = None
    key: str | None = None
    user_name: str = ""

    @property
    def active(self) -> bool:
        """Whether its seats are its own, as far as the database has it on record."""
        return self.status != "FAILED"

    @property
    def refused(self) -> bool:
        """Whether it never had seats."""
        return self.reason == "SEATS_UNAVAILABLE"

    @property
    def confirmed_later(self) -> bool:
        """Whether it was held first and confirmed by a command of its own."""
        return self.confirmed_at is not None and self.expires_at is not None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a show's version: what each seat became, and what it had been."""

    version: int
    at: Micros
    numbers: Sequence[int]
    statuses: str
    previous: str


@dataclass(slots=True)
class Ledger:
    """All of it, by public ids; a show's bookings by the time they were made."""

    shows: dict[str, Show] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    of_show: dict[str, list[Booking]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    changes: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))

    def add(self, bookings: Iterable[Booking]) -> None:
        """Enter bookings, in the order they were made."""
        for booking in bookings:
            self.bookings[booking.id] = booking
            self.of_show[booking.show_id].append(booking)


def read_ledger(database_url: str) -> Ledger:
    """Read everything, in one snapshot: whoever still sells is not in the way, nor are we."""
    ledger = Ledger()
    with psycopg.connect(database_url) as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        for key, *rest in conn.execute(_SHOWS):
            ledger.shows[ids.show_id(key)] = Show(ids.show_id(key), *rest)
        ledger.add(
            Booking(
                ids.show_id(show), ids.booking_id(show, id_), status, reason, tuple(seats), *rest
            )
            for show, id_, status, reason, seats, *rest in conn.execute(_BOOKINGS)
        )
        for show, number, owner in conn.execute(_TAKEN):
            ledger.taken[ids.show_id(show)].append((number, ids.booking_id(show, owner)))
        for show, *change in conn.execute(_CHANGES):
            ledger.changes[ids.show_id(show)].append(Change(*change))
    return ledger
