"""The audit: it finds each kind of difference, none in a used house, and locks nobody out."""

import asyncio
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

import db.audit
import db.auditor
from booking.commands import Cancel
from db.audit import Report, audit_show, audit_shows, connected
from db.connection import Connection
from db.pool import Row
from tests.office import book, done, opened
from tests.serving import Served
from tests.test_races import CONFIRM, Crowd, crowding, race

PROJECT = Path(__file__).parent.parent


def audit(url: str, show_id: int | None = None) -> Report:
    async def run() -> Report:
        total = Report()
        async with connected(url) as conn:
            if show_id is None:
                await audit_shows(conn, total.add)
            else:
                total.add(await audit_show(conn, show_id))
        return total

    return asyncio.run(run())


def messages(report: Report) -> list[str]:
    return [difference.message for difference in report.differences]


def test_a_house_that_was_used_has_no_differences(database_url: str, house: dict[str, Any]) -> None:
    report = audit(database_url)
    assert messages(report) == []
    assert (report.shows, report.changes) == (2, 10)
    assert audit(database_url, house["show"]).changes == 10


THE_SHOW = "show_id = %(show)s"
IN_LOG = f"UPDATE changes SET {{}} WHERE {THE_SHOW} AND version = {{}}"
IN_SHOWS = "UPDATE shows SET {} WHERE id = %(show)s"
IN_BOOKINGS = "UPDATE bookings SET {} WHERE id = %({})s"
TAKE = "INSERT INTO taken_seats VALUES (%(show)s, {}, %({})s)"

