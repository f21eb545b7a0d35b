"""Races through the public API of two processes, and the proof that the lock decides them."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import wraps
from itertools import cycle, groupby
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

import db.batch
from booking.commands import Book, Done, SeatsUnavailable
from booking.decision import Decision
from booking.model import FailureReason
from db.desk import Answer, Desk
from db.line import Line
from db.pool import Database
from db.reads import create_show
from schema.ids import parse_booking_id, parse_show_id
from tests.serving import Served

PATIENCE = 30.0
CLIENTS_A_SERVER = 8
# The nearest has passed before anybody confirms, the furthest leaves time to.
DEADLINES_MS = [*range(22), 2000]
# The one of three that two desks sell in the control.
SEAT = 2

CREATE_SHOW = """
    mutation ($input: CreateShowInput!) {
        result: createShow(input: $input) { ... on Show { id } }
    }
"""
BOOK = """
    mutation ($input: BookSeatsInput!) {
        result: bookSeats(input: $input) {
            __typename
            ... on Booking { id status seatNumbers }
            ... on SeatsUnavailable { unavailable availableSeats booking { id status } }
        }
    }
"""
CONFIRM = """
    mutation ($id: ID!) {
        result: confirmBooking(bookingId: $id) {
            __typename
            ... on Booking { status }
            ... on HoldExpired { booking { status failureReason } }
        }
    }
"""
EXPIRE = "mutation { result: runExpiry { expiredBookings releasedSeats } }"
SHOW = """
    query ($id: ID!) {
        result: show(id: $id) {
            availableSeats pendingSeats confirmedSeats seatMap { version encoded }
        }
    }
"""


def race(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for PATIENCE seconds at most."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), PATIENCE))

    return run


class Crowd:
    """Many who ask at once, in turn at each of the processes."""

    def __init__(self, doors: Iterable[tuple[str, httpx.AsyncClient]]) -> None:
        self._doors = cycle(doors)

    async def ask(self, document: str, **variables: Any) -> Any:
        url, client = next(self._doors)
        body = {"query": document, "variables": variables}
        answer = (await client.post(url, json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]["result"]

    async def open_show(self, total_seats: int) -> str:
        show = {"name": "Ran", "startTime": "2030-01-31T19:30:00Z", "totalSeats": total_seats}
        return str((await self.ask(CREATE_SHOW, input=show))["id"])

    async def book(self, show_id: str, **asked: Any) -> Any:
        return await self.ask(BOOK, input={"showId": show_id, "userName": "Saburo"} | asked)

    async def book_all(self, show_id: str, inputs: Iterable[dict[str, Any]]) -> list[Any]:
        return await asyncio.gather(*(self.book(show_id, **asked) for asked in inputs))


@asynccontextmanager
async def crowding(servers: Sequence[Served]) -> AsyncIterator[Crowd]:
    """Open a crowd's connections, as many as it needs.

    A client of httpx searches all its connections for each request, so there are several clients.
    There is no TLS here, and reading certificates would take each of them 0.1 s.
    """
    async with AsyncExitStack() as clients:
        doors = [
            (server.url, httpx.AsyncClient(timeout=PATIENCE, verify=False))
            for _ in range(CLIENTS_A_SERVER)
            for server in servers
        ]
        for _, client in doors:
            await clients.enter_async_context(client)
        yield Crowd(doors)


# What must be true of a show whenever nobody is at it


async def assert_sound(crowd: Crowd, database_url: str, show_id: str) -> str:
    """Hold what the tables and both processes say of a show against each other; returns the map."""
    version, letters = read_sound_map(database_url, show_id)
    expected = {
        "availableSeats": letters.count("A"),
        "pendingSeats": letters.count("P"),
        "confirmedSeats": letters.count("C"),
        "seatMap": {"version": version, "encoded": letters},
    }
    # One at each process.
    assert await crowd.ask(SHOW, id=show_id) == expected
    assert await crowd.ask(SHOW, id=show_id) == expected
    return letters


def read_sound_map(database_url: str, show_id: str | int) -> tuple[int, str]:
    """Check what the tables say twice; returns the show's version and map."""
    key = show_id if isinstance(show_id, int) else parse_show_id(show_id)
    with psycopg.connect(database_url) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        total, version, *counters = conn.execute(
            "SELECT total_seats, version, pending_seats, confirmed_seats FROM shows WHERE id = %s",
            [key],
        ).fetchall()[0]
        active = conn.execute(
            "SELECT unnest(seat_numbers) AS number, id, status FROM bookings"
            " WHERE show_id = %s AND status <> 'FAILED' ORDER BY number, id",
            [key],
        ).fetchall()
        taken = conn.execute(
            "SELECT number, booking_id FROM taken_seats WHERE show_id = %s"
            " ORDER BY number, booking_id",
            [key],
        ).fetchall()
        changes = conn.execute(
            "SELECT version, numbers, statuses FROM changes WHERE show_id = %s ORDER BY version",
            [key],
        ).fetchall()
    assert taken == [(number, id_) for number, id_, _ in active]
    assert len({number for number, _ in taken}) == len(taken)
    letters = draw(total, (([number], status[0]) for number, _, status in active))
    assert counters == [letters.count("P"), letters.count("C")]
    assert [change[0] for change in changes] == list(range(1, version + 1))
    assert draw(total, (change[1:] for change in changes)) == letters
    return version, letters


