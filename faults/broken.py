"""A server broken on purpose, as a control of the checker: python -m faults.broken CONTROL

Each control patches the code in its own process and then runs it as it is; nothing of this can be
switched on in a server that anybody sells with.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import booking.decide as rules
import db.batch
import db.desk
import db.expiry
import server.__main__ as server
from booking.commands import Book, Command, Confirm, Outcome
from booking.decision import Change, Decision, ShowState
from booking.history import History
from booking.model import Booking, Show
from booking.sale import Sale
from db.desk import Answer, Desk
from db.errors import Unavailable
from db.line import Line, Rows

NOTHING = "SELECT 1 WHERE false"
# What the sale is broken by happens this often: enough in a few seconds, and the sale goes on.
SOMETIMES = 0.1
RARELY = 0.02
HOUR = timedelta(hours=1)
EARLY = timedelta(seconds=0.5)

_chance = random.Random(1)


@dataclass(frozen=True)
class Control:
    """A way to break the house.

    Attributes:
        rule: which the checker must find broken; "" where nothing is.
        does: what is done, in words.
        apply: patches this process.
        before: SQL that is run on the control's own database first.
        patience: seconds in which an answer must be there.
    """

    name: str
    rule: str
    does: str
    apply: Callable[[], None]
    before: str = ""
    patience: float = 30.0


CONTROLS: dict[str, Control] = {}


def _control(
    rule: str, before: str = "", patience: float = 30.0
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Enter a control under its function's name."""

    def enter(apply: Callable[[], None]) -> Callable[[], None]:
        name = apply.__name__.replace("_", "-")
        does = (apply.__doc__ or "").rstrip(".")
        CONTROLS[name] = Control(name, rule, does, apply, before, patience)
        return apply

    return enter


def _patch(place: Any, name: str, patched: object) -> None:
    """Put something else in a place; fails where nothing was there to be broken."""
    getattr(place, name)
    setattr(place, name, patched)


@_control(
    "sold once as told",
    before="""
        ALTER TABLE taken_seats DROP CONSTRAINT taken_seats_pkey;
        CREATE INDEX taken_seats_twice ON taken_seats (show_id, number);
    """,
)
def taken_is_free() -> None:
    """Taken seats are sold again, and no key is in the way."""
    _patch(db.batch, "FIND_HOLDERS", NOTHING)
    _patch(db.batch, "READ_TAKEN", NOTHING)


@_control(
    "sold once in database",
    before="ALTER TABLE taken_seats DROP CONSTRAINT taken_seats_pkey",
)
def freed_seats_stay() -> None:
    """The rows of seats that are freed are left where they are."""
    _patch(db.batch, "RELEASE_SEATS", NOTHING)


@_control("log is possible")
def false_log() -> None:
    """The log says that every seat was free before."""
    true_row = db.batch._row

    def row(change: Change, clock: datetime) -> dict[str, Any]:
        return true_row(change, clock) | {"previous": "A" * len(change.seats)}

    _patch(db.batch, "_row", row)


@_control("acknowledged is kept")
def rolled_back() -> None:
    """Some batches are rolled back, and acknowledged."""
    true_send = Line.send

    def send(line: Line, statement: Any, **values: bytes) -> Rows:
        if statement is db.desk.COMMIT and _chance.random() < SOMETIMES:
            return true_send(line, "ROLLBACK")
        return true_send(line, statement, **values)

    _patch(Line, "send", send)


@_control("refused is undone")
def unavailable_though_done() -> None:
    """Some of what was done is answered as UNAVAILABLE."""
    true_submit = Desk.submit

    async def submit(desk: Desk, command: Command) -> Answer:
        answer = await true_submit(desk, command)
        if _chance.random() < SOMETIMES:
            raise Unavailable
        return answer

    _patch(Desk, "submit", submit)


