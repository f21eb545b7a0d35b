"""The desk's line to the database: what goes over it, and what is left of it when things break."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from socket import socketpair
from types import SimpleNamespace
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.pq import ConnStatus, ExecStatus

from db import limits
from db.errors import Interrupted
from db.line import Line
from db.literals import array, json
from db.pool import Database

PATIENCE = 10.0
# More than a socket takes in either direction before somebody reads.
LONG = "x" * 4_000_000


@pytest.fixture(autouse=True)
def one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for a line again gets the same one."""
    monkeypatch.setattr(limits, "LINES", 1)


@asynccontextmanager
async def database_at(url: str) -> AsyncIterator[Database]:
    """A database that is closed at the end of the block."""
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def ask(line: Line, statement: LiteralString, **values: bytes) -> list[tuple[Any, ...]]:
    """One statement, one round trip."""
    rows = line.send(statement, **values)
    await line.receive()
    return rows


class Talk:
    """A connection that is half way through: it has yet to write, and an answer comes early."""

    def __init__(self) -> None:
        self.ours, self.theirs = socketpair()
        self.ours.setblocking(False)
        self.socket = self.ours.fileno()
        self.status = ConnStatus.OK
        self.unsent = 1
        self.received = b""

    def connection(self) -> Any:
        return SimpleNamespace(
            pgconn=self, transformer=None, prepared=set(), patience=contextlib.nullcontext
        )

    def enter_pipeline_mode(self) -> None: ...

    def exit_pipeline_mode(self) -> None: ...

    def pipeline_sync(self) -> None: ...

    def flush(self) -> int:
        self.unsent, unsent = 0, self.unsent
        return unsent

    def consume_input(self) -> None:
        with suppress(BlockingIOError):
            self.received += self.ours.recv(100)

    def is_busy(self) -> bool:
        return len(self.received) < 2

    def get_result(self) -> Any:
        return SimpleNamespace(status=ExecStatus.PIPELINE_SYNC)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_line_that_may_read_and_write_at_once_hears_the_rest(run: Any) -> None:
    async def scenario() -> None:
        talk = Talk()
        conn: Any = talk.connection()
        line = Line(conn)
        talk.theirs.send(b"x")  # readable and writable in the same poll: told twice
        asyncio.get_running_loop().call_later(0.05, talk.theirs.send, b"x")
        async with asyncio.timeout(PATIENCE):
            await line.receive()
        assert talk.received == b"xx"
        await line.leave()
        talk.ours.close()
        talk.theirs.close()

    run(scenario())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_line_told_before_anybody_asked_hears_the_answer(run: Any) -> None:
    async def scenario() -> None:
        talk = Talk()
        talk.unsent = 0
        conn: Any = talk.connection()
        line = Line(conn)
        talk.theirs.send(b"xx")
        await line.receive()
        talk.received = b""
        talk.theirs.send(b"x")  # nobody waits for this one
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_later(0.05, talk.theirs.send, b"x")
        async with asyncio.timeout(PATIENCE):
            await line.receive()
        assert talk.received == b"xx"
        await line.leave()
        talk.ours.close()
        talk.theirs.close()

    run(scenario())


def test_each_statement_of_a_round_trip_has_its_own_rows(database_url: str) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database, database.line() as line:
            one = line.send("SELECT %(a)s::integer, %(b)s::integer, %(a)s::integer", a=b"1", b=b"2")
            none = line.send("SELECT 1 WHERE false")
            many = line.send("SELECT generate_series(1, 3)")
            await line.receive()
            assert (one, none, many) == ([(1, 2, 1)], [], [(1,), (2,), (3,)])

    asyncio.run(scenario())


def test_a_statement_is_prepared_once_a_connection_and_planned_once(database_url: str) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database:
            for _ in range(3):
                async with database.line() as line:
                    assert await ask(line, "SELECT %(n)s::integer", n=b"7") == [(7,)]
            async with database.line() as line:
                plans = await ask(
                    line,
                    "SELECT generic_plans, custom_plans FROM pg_prepared_statements"
                    " WHERE statement = 'SELECT $1::integer'",
                )
                assert plans == [(3, 0)]

    asyncio.run(scenario())


async def fail_in_the_middle(database: Database) -> None:
    async with database.line() as line:
        line.send("BEGIN")
        line.send("CREATE TABLE made AS SELECT 1 AS n")
        line.send("SELECT 1 / %(n)s::integer", n=b"0")
        line.send("SELECT 1 / %(n)s::integer + 1", n=b"1")
        line.send("COMMIT")
        await line.receive()