def draw(total_seats: int, changes: Iterable[tuple[Sequence[int], str]]) -> str:
    """The map that these changes make of an empty house."""
    letters = ["A"] * total_seats
    for numbers, statuses in changes:
        for number, letter in zip(numbers, statuses, strict=True):
            letters[number - 1] = letter
    return "".join(letters)


def assert_refused_for_a_reason(
    database_url: str, show_id: str, inputs: Sequence[dict[str, Any]], answers: Sequence[Any]
) -> None:
    """Replay the sale: whoever was refused, asked for more than was free at that moment.

    One transaction at a time decides on a show, and its bookings share its clock, so the order of
    `created_at` is the order of the decisions. Which of those that share it came first is not on
    record. As nothing is given back here, free seats only get fewer: a refusal is true if it is
    true of what its transaction left, and if it isn't, it was true at no moment before either.
    """
    made = [uuid_of(answer.get("booking", answer)["id"]) for answer in answers]
    asked = dict(zip(made, inputs, strict=True))
    with psycopg.connect(database_url) as conn:
        rows = conn.execute(
            "SELECT bookings.created_at, bookings.id, failure_reason, seat_numbers, total_seats"
            " FROM bookings JOIN shows ON shows.id = show_id"
            " WHERE show_id = %s ORDER BY bookings.created_at",
            [parse_show_id(show_id)],
        ).fetchall()
    assert {row[1] for row in rows} == asked.keys()
    free = set(range(1, rows[0][4] + 1))
    for _, decided in groupby(rows, key=itemgetter(0)):
        refused = []
        for _, id_, reason, numbers, _ in decided:
            if reason:
                assert reason == FailureReason.SEATS_UNAVAILABLE
                refused.append(asked[id_])
                continue
            assert free.issuperset(numbers)
            free.difference_update(numbers)
        for input_ in refused:
            assert not could_be_served(input_, free)


def could_be_served(input_: dict[str, Any], free: set[int]) -> bool:
    if "seatCount" in input_:
        return bool(input_["seatCount"] <= len(free))
    return free.issuperset(input_["seatNumbers"])


def uuid_of(booking_id: str) -> UUID:
    key = parse_booking_id(booking_id)
    assert key is not None
    return key[1]


# Races


