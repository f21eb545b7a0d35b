"""One transaction of the desk: lock the shows, read what the commands meet, decide, save."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from booking.commands import Book, Cancel, Command, Confirm, Expire
from booking.decide import decide
from booking.decision import Decision, ShowState
from booking.model import Booking, SeatStatus
from db.pool import Connection, Row
from db.records import booking_from, show_from
from db.statements import statements

LOCK_FREE_SHOWS = statements["lock_free_shows"]
LOCK_SHOWS = statements["lock_shows"]
READ_TOUCHED = statements["read_touched"]
READ_TAKEN = statements["read_taken"]
RELEASE_SEATS = statements["release_seats"]
SAVE_BATCH = statements["save_batch"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Commands to be settled in one transaction.

    Attributes:
        wait: wait for shows that somebody else has locked; otherwise leave them out.
        again: this may have been committed before (the connection broke): look for what it made.
    """

    commands: Sequence[Command]
    wait: bool = False
    again: bool = False


async def run_batch(conn: Connection, batch: Batch) -> Decision:
    """Lock, read, decide and save, inside the caller's transaction and pipeline.

    The show rows are locked first, in id order; nothing else is locked by hand, since every change
    of a show is made under that lock. What is read after it is the truth until the commit.

    Returns:
        The decision on the commands of the shows it got; `decision.shows` has those. With
        `batch.wait`, a show that is not in there does not exist.
    """
    show_ids = sorted({command.show_id for command in batch.commands})
    lock = LOCK_SHOWS if batch.wait else LOCK_FREE_SHOWS
    locked = await conn.execute(lock, {"ids": show_ids}, prepare=True, binary=True)
    met = await conn.execute(READ_TOUCHED, _touched(batch), prepare=True, binary=True)
    whole = _booked_by_count(batch.commands)
    taken = whole and await conn.execute(READ_TAKEN, {"ids": whole}, prepare=True, binary=True)

    states = {row[0]: ShowState(show_from(row)) for row in await locked.fetchall()}
    clock = _add_bookings(states, await met.fetchall())
    for show_id, numbers in await taken.fetchall() if taken else ():
        if show_id in states:
            states[show_id].taken = numbers
    served = [c for c in batch.commands if batch.wait or c.show_id in states]
    decision = decide(states, served, clock)
    await _save(conn, decision)
    return decision


def _touched(batch: Batch) -> Mapping[str, Sequence[Any]]:
    """What READ_TOUCHED looks for, as its parallel arrays."""
    ids: list[tuple[int, Any]] = []
    keys: list[tuple[int, Any]] = []
    seats: list[tuple[int, Any]] = []
    for command in batch.commands:
        match command:
            case Book():
                seats += ((command.show_id, number) for number in command.seat_numbers)
                if command.idempotency_key is not None:
                    keys.append((command.show_id, command.idempotency_key))
                if batch.again:
                    ids.append((command.show_id, command.booking_id))
            case Confirm() | Cancel():
                ids.append((command.show_id, command.booking_id))
            case Expire():
                ids += ((command.show_id, booking_id) for booking_id in command.booking_ids)
    return {
        **_columns(("show_ids", "ids"), ids),
        **_columns(("key_show_ids", "keys"), keys),
        **_columns(("seat_show_ids", "numbers"), seats),
        "whole_show_ids": _booked_by_count(batch.commands),
    }


def _booked_by_count(commands: Iterable[Command]) -> list[int]:
    by_count = (c for c in commands if isinstance(c, Book) and c.seat_count is not None)
    return sorted({command.show_id for command in by_count})


def _add_bookings(states: Mapping[int, ShowState], rows: Sequence[Row]) -> datetime:
    """Hand each show its bookings; returns the clock, which stands in every row."""
    bookings: dict[int, list[Booking]] = defaultdict(list)
    for _, *row in rows:
        if row[0] in states:
            bookings[row[0]].append(booking_from(row))
    for show_id, met in bookings.items():
        states[show_id].bookings = met
    clock: datetime = rows[0][0]
    return clock


async def _save(conn: Connection, decision: Decision) -> None:
    if decision.released:
        # Before the seats are taken anew, maybe by a booking of the same batch.
        freed = _columns(("show_ids", "numbers"), decision.released)
        await conn.execute(RELEASE_SEATS, freed, prepare=True)
    if decision.created or decision.moved or decision.changes:
        await conn.execute(SAVE_BATCH, _saved(decision), prepare=True)


_CREATED = (
    "show_ids ids user_names statuses reasons seats expires_at confirmed_at keys fingerprints"
)
_MOVED = "show_ids ids statuses reasons confirmed_at"
_TAKEN = "show_ids numbers booking_ids"
_CHANGED = "show_ids versions pending confirmed numbers statuses previous"


def _saved(decision: Decision) -> Mapping[str, Any]:
    """What SAVE_BATCH writes, as its parallel arrays."""
    created = (
        (
            b.show_id, b.id, b.user_name, b.status, b.failure_reason, _array(b.seat_numbers),
            b.expires_at, b.confirmed_at, b.idempotency_key, b.fingerprint,
        )
        for b in decision.created
    )  # fmt: skip
    moved = ((b.show_id, b.id, b.status, b.failure_reason, b.confirmed_at) for b in decision.moved)
    changed = (
        (
            c.show.id, c.show.version, c.show.pending_seats, c.show.confirmed_seats,
            _array(c.seats), _letters(c.seats), _letters(c.previous),
        )
        for c in decision.changes
    )  # fmt: skip
    return {
        "clock": decision.clock,
        **_columns(_names("created", _CREATED), created),
        **_columns(_names("moved", _MOVED), moved),
        **_columns(_names("taken", _TAKEN), decision.taken),
        **_columns(_names("changed", _CHANGED), changed),
    }


def _names(table: str, columns: str) -> list[str]:
    return [f"{table}_{column}" for column in columns.split()]


def _columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Mapping[str, list[Any]]:
    """Turn rows into an array for each column."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return dict(zip(names, columns, strict=True))


def _letters(seats: Mapping[int, SeatStatus]) -> str:
    return "".join(status[0] for status in seats.values())


def _array(numbers: Iterable[int]) -> str:
    """Numbers as a PostgreSQL array literal: arrays of unequal length can't be unnested as such."""
    return "{" + ",".join(map(str, numbers)) + "}"