@_control("refused is undone")
def refused_though_kept() -> None:
    """Attempts that are refused are kept as holds."""

    def refuse(sale: Sale, command: Book) -> Outcome:
        kept = rules._open(sale, command, command.seat_numbers)
        sale.record(kept)
        return rules._unavailable(sale, kept)

    _patch(rules, "_refuse", refuse)


@_control("key honoured once", before="DROP INDEX bookings_key")
def forgotten_key() -> None:
    """No key is found again, and none need be unique."""
    _patch(db.batch, "FIND_KEYS", NOTHING)


@_control("confirmed in time")
def confirmed_late() -> None:
    """For who confirms, no hold has lapsed; and none is swept."""
    true_decide, true_lapsed = rules.decide, Booking.lapsed
    wanted: set[UUID] = set()

    def decide(
        states: Mapping[int, ShowState],
        commands: Sequence[Command],
        clock: datetime,
        watch: Callable[[], float],
    ) -> Decision:
        wanted.update(c.booking_id for c in commands if isinstance(c, Confirm))
        decision = true_decide(states, commands, clock, watch)
        wanted.clear()
        return decision

    def lapsed(booking: Booking, clock: datetime) -> bool:
        return booking.id not in wanted and true_lapsed(booking, clock)

    async def list_due(*_: object) -> list[tuple[int, UUID]]:
        return []

    _patch(db.batch, "decide", decide)
    _patch(Booking, "lapsed", lapsed)
    _patch(db.expiry, "list_due", list_due)


@_control("expired in time")
def expired_early() -> None:
    """Holds lapse half a second before their deadlines."""
    true_lapsed = Booking.lapsed
    _patch(Booking, "lapsed", lambda booking, clock: true_lapsed(booking, clock + EARLY))


@_control("times are true")
def clock_of_its_own() -> None:
    """Decisions go by a clock that is an hour slow."""
    true_decide = rules.decide
    _patch(
        db.batch,
        "decide",
        lambda states, commands, clock, watch: true_decide(states, commands, clock - HOUR, watch),
    )


@_control("versions without gaps")
def skipped_version() -> None:
    """Some changes are two steps of the version."""
    true_counted = Sale._counted

    def counted(sale: Sale) -> Show:
        show = true_counted(sale)
        return replace(show, version=show.version + (_chance.random() < SOMETIMES))

    _patch(Sale, "_counted", counted)


@_control("watchers see the truth")
def withheld_change() -> None:
    """Some changes are withheld from those who watch."""
    true_advance = History.advance

    def advance(history: History, version: int, seats: Mapping[int, int]) -> bool:
        return true_advance(history, version, {} if _chance.random() < SOMETIMES else seats)

    _patch(History, "advance", advance)


@_control("counters equal seats")
def counter_off() -> None:
    """Some changes leave the counter of held seats one too low."""
    true_counted = Sale._counted

    def counted(sale: Sale) -> Show:
        show = true_counted(sale)
        wrong = show.pending_seats > 1 and _chance.random() < SOMETIMES
        return replace(show, pending_seats=show.pending_seats - wrong)

    _patch(Sale, "_counted", counted)


@_control("refusals are true")
def false_refusal() -> None:
    """Some bookings are refused whether or not there are seats."""
    true_find = rules._find_seats

    def find_seats(sale: Sale, command: Book) -> tuple[int, ...] | None:
        return None if _chance.random() < SOMETIMES else true_find(sale, command)

    _patch(rules, "_find_seats", find_seats)


@_control("everybody is answered", patience=1.0)
def no_answer() -> None:
    """Some commands are carried out, and nobody is told."""
    true_submit = Desk.submit

    async def submit(desk: Desk, command: Command) -> Answer:
        answer = await true_submit(desk, command)
        if _chance.random() < RARELY:
            await asyncio.Event().wait()
        return answer

    _patch(Desk, "submit", submit)


def main() -> None:
    """Break this process, and serve."""
    [name] = sys.argv[1:]
    CONTROLS[name].apply()
    server.main()


if __name__ == "__main__":
    main()