@race
async def test_one_of_two_hundred_gets_the_seat(
    two_served: list[Served], shared_database_url: str
) -> None:
    async with crowding(two_served) as crowd:
        show_id = await crowd.open_show(10)
        inputs = [{"seatNumbers": [7], "userName": f"guest {n}"} for n in range(200)]
        answers = await crowd.book_all(show_id, inputs)
        won = [answer for answer in answers if answer["__typename"] == "Booking"]
        lost = [answer for answer in answers if answer["__typename"] == "SeatsUnavailable"]
        assert (len(won), len(lost)) == (1, 199)
        assert won[0]["seatNumbers"] == [7]
        assert {(*answer["unavailable"], answer["availableSeats"]) for answer in lost} == {(7, 9)}
        assert {answer["booking"]["status"] for answer in lost} == {"FAILED"}
        assert_refused_for_a_reason(shared_database_url, show_id, inputs, answers)
        assert await assert_sound(crowd, shared_database_url, show_id) == "AAAAAAPAAA"


@race
async def test_groups_are_refused_only_when_too_few_seats_are_free(
    two_served: list[Served], shared_database_url: str
) -> None:
    chance = random.Random(160)
    inputs = [{"seatCount": chance.randint(1, 6)} for _ in range(160)]
    async with crowding(two_served) as crowd:
        show_id = await crowd.open_show(500)
        answers = await crowd.book_all(show_id, inputs)
        for input_, answer in zip(inputs, answers, strict=True):
            assert len(answer.get("seatNumbers", range(input_["seatCount"]))) == input_["seatCount"]
        assert any(answer["__typename"] == "SeatsUnavailable" for answer in answers)
        assert_refused_for_a_reason(shared_database_url, show_id, inputs, answers)
        letters = await assert_sound(crowd, shared_database_url, show_id)
        assert letters.count("A") < 6


@race
async def test_bookers_by_number_and_by_count_share_a_house(
    two_served: list[Served], shared_database_url: str
) -> None:
    chance = random.Random(70)
    by_count = [{"seatCount": chance.randint(1, 4), "confirm": True} for _ in range(60)]
    by_number = [{"seatNumbers": chance.sample(range(1, 201), 2)} for _ in range(90)]
    inputs: list[dict[str, Any]] = [*by_count, *by_number]
    chance.shuffle(inputs)
    async with crowding(two_served) as crowd:
        show_id = await crowd.open_show(200)
        answers = await crowd.book_all(show_id, inputs)
        for input_, answer in zip(inputs, answers, strict=True):
            # A refusal names seats that were asked for, and none to those who named none.
            named = answer.get("unavailable")
            assert named is None or bool(named) == ("seatNumbers" in input_)
            assert not named or set(named) <= set(input_["seatNumbers"])
        assert_refused_for_a_reason(shared_database_url, show_id, inputs, answers)
        letters = await assert_sound(crowd, shared_database_url, show_id)
        assert letters.count("P") > 0 < letters.count("C")


@race
async def test_deadline_has_one_outcome(two_served: list[Served], shared_database_url: str) -> None:
    outcomes = []
    async with crowding(two_served) as crowd:
        show_id = await crowd.open_show(len(DEADLINES_MS))
        for number, delay in enumerate(DEADLINES_MS, start=1):
            booking_id = (await crowd.book(show_id, seatNumbers=[number]))["id"]
            with psycopg.connect(shared_database_url) as conn:
                bring_deadline_near(conn, booking_id, delay)
            *confirmed, once, again = await asyncio.gather(
                crowd.ask(CONFIRM, id=booking_id),
                crowd.ask(CONFIRM, id=booking_id),
                crowd.ask(EXPIRE),
                crowd.ask(EXPIRE),
            )
            assert confirmed[0] == confirmed[1]
            late = confirmed[0]["__typename"] == "HoldExpired"
            assert once["expiredBookings"] + again["expiredBookings"] <= late
            assert decided_late(shared_database_url, booking_id) == late
            letters = await assert_sound(crowd, shared_database_url, show_id)
            assert letters[number - 1] == ("A" if late else "C")
            outcomes.append(late)
    assert set(outcomes) == {True, False}