DOCTORED = {
    "a version is missing": (
        f"DELETE FROM changes WHERE {THE_SHOW} AND version = 2",
        {
            "the log goes on here after version 1",
            "before the change the log had seat 3 A, not P; 4 A, not P",
        },
    ),
    "the first versions are missing": (
        f"DELETE FROM changes WHERE {THE_SHOW} AND version < 5",
        {
            "the log goes on here after version 0",
            "before the change the log had seat 5 A, not P; 6 A, not P",
            "seat 1 is PENDING, and by the log AVAILABLE",
            "seat 2 is PENDING, and by the log AVAILABLE",
            "seat 3 is CONFIRMED, and by the log AVAILABLE",
            "seat 4 is CONFIRMED, and by the log AVAILABLE",
        },
    ),
    "the log ends too early": (
        IN_SHOWS.format("version = 11"),
        {"the show is at version 11, and its log ends at 10"},
    ),
    "the log goes on too long": (
        IN_SHOWS.format("version = 9"),
        {"the show is at version 9, and its log ends at 10"},
    ),
    "previous is wrong": (
        IN_LOG.format("previous = 'PC'", 3),
        {"before the change the log had seat 4 P, not C"},
    ),
    "the log made something else of a seat": (
        IN_LOG.format("statuses = 'PA'", 1),
        {"seat 2 is PENDING, and by the log AVAILABLE"},
    ),
    "the log has a seat that is not there": (
        IN_LOG.format("numbers = '{1,21}'", 1),
        {"no such seat or state: 21 P", "seat 2 is PENDING, and by the log AVAILABLE"},
    ),
    "the log has a state that is none": (
        IN_LOG.format("statuses = 'PX'", 1),
        {"no such seat or state: 2 X", "seat 2 is PENDING, and by the log AVAILABLE"},
    ),
    "a change names a seat twice": (
        IN_LOG.format("numbers = '{1,1}'", 1),
        {
            "the change names a seat twice",
            "before the change the log had seat 1 P, not A",
            "seat 2 is PENDING, and by the log AVAILABLE",
        },
    ),
    "a taken seat got lost": (
        f"DELETE FROM taken_seats WHERE {THE_SHOW} AND number = 2",
        {
            "booking {held} is PENDING, and its seat 2 is not taken",
            "seat 2 is AVAILABLE, and by the log PENDING",
            "the show counts 8 PENDING seats, and there are 7",
        },
    ),
    "a seat is taken that nobody sold": (
        TAKE.format(19, "held"),
        {
            "seat 19 is taken by booking {held}, which has it not",
            "seat 19 is PENDING, and by the log AVAILABLE",
            "the show counts 8 PENDING seats, and there are 9",
        },
    ),
    "a seat is taken that is not there": (
        TAKE.format(21, "held"),
        {"seat 21 is taken, and there is no such seat"},
    ),
    "a failed booking has a seat": (
        TAKE.format(19, "expired"),
        {"seat 19 is taken by booking {expired}, which has FAILED"},
    ),
    "a refused booking has a seat": (
        TAKE.format(19, "refused"),
        {"seat 19 is taken by booking {refused}, which has FAILED"},
    ),
    "a booking has gone": (
        "DELETE FROM bookings WHERE id = %(confirmed)s",
        {
            "seat 3 is taken by booking {confirmed}, which is not there",
            "seat 4 is taken by booking {confirmed}, which is not there",
        },
    ),
    "a booking has failed and keeps its seats": (
        IN_BOOKINGS.format("status = 'FAILED', failure_reason = 'CANCELLED'", "held"),
        {
            "seat 1 is taken by booking {held}, which has FAILED",
            "seat 2 is taken by booking {held}, which has FAILED",
        },
    ),
    "a booking was confirmed without a change": (
        IN_BOOKINGS.format("status = 'CONFIRMED', confirmed_at = created_at", "held"),
        {
            "seat 1 is CONFIRMED, and by the log PENDING",
            "seat 2 is CONFIRMED, and by the log PENDING",
            "the show counts 8 PENDING seats, and there are 6",
            "the show counts 2 CONFIRMED seats, and there are 4",
        },
    ),
    "two active bookings have one seat": (
        IN_BOOKINGS.format("seat_numbers = '{1,2,3}'", "held"),
        {
            "booking {held} is PENDING, and its seat 3 is taken by booking {confirmed}",
            "booking {later} has seat 3, and an active booking has that already",
        },
    ),
    "a booking forgot a seat of its own": (
        IN_BOOKINGS.format("seat_numbers = '{1}'", "held"),
        {"seat 2 is taken by booking {held}, which has it not"},
    ),
    "an active booking has no seats": (
        IN_BOOKINGS.format("seat_numbers = ARRAY[]::int[]", "held"),
        {
            "booking {held} is PENDING, and has no seats",
            "seat 1 is taken by booking {held}, which has it not",
            "seat 2 is taken by booking {held}, which has it not",
        },
    ),
    "a booking was confirmed at its deadline": (
        IN_BOOKINGS.format("expires_at = confirmed_at", "confirmed"),
        {"booking {confirmed} was confirmed at "},
    ),
    "a booking was confirmed late, and cancelled": (
        IN_BOOKINGS.format("confirmed_at = expires_at + interval '1 second'", "cancelled"),
        {"booking {cancelled} was confirmed at "},
    ),
    "a confirmed booking expired": (
        IN_BOOKINGS.format("confirmed_at = expires_at - interval '1 second'", "expired"),
        {"booking {expired} has expired, and it had been confirmed"},
    ),
    "a booking expired before its deadline": (
        IN_BOOKINGS.format("expires_at = expires_at + interval '1 hour'", "expired"),
        {"booking {expired} has expired, and its hold ends at "},
    ),
    "a pending counter is wrong": (
        IN_SHOWS.format("pending_seats = 7"),
        {"the show counts 7 PENDING seats, and there are 8"},
    ),
    "a confirmed counter is wrong": (
        IN_SHOWS.format("confirmed_seats = 3"),
        {"the show counts 3 CONFIRMED seats, and there are 2"},
    ),
    "the show has gone": (
        "DELETE FROM shows WHERE id = %(show)s",
        {"there is something of it, but no such show"},
    ),
}


@pytest.mark.parametrize(("statement", "expected"), DOCTORED.values(), ids=DOCTORED.keys())
def test_each_kind_of_difference_is_found_and_nothing_else(
    database_url: str, house: dict[str, Any], statement: str, expected: set[str]
) -> None:
    with psycopg.connect(database_url) as conn:
        assert conn.execute(statement.encode(), house).rowcount
    said = sorted(messages(audit(database_url)))
    wanted = sorted(beginning.format(**house) for beginning in expected)
    assert len(said) == len(wanted), said
    for message, beginning in zip(said, wanted, strict=True):
        assert message.startswith(beginning)


