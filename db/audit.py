"""The audit: each show replayed from its log and held against the tables, at one moment."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

from booking.model import BookingStatus
from booking.replay import Difference, Replay, Step, TakenSeat
from db.connection import Connection
from db.limits import SESSION_LIMITS
from db.pool import SET_UP_SESSION, Row
from db.records import booking_from, show_from
from db.statements import statements

TAKE_SNAPSHOT = statements["take_snapshot"]
LIMIT_AUDIT = statements["limit_audit"]
COUNT_CHANGES = statements["count_changes"]
FIND_NEXT_SHOW = statements["find_next_show"]
READ_AUDITED_SHOW = statements["read_audited_show"]
READ_STEPS = statements["read_steps"]
READ_TAKEN_SEATS = statements["read_taken_seats"]
READ_AUDITED_BOOKINGS = statements["read_audited_bookings"]

LIMITS = {
    # A piece takes milliseconds. The server gives up before we take it for gone (LONGEST_SILENCE).
    "statement_timeout": "3s",
    # Vacuum can't clear away what an audit still sees that stopped in the middle.
    "idle_timeout": "10s",
}
# Rows to a piece, and about as many seats: it takes the event loop some milliseconds.
PIECE = 1_000
# What is kept of them; the others are counted.
MAX_DIFFERENCES = 1_000

BEFORE_THE_FIRST = -(2**63)
_FIRST_UUID = UUID(int=0)

GoOn = Callable[[], None]
"""Called between two pieces; what it raises ends the audit."""


@dataclass(slots=True)
class Report:
    """What was audited, and what was found.

    Attributes:
        found: how many differences there are; `differences` are the first of them.
        last_show_id: the last show that was audited to its end.
        complete: whether that was all.
    """

    shows: int = 0
    changes: int = 0
    found: int = 0
    differences: list[Difference] = field(default_factory=list)
    last_show_id: int | None = None
    complete: bool = False

    def tell(self, differences: Iterable[Difference]) -> None:
        """Count differences, and keep them while there is room."""
        for difference in differences:
            self.found += 1
            if len(self.differences) < MAX_DIFFERENCES:
                self.differences.append(difference)

    def add(self, show: "Report") -> None:
        """Take in what came of one more show."""
        self.shows += show.shows
        self.changes += show.changes
        self.found += show.found
        self.differences += show.differences[: MAX_DIFFERENCES - len(self.differences)]
        self.last_show_id = show.last_show_id


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Lend a connection outside of any pool.

    Raises:
        psycopg.Error: the database can't be reached.
    """
    conn = await Connection.connect(
        url, autocommit=True, connect_timeout=10, application_name="boxoffice"
    )
    async with conn:
        await conn.execute(SET_UP_SESSION, SESSION_LIMITS)
        yield conn


def _go_on() -> None:
    """To the end."""


async def count_changes(conn: Connection) -> tuple[int, int]:
    """How many shows there are, and how many changes of theirs: what an audit has before it."""
    [(shows, changes)] = await _fetch(conn, COUNT_CHANGES)
    return shows, changes


async def audit_shows(
    conn: Connection,
    tell: Callable[[Report], None],
    after: int = BEFORE_THE_FIRST,
    go_on: GoOn = _go_on,
) -> None:
    """Audit all shows whose ids are above `after`, each at a moment of its own."""
    while (show_id := await _find_next_show(conn, after)) is not None:
        tell(await audit_show(conn, show_id, go_on))
        after = show_id
        go_on()


async def audit_show(conn: Connection, show_id: int, go_on: GoOn = _go_on) -> Report:
    """Audit one show in a snapshot, without a lock: it is sold on meanwhile.

    It is read in pieces, so that its map is kept in memory, and not its log.

    Returns:
        The report of this one; of none, where no table knows it.
    """
    report = Report()
    async with conn.transaction():
        await conn.execute(TAKE_SNAPSHOT)
        await conn.execute(LIMIT_AUDIT, LIMITS)
        rows = await _fetch(conn, READ_AUDITED_SHOW, show_id=show_id)
        if rows:
            clock, *columns = rows[0]
            await _replay(conn, Replay(show_from(columns), clock), report, go_on)
        elif await _find_next_show(conn, show_id - 1) == show_id:
            report.tell([Difference(show_id, None, "there is something of it, but no such show")])
        else:
            return report
    report.shows, report.last_show_id = 1, show_id
    return report


async def _replay(conn: Connection, replay: Replay, report: Report, go_on: GoOn) -> None:
    pieces = partial(_pieces, conn, replay.show.id, go_on)
    async for rows in pieces(READ_STEPS, BEFORE_THE_FIRST):
        report.tell(replay.take_steps(Step(*row[1:]) for row in rows))
        report.changes += len(rows)
    async for rows in pieces(READ_TAKEN_SEATS, BEFORE_THE_FIRST):
        report.tell(replay.take_seats(_seats(rows)))
    async for rows in pieces(READ_AUDITED_BOOKINGS, _FIRST_UUID):
        report.tell(replay.take_bookings(booking_from(row[1:]) for row in rows))
    report.tell(replay.conclude())


async def _pieces(
    conn: Connection, show_id: int, go_on: GoOn, statement: LiteralString, after: Any
) -> AsyncIterator[list[Row]]:
    """Read what a show has of something; a row's first column is its place in the order."""
    while rows := await _fetch(conn, statement, show_id=show_id, after=after, size=PIECE):
        yield rows
        after = rows[-1][0]
        go_on()


def _seats(rows: Sequence[Row]) -> Iterator[TakenSeat]:
    for number, booking_id, status in rows:
        yield TakenSeat(number, booking_id, BookingStatus(status) if status else None)


async def _find_next_show(conn: Connection, after: int) -> int | None:
    ((found,),) = await _fetch(conn, FIND_NEXT_SHOW, after=after)
    return found if found is None else int(found)


async def _fetch(conn: Connection, statement: LiteralString, **params: Any) -> list[Row]:
    cursor = await conn.execute(statement, params, binary=True)
    return list(await cursor.fetchall())