def test_nothing_behind_a_statement_that_failed_is_run(database_url: str) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database:
            with pytest.raises(psycopg.errors.DivisionByZero):
                await fail_in_the_middle(database)
            async with database.line() as line:
                # It was rolled back, and what was not prepared for the failure is prepared now.
                assert await ask(line, "SELECT to_regclass('made') IS NULL") == [(True,)]
                assert await ask(line, "SELECT 1 / %(n)s::integer", n=b"1") == [(1,)]
                assert await ask(line, "SELECT 1 / %(n)s::integer + 1", n=b"1") == [(2,)]
                line.send("BEGIN")
                line.send("COMMIT")
                await line.receive()

    asyncio.run(scenario())


def test_long_questions_and_long_answers_do_not_wait_for_each_other(database_url: str) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database, database.line() as line:
            async with asyncio.timeout(PATIENCE):
                rows = [line.send("SELECT %(text)s::text", text=LONG.encode()) for _ in range(5)]
                await line.receive()
            assert rows == [[(LONG,)]] * 5

    asyncio.run(scenario())


async def leave_in_the_middle(database: Database) -> None:
    async with database.line() as line:
        line.send("SELECT 1")
        raise ZeroDivisionError


def test_a_line_that_was_left_in_the_middle_is_not_lent_again(database_url: str) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database:
            with pytest.raises(ZeroDivisionError):
                await leave_in_the_middle(database)
            async with database.line() as line:
                assert await ask(line, "SELECT 2") == [(2,)]

    asyncio.run(scenario())


async def cut(database: Database) -> None:
    async with database.line() as line, asyncio.timeout(PATIENCE):
        await ask(line, "SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_line_that_is_cut_says_so(database_url: str) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database:
            with pytest.raises(Interrupted):
                await cut(database)
            async with database.line() as line:
                assert await ask(line, "SELECT 2") == [(2,)]

    asyncio.run(scenario())


async def cut_unread(database: Database) -> None:
    async with database.line() as line, asyncio.timeout(PATIENCE):
        line.send("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(%(s)s)", s=b"10")
        line.send("SELECT %(text)s::text", text=LONG[:100_000].encode())
        # Busy meanwhile: the last words and the end are there together.
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        await line.receive()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_line_that_is_cut_before_all_of_it_was_read_says_so(database_url: str, run: Any) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database:
            with pytest.raises(Interrupted):
                await cut_unread(database)
            async with database.line() as line:
                assert await ask(line, "SELECT 2") == [(2,)]

    run(scenario())


async def have_a_line(database: Database) -> None:
    async with database.line():
        pass


def test_lines_that_are_dead_before_they_are_lent_are_replaced(database_url: str) -> None:
    async def scenario() -> None:
        async with database_at(database_url) as database:
            for _ in range(3):  # and there is one at most
                conn = await database._lines.getconn()
                await database._lines.putconn(conn)
                conn.pgconn.finish()
                with pytest.raises(Interrupted):
                    await have_a_line(database)
            async with database.line() as line:
                assert await ask(line, "SELECT 2") == [(2,)]

    asyncio.run(scenario())


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8) | st.none()
TIMES = st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)) | st.none()
NUMBERS = st.lists(st.integers(1, 100_000))


@given(
    text=TEXTS, time=TIMES, raw=st.binary(max_size=4) | st.none(), numbers=NUMBERS, id_=st.uuids()
)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_values_arrive_as_they_are(
    shared_database_url: str,
    text: str | None,
    time: datetime | None,
    raw: bytes | None,
    numbers: list[int],
    id_: UUID,
) -> None:
    row = {"text": text, "time": time, "raw": raw, "numbers": numbers, "id": id_}
    with psycopg.connect(shared_database_url) as conn:
        conn.execute("SET timezone TO 'UTC'")
        rows = conn.execute(
            "SELECT new.*, %s::integer[], %s::uuid[] FROM json_to_recordset(%s::json)"
            " AS new (text text, time timestamptz, raw bytea, numbers integer[], id uuid)",
            [array(numbers).decode(), array([id_]).decode(), json([row]).decode()],
        ).fetchall()
    assert rows == [(*row.values(), numbers, [id_])]