@race
async def test_confirmation_that_waited_past_the_deadline_is_late(
    two_served: list[Served], shared_database_url: str
) -> None:
    connecting = psycopg.AsyncConnection.connect(shared_database_url, autocommit=True)
    async with await connecting as watcher, crowding(two_served) as crowd:
        show_id = await crowd.open_show(1)
        booking_id = (await crowd.book(show_id, seatNumbers=[1]))["id"]
        with psycopg.connect(shared_database_url) as conn:
            lock_show(conn, show_id)
            confirming = asyncio.create_task(crowd.ask(CONFIRM, id=booking_id))
            await statement_that_waits(watcher)
            bring_deadline_near(conn, booking_id, delay_ms=0)
        assert (await confirming)["__typename"] == "HoldExpired"
        assert await assert_sound(crowd, shared_database_url, show_id) == "A"


def lock_show(conn: psycopg.Connection[Any], show_id: str) -> None:
    key = parse_show_id(show_id)
    conn.execute("SELECT FROM shows WHERE id = %s FOR NO KEY UPDATE", [key])


def bring_deadline_near(conn: psycopg.Connection[Any], booking_id: str, delay_ms: int) -> None:
    conn.execute(
        "UPDATE bookings SET expires_at = clock_timestamp() + %s * interval '1 millisecond'"
        " WHERE id = %s",
        [delay_ms, uuid_of(booking_id)],
    )


def decided_late(database_url: str, booking_id: str) -> bool:
    """Whether the last change of the booking's show was made at its deadline or later."""
    with psycopg.connect(database_url) as conn:
        row = conn.execute(
            "SELECT max(changed_at) >= expires_at FROM bookings JOIN changes USING (show_id)"
            " WHERE id = %s GROUP BY expires_at",
            [uuid_of(booking_id)],
        ).fetchone()
    assert row
    return bool(row[0])


@race
async def test_key_books_once_however_often_it_is_sent(
    two_served: list[Served], shared_database_url: str
) -> None:
    async with crowding(two_served) as crowd:
        show_id = await crowd.open_show(20)
        asked = {"seatCount": 2, "idempotencyKey": "hidetora"}
        answers = await crowd.book_all(show_id, [asked] * 50)
        assert answers == answers[:1] * 50
        assert answers[0]["status"] == "PENDING"
        letters = await assert_sound(crowd, shared_database_url, show_id)
        assert letters.count("P") == 2


# Positive control: without the lock the race is there


