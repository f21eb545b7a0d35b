"""The audit: it finds each kind of difference, none in a used house, and locks nobody out."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

import db.audit
import db.auditor
from booking.commands import Cancel, Command, Confirm, Done, SeatsUnavailable
from db.audit import Report, audit_show, audit_shows, connected
from db.pool import Connection, Row
from resolvers.api import schema
from resolvers.office import Office
from schema.ids import show_id as public_id
from tests.office import book, lapse, new_show, opened

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


async def done(office: Office, command: Command) -> UUID:
    outcome = (await office.desk.submit(command)).outcome
    assert isinstance(outcome, Done)
    return outcome.booking.id


async def use(office: Office, url: str) -> dict[str, Any]:
    """A house with everything in it that happens to a booking: seats 1 to 20, 10 versions."""
    show = await new_show(office)
    held = await done(office, book(show, 1, 2))
    confirmed = await done(office, book(show, 3, 4))
    await done(office, Confirm(show, confirmed))
    cancelled = await done(office, book(show, 5, 6))
    await done(office, Cancel(show, cancelled))
    expired = await done(office, book(show, 7, 8))
    lapse(url, expired)
    await office.expiry.run()
    await done(office, book(show, 8, 9))  # one of them for the second time
    refused = (await office.desk.submit(book(show, 9, 10))).outcome
    assert isinstance(refused, SeatsUnavailable)
    await done(office, book(show, count=3, key="order-1"))
    lapse(url, await done(office, book(show, 20)))  # and nobody has swept it yet
    return {
        "show": show,
        "held": held,
        "confirmed": confirmed,
        "cancelled": cancelled,
        "expired": expired,
        "refused": refused.booking.id,
        "later": max(held, confirmed),  # the audit takes bookings by id
    }


@pytest.fixture
def house(database_url: str) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with opened(database_url) as office:
            await new_show(office)  # nobody has come yet
            return await use(office, database_url)

    return asyncio.run(run())


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


def test_an_audit_can_write_nothing_and_ends_where_its_snapshot_began(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    monkeypatch.setattr(db.audit, "READ_STEPS", "DELETE FROM changes RETURNING version")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        audit(database_url, house["show"])


# The query

AUDIT = """
    query ($showId: ID, $after: ID) {
        audit(showId: $showId, after: $after) {
            shows changes differenceCount differences { showId version message }
            complete endShowId
        }
    }
"""


async def ask(office: Office, **variables: Any) -> Any:
    """What is answered, or the code of the error and its message."""
    result: Any = await schema.execute(AUDIT, variables, {"office": office})
    if result.errors:
        return result.errors[0].extensions["code"], result.errors[0].message
    return result.data["audit"]


def test_query_reports_shows_changes_and_differences(
    database_url: str, house: dict[str, Any]
) -> None:
    async def scenario() -> None:
        id_ = public_id(house["show"])
        sound = {"differenceCount": 0, "differences": [], "complete": True, "endShowId": id_}
        async with opened(database_url) as office:
            assert await ask(office) == {"shows": 2, "changes": 10, **sound}
            assert await ask(office, showId=id_) == {"shows": 1, "changes": 10, **sound}
            assert await ask(office, after=public_id(house["show"] - 1)) == {
                "shows": 1,
                "changes": 10,
                **sound,
            }
            await office.database.write("UPDATE shows SET version = 11 RETURNING id", {})
            report = await ask(office, showId=id_)
            message = "the show is at version 11, and its log ends at 10"
            found = {"showId": id_, "version": 10, "message": message}
            assert (report["differenceCount"], report["differences"]) == (1, [found])
            for unknown in (public_id(999), "nonsense"):
                code, message = await ask(office, showId=unknown)
                assert (code, message) == ("BAD_REQUEST", "`showId` is not the id of a show.")

    asyncio.run(scenario())


def test_query_that_runs_out_of_time_says_how_far_it_came(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            monkeypatch.setattr(db.auditor, "PATIENCE", timedelta())
            report = await ask(office)
            assert (report["shows"], report["complete"]) == (1, False)
            monkeypatch.undo()
            rest = await ask(office, after=report["endShowId"])
            assert (rest["shows"], rest["changes"], rest["complete"]) == (1, 10, True)

    asyncio.run(scenario())


def test_query_is_answered_once_at_a_time_and_sales_go_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch, house: dict[str, Any]
) -> None:
    async def scenario() -> None:
        pause = Pause(monkeypatch, db.audit.READ_TAKEN_SEATS)
        async with opened(database_url) as office:
            first = asyncio.create_task(ask(office))
            await pause.reached.wait()
            assert (await ask(office))[0] == "UNAVAILABLE"
            await done(office, book(house["show"], 15))
            first.cancel()  # who asked has gone: it ends all the same
            pause.over.set()
            while isinstance(answer := await ask(office), tuple):
                await office.database.ping()
            assert answer["differenceCount"] == 0

    asyncio.run(scenario())


# The command


def run(url: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "boxoffice", *arguments],
        check=False,
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": url, **env},
        capture_output=True,
        text=True,
    )


def test_command_says_what_it_audited(database_url: str, house: dict[str, Any]) -> None:
    ran = run(database_url, "audit")
    assert (ran.returncode, ran.stdout) == (0, "2 shows, 10 changes, 0 differences\n")
    for show in (str(house["show"]), public_id(house["show"])):
        ran = run(database_url, "audit", "--show", show)
        assert (ran.returncode, ran.stdout) == (0, "1 show, 10 changes, 0 differences\n")


def test_command_prints_each_difference_in_a_line_and_its_status_says_so(
    database_url: str, house: dict[str, Any]
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE shows SET version = 9 WHERE id = %s", [house["show"]])
        conn.execute("DELETE FROM taken_seats WHERE number = 3")
    ran = run(database_url, "audit")
    key, id_ = house["show"], public_id(house["show"])
    *lines, summary = ran.stdout.splitlines()
    assert ran.returncode == 1
    assert summary == "2 shows, 10 changes, 4 differences"
    assert len(lines) == 4
    assert (
        f"show {key} ({id_}), version 10: the show is at version 9, and its log ends at 10" in lines
    )
    assert f"show {key} ({id_}): seat 3 is AVAILABLE, and by the log CONFIRMED" in lines


@pytest.mark.parametrize(
    "arguments", [(), ("audit", "--show", "everything"), ("audit", "--show", "999"), ("adit",)]
)
def test_unusable_command_is_refused_in_words(
    database_url: str, arguments: tuple[str, ...]
) -> None:
    ran = run(database_url, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Traceback" not in ran.stderr


def test_database_that_is_not_there_is_another_status_and_tells_no_password(
    bare_database_url: str, tmp_path: Path
) -> None:
    gone = f"postgresql://user:secret@/gone?host={tmp_path}"
    for url, said in (
        (gone, "No such file"),
        (bare_database_url, "does not exist"),
        ("", "make run"),
    ):
        ran = run(url, "audit", DATA_DIR=str(tmp_path))
        assert (ran.returncode, ran.stdout) == (3, "")
        assert said in ran.stderr
        assert "secret" not in ran.stderr
        assert "Traceback" not in ran.stderr