def test_only_the_first_of_many_differences_are_kept(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    monkeypatch.setattr(db.audit, "MAX_DIFFERENCES", 3)
    with psycopg.connect(database_url) as conn:
        conn.execute("DELETE FROM changes")
    report = audit(database_url)
    assert (len(report.differences), report.found) == (3, 11)


def test_pieces_as_small_as_one_row_come_to_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    monkeypatch.setattr(db.audit, "PIECE", 1)
    report = audit(database_url)
    assert (report.changes, messages(report)) == (10, [])


class Pause:
    """Holds up whoever audits before this statement, in the middle of the transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
        self.reached, self.over = asyncio.Event(), asyncio.Event()
        self._statement = statement
        self._fetch = db.audit._fetch
        monkeypatch.setattr(db.audit, "_fetch", self.fetch)

    async def fetch(self, conn: Connection, statement: LiteralString, **params: Any) -> list[Row]:
        if statement == self._statement:
            self.reached.set()
            await self.over.wait()
        return list(await self._fetch(conn, statement, **params))


def test_sales_go_on_while_an_audit_is_under_way_and_it_sees_none_of_them(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    async def scenario() -> None:
        show = house["show"]
        pause = Pause(monkeypatch, db.audit.READ_TAKEN_SEATS)
        async with opened(database_url) as office, connected(database_url) as conn:
            audit = asyncio.create_task(audit_show(conn, show))
            await pause.reached.wait()
            await done(office, book(show, 15))
            await done(office, Cancel(show, house["held"]))
            await done(office, book(show, 1))
            assert not audit.done()
            pause.over.set()
            assert messages(await audit) == []
            later = await audit_show(conn, show)
            assert (later.changes, messages(later)) == (13, [])

    asyncio.run(scenario())


def test_an_audit_can_write_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    monkeypatch.setattr(db.audit, "READ_STEPS", "DELETE FROM changes RETURNING version")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        audit(database_url, house["show"])


def test_an_audit_has_limits_of_its_own_and_leaves_the_session_as_it_was(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    monkeypatch.setitem(db.audit.LIMITS, "statement_timeout", "50ms")

    async def scenario() -> None:
        async with connected(database_url) as conn:
            before = await limits(conn)
            await audit_show(conn, house["show"])
            assert await limits(conn) == before
            with psycopg.connect(database_url) as stranger:
                stranger.execute("LOCK TABLE taken_seats")
                with pytest.raises(psycopg.errors.QueryCanceled):
                    await audit_show(conn, house["show"])

    asyncio.run(scenario())


async def limits(conn: Connection) -> list[Row]:
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "transaction_read_only"]
    return await db.audit._fetch(
        conn, "SELECT name, setting FROM pg_settings WHERE name = ANY(%(names)s)", names=names
    )


SELLERS = 24
ROUNDS = 8


@race
async def test_audits_under_a_crowd_find_nothing_wrong(
    two_served: list[Served], shared_database_url: str
) -> None:
    async with crowding(two_served) as crowd, connected(shared_database_url) as conn:
        show_id = await crowd.open_show(60)  # so few that there is refusing and booking again
        selling = asyncio.gather(*(sell(crowd, show_id) for _ in range(SELLERS)))
        seen = set()
        while not selling.done():
            total = Report()
            await audit_shows(conn, total.add)
            assert messages(total) == []
            seen.add(total.changes)
            report = await crowd.ask("{ result: audit { differences { message } } }")
            assert report == {"differences": []}
        await selling
        assert len(seen) > 2  # it was live


async def sell(crowd: Crowd, show_id: str) -> None:
    """Book some seats, confirm, cancel or leave them, again and again."""
    for turn in range(ROUNDS):
        booked = await crowd.book(show_id, seatCount=1 + turn % 3, confirm=turn % 4 == 3)
        if booked["__typename"] == "Booking":
            if turn % 2:
                await crowd.ask(CANCEL, id=booked["id"])
            else:
                await crowd.ask(CONFIRM, id=booked["id"])


CANCEL = "mutation ($id: ID!) { result: cancelBooking(bookingId: $id) { __typename } }"