class Gate:
    """Stands between decision and save: who has decided to sell waits there until it opens."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.sold: list[list[tuple[int, int, UUID]]] = []
        self.refused_by: list[str | None] = []
        self._save = db.batch._save
        self._settle_apart = Desk._settle_apart

    async def save(self, line: Line, decision: Decision) -> None:
        if decision.taken:
            self.sold.append(decision.taken)
            self.reached.set()
            if len(self.sold) == 2:
                self.opened.set()
            await self.opened.wait()
        await self._save(line, decision)

    async def settle_apart(self, desk: Desk, entries: Any, locked: Any, error: Exception) -> Any:
        assert isinstance(error, psycopg.errors.UniqueViolation)
        self.refused_by.append(error.diag.constraint_name)
        return await self._settle_apart(desk, entries, locked, error)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(db.batch, "_save", gate.save)
    monkeypatch.setattr(Desk, "_settle_apart", lambda desk, *args: gate.settle_apart(desk, *args))
    return gate


@pytest.fixture
def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCK_FREE_SHOWS", "LOCK_SHOWS"):
        statement, clauses = re.subn(r"FOR NO KEY UPDATE.*", "", getattr(db.batch, name))
        assert clauses == 1
        monkeypatch.setattr(db.batch, name, statement)


@asynccontextmanager
async def two_sales_of_a_seat(
    database_url: str,
) -> AsyncIterator[tuple[int, list[asyncio.Task[Answer]]]]:
    """The two desks of two processes, each asked for the same seat at once."""
    databases = [Database(database_url), Database(database_url)]
    for database in databases:
        await database.open()
    start_time = datetime(2030, 1, 31, tzinfo=UTC)
    show = await create_show(databases[0], "Rashomon", start_time, 3, 3, 120)
    desks = [Desk(database, on_commit=lambda _: None) for database in databases]
    books = [Book(show.id, uuid4(), name, (SEAT,)) for name in ("Tajomaru", "Takehiro")]
    try:
        sales = zip(desks, books, strict=True)
        yield show.id, [asyncio.create_task(desk.submit(book)) for desk, book in sales]
    finally:
        for desk, database in zip(desks, databases, strict=True):
            await desk.close()
            await database.close()


async def outcomes_of(sales: Iterable[Awaitable[Answer]]) -> tuple[Done, SeatsUnavailable]:
    """The winner's and the loser's outcome, told apart."""
    outcomes = [answer.outcome for answer in await asyncio.gather(*sales)]
    done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, SeatsUnavailable)]
    assert (len(done), len(refused)) == (1, 1), outcomes
    return done[0], refused[0]


@race
async def test_second_seller_waits_for_the_lock(gate: Gate, database_url: str) -> None:
    connecting = psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with await connecting as watcher, two_sales_of_a_seat(database_url) as (show_id, sales):
        waiting = await statement_that_waits(watcher)
        await gate.reached.wait()  # who has the lock may not have heard of it yet
        sold_before = len(gate.sold)
        gate.opened.set()
        _, refused = await outcomes_of(sales)
    assert "FOR NO KEY UPDATE" in waiting
    assert refused.unavailable == (SEAT,)
    assert (sold_before, len(gate.sold), gate.refused_by) == (1, 1, [])
    assert read_sound_map(database_url, show_id) == (1, "APA")


async def statement_that_waits(watcher: psycopg.AsyncConnection[Any]) -> str:
    """Wait until a session of this database waits for a lock; returns what it wants to run."""
    while True:
        cursor = await watcher.execute(
            "SELECT query FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if row := await cursor.fetchone():
            return str(row[0])


@pytest.mark.usefixtures("no_lock")
@pytest.mark.parametrize(
    ("dropped", "refused_by"),
    [
        ([], "changes_pkey"),
        (["changes_pkey"], "taken_seats_pkey"),
        (["taken_seats_pkey"], "changes_pkey"),
    ],
)
@race
async def test_without_the_lock_the_tables_refuse_the_second_sale(
    gate: Gate, database_url: str, dropped: list[str], refused_by: str
) -> None:
    drop_rules(database_url, dropped)
    async with two_sales_of_a_seat(database_url) as (show_id, sales):
        done, refused = await outcomes_of(sales)
    assert_both_sold_the_seat(gate, show_id)
    assert gate.refused_by == [refused_by]
    # The second try of the one who lost found the truth.
    assert (refused.unavailable, refused.available_seats) == ((SEAT,), 2)
    assert done.booking.seat_numbers == (SEAT,)
    assert read_sound_map(database_url, show_id) == (1, "APA")


@pytest.mark.usefixtures("no_lock")
@race
async def test_without_lock_and_rules_the_seat_is_sold_twice(gate: Gate, database_url: str) -> None:
    drop_rules(database_url, ["changes_pkey", "taken_seats_pkey"])
    async with two_sales_of_a_seat(database_url) as (show_id, sales):
        answers = await asyncio.gather(*sales)
    assert_both_sold_the_seat(gate, show_id)
    assert all(isinstance(answer.outcome, Done) for answer in answers)
    with pytest.raises(AssertionError):
        read_sound_map(database_url, show_id)


def assert_both_sold_the_seat(gate: Gate, show_id: int) -> None:
    assert [[sale[:2] for sale in sold] for sold in gate.sold] == [[(show_id, SEAT)]] * 2
    assert gate.sold[0] != gate.sold[1]


def drop_rules(database_url: str, names: Iterable[str]) -> None:
    with psycopg.connect(database_url) as conn:
        for name in names:
            table = sql.Identifier(name.removesuffix("_pkey"))
            conn.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, sql.Identifier(name))
            )
