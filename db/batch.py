"""One transaction of the desk: lock the shows, read what the commands meet, decide, save."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from itertools import chain
from time import perf_counter
from typing import Any
from uuid import UUID

from booking.commands import Book, Cancel, Command, Confirm, Expire
from booking.decide import decide
from booking.decision import Change, Decision, ShowState
from booking.model import Booking, SeatStatus
from db.limits import SESSION_LIMITS
from db.line import Line, Rows
from db.literals import array, json
from db.pool import Row
from db.records import booking_from, show_from
from db.statements import statements
from telemetry import traces

LOCK_FREE_SHOWS = statements["lock_free_shows"]
LOCK_SHOWS = statements["lock_shows"]
WAIT_FOR_STRANGERS = statements["wait_for_strangers"]
FIND_BOOKINGS = statements["find_bookings"]
FIND_KEYS = statements["find_keys"]
FIND_HELD = statements["find_held"]
FIND_HOLDERS = statements["find_holders"]
FIND_LAPSED = statements["find_lapsed"]
READ_TAKEN = statements["read_taken"]
RELEASE_SEATS = statements["release_seats"]
CREATE_BOOKINGS = statements["create_bookings"]
MOVE_BOOKINGS = statements["move_bookings"]
TAKE_SEATS = statements["take_seats"]
ADVANCE_SHOWS = statements["advance_shows"]
LOG_CHANGES = statements["log_changes"]


# Without a show there is nothing to judge by the clock.
NO_SHOW_NO_CLOCK = datetime.min.replace(tzinfo=UTC)


class Locked(Enum):
    """What to do about shows that somebody else has locked."""

    WAIT_BRIEFLY = auto()  # as long as another desk of ours may have them
    LEAVE_OUT = auto()
    WAIT = auto()


@dataclass(frozen=True, slots=True)
class Batch:
    """Commands to be settled in one transaction.

    Attributes:
        locked: what to do about shows that somebody else has locked.
        again: this may have been committed before (the connection broke): look for what it made.
    """

    commands: Sequence[Command]
    locked: Locked = Locked.WAIT_BRIEFLY
    again: bool = False


async def run_batch(line: Line, batch: Batch) -> Decision:
    """Lock, read, decide and put the save on the way, inside the caller's transaction.

    The show rows are locked first, in id order; nothing else is locked by hand, since every change
    of a show is made under that lock. What is read after it is the truth until the commit.

    Returns:
        The decision on the commands of the shows it got; `decision.shows` has those. Unless
        locked shows are left out, a show that is not in there does not exist.
    """
    show_ids = sorted({command.show_id for command in batch.commands})
    if batch.locked is Locked.WAIT:
        line.send(WAIT_FOR_STRANGERS, limit=SESSION_LIMITS["lock_timeout"].encode())
    leave_out = batch.locked is Locked.LEAVE_OUT
    locked = line.send(LOCK_FREE_SHOWS if leave_out else LOCK_SHOWS, ids=array(show_ids))
    met = _find_bookings(line, batch)
    held = _count_held(line, batch)
    taken: Rows = []
    if by_count := _booked_by_count(batch.commands):
        met.append(line.send(FIND_LAPSED, show_ids=array(by_count)))
        taken = line.send(READ_TAKEN, ids=array(by_count))
    await line.receive()

    states = {row[0]: ShowState(show_from(row[:-1])) for row in locked}
    clock = locked[-1][-1] if locked else NO_SHOW_NO_CLOCK
    _add_bookings(states, chain.from_iterable(met))
    for show_id, owner, seats, counted_at in held:
        if show_id in states:
            states[show_id].held[owner] = seats
            states[show_id].counted_at = counted_at
    for show_id, numbers in taken:
        if show_id in states:
            states[show_id].taken = numbers
    served = [c for c in batch.commands if not leave_out or c.show_id in states]
    began = perf_counter()
    with traces.step("desk.decide"):
        decision = decide(states, served, clock, perf_counter)
    decision.seconds = perf_counter() - began
    await _save(line, decision)
    return decision


def _find_bookings(line: Line, batch: Batch) -> list[Rows]:
    """Ask for the bookings that the commands name by id, by key or by a seat that is taken."""
    ids: list[tuple[int, UUID]] = []
    keys: list[dict[str, Any]] = []
    seats: list[tuple[int, int]] = []
    for command in batch.commands:
        match command:
            case Book():
                seats += [(command.show_id, number) for number in command.seat_numbers]
                if command.idempotency_key is not None:
                    keys.append(
                        {
                            "show_id": command.show_id,
                            "owner": command.owner,
                            "key": command.idempotency_key,
                        }
                    )
                if batch.again:
                    ids.append((command.show_id, command.booking_id))
            case Confirm() | Cancel():
                ids.append((command.show_id, command.booking_id))
            case Expire():
                ids += [(command.show_id, booking_id) for booking_id in command.booking_ids]
    met = []
    if seats:
        show_ids, numbers = zip(*seats, strict=True)
        met.append(line.send(FIND_HOLDERS, show_ids=array(show_ids), numbers=array(numbers)))
    if keys:
        met.append(line.send(FIND_KEYS, keys=json(keys)))
    if ids:
        show_ids, uuids = zip(*ids, strict=True)
        met.append(line.send(FIND_BOOKINGS, show_ids=array(show_ids), ids=array(uuids)))
    return met


def _count_held(line: Line, batch: Batch) -> Rows:
    """Ask how many seats those customers hold who want more."""
    books = (c for c in batch.commands if isinstance(c, Book) and c.owner)
    customers = {(command.show_id, command.owner) for command in books}
    if not customers:
        return []
    owners = [{"show_id": show_id, "owner": owner} for show_id, owner in customers]
    return line.send(FIND_HELD, owners=json(owners))


def _booked_by_count(commands: Iterable[Command]) -> list[int]:
    by_count = (c for c in commands if isinstance(c, Book) and c.seat_count is not None)
    return sorted({command.show_id for command in by_count})


def _add_bookings(states: Mapping[int, ShowState], rows: Iterable[Row]) -> None:
    """Hand each show its bookings."""
    bookings: dict[int, list[Booking]] = defaultdict(list)
    for row in rows:
        if row[0] in states:
            bookings[row[0]].append(booking_from(row))
    for show_id, met in bookings.items():
        states[show_id].bookings = met


async def _save(line: Line, decision: Decision) -> None:
    """Put the statements on the way that make the decision true."""
    if decision.released:
        # Before the seats are taken anew, maybe by a booking of the same batch.
        show_ids, numbers = zip(*decision.released, strict=True)
        line.send(RELEASE_SEATS, show_ids=array(show_ids), numbers=array(numbers))
    if decision.created:
        line.send(CREATE_BOOKINGS, bookings=json(decision.created))
    if decision.moved:
        line.send(
            MOVE_BOOKINGS,
            show_ids=array([booking.show_id for booking in decision.moved]),
            ids=array([booking.id for booking in decision.moved]),
            states=json({str(booking.id): booking for booking in decision.moved}),
        )
    if decision.changes:
        # Before the seats: of two desks without a lock, the second is stopped at the version.
        line.send(
            ADVANCE_SHOWS,
            ids=array([change.show.id for change in decision.changes]),
            counts=json({str(change.show.id): change.show for change in decision.changes}),
        )
        line.send(LOG_CHANGES, changes=json([_row(c, decision.clock) for c in decision.changes]))
    if decision.taken:
        show_ids, numbers, ids = zip(*decision.taken, strict=True)
        line.send(
            TAKE_SEATS,
            show_ids=array(show_ids),
            numbers=array(numbers),
            booking_ids=array([id_.hex for id_ in ids]),
        )


def _row(change: Change, clock: datetime) -> dict[str, Any]:
    return {
        "show_id": change.show.id,
        "version": change.show.version,
        "changed_at": clock,
        "numbers": list(change.seats),
        "statuses": _letters(change.seats),
        "previous": _letters(change.previous),
    }


def _letters(seats: Mapping[int, SeatStatus]) -> str:
    return "".join([status[0] for status in seats.values()])
