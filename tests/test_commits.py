"""Commits that break, servers that go silent: what a caller is told, and what is true."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import psycopg
import pytest
from psycopg import OperationalError
from psycopg.errors import DiskFull

from booking.commands import Book, Done
from booking.decision import Decision
from db import connection
from db import desk as desk_module
from db.batch import Batch
from db.desk import COMMIT, MAX_TRIES, Desk
from db.errors import Disconnected, Interrupted, OutcomeUnknown, Unavailable, translate
from db.line import Line
from db.pool import Database
from db.reads import create_show
from resolvers.office import Office
from tests.office import book, new_show, opened

PATIENCE = 10.0
SHORT = timedelta(seconds=0.3)


class Breakage:
    """Lines that break when COMMIT is on its way: before the server has it, or behind its back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.delivered = True
        self.database_is_gone = False
        self._send, self._receive, self._line = Line.send, Line.receive, Database.line
        self._committing: set[Line] = set()
        monkeypatch.setattr(Line, "send", lambda line, *args, **kw: self.send(line, *args, **kw))
        monkeypatch.setattr(Line, "receive", lambda line: self.receive(line))
        monkeypatch.setattr(Database, "line", lambda database: self.line(database))

    def send(self, line: Line, statement: Any, **values: bytes) -> Any:
        if statement == COMMIT and self.left:
            self._committing.add(line)
        return self._send(line, statement, **values)

    async def receive(self, line: Line) -> None:
        if line not in self._committing:
            return await self._receive(line)
        self._committing.discard(line)
        self.left -= 1
        if self.delivered:
            await self._receive(line)
        line._conn._hang_up()  # or closing would still send what waits to be sent
        raise OperationalError("lost")

    @asynccontextmanager
    async def line(self, database: Database) -> AsyncIterator[Line]:
        if self.database_is_gone and not self.left:
            raise Unavailable
        async with self._line(database) as line:
            yield line


@pytest.fixture
def breakage(monkeypatch: pytest.MonkeyPatch) -> Breakage:
    monkeypatch.setattr(desk_module, "LONGEST_SEARCH", SHORT)
    return Breakage(monkeypatch)


async def booked(office: Office, statement: str) -> Any:
    async with office.database.connection() as conn:
        return await (await conn.execute(statement.encode())).fetchall()


@pytest.mark.parametrize("delivered", [True, False])
def test_a_commit_whose_answer_was_lost_is_found_or_done(
    database_url: str, breakage: Breakage, delivered: bool
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            breakage.left, breakage.delivered = 1, delivered
            commands = [book(show_id, 1), book(show_id, 2), book(show_id, 2)]
            answers = await asyncio.gather(*map(office.desk.submit, commands))
            assert [isinstance(answer.outcome, Done) for answer in answers] == [True, True, False]
            assert await booked(office, "SELECT count(*) FROM bookings") == [(3,)]
            assert await booked(office, "SELECT version FROM shows") == [(1,)]

    asyncio.run(scenario())
    assert breakage.left == 0


@pytest.mark.parametrize("delivered", [True, False])
def test_what_cannot_be_found_out_is_said_to_be_unknown_and_the_key_tells(
    database_url: str, breakage: Breakage, delivered: bool
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            command = Book(show_id, book(show_id, 1).booking_id, "Rashomon", (1,), None, False, "k")
            breakage.left, breakage.delivered, breakage.database_is_gone = 1, delivered, True
            with pytest.raises(OutcomeUnknown) as told:
                await office.desk.submit(command)
            assert told.value.extensions == {"outcome": "UNKNOWN"}
            breakage.database_is_gone = False
            assert await booked(office, "SELECT count(*) FROM bookings") == [(int(delivered),)]
            again = Book(show_id, book(show_id, 1).booking_id, "Rashomon", (1,), None, False, "k")
            outcome = (await office.desk.submit(again)).outcome
            assert isinstance(outcome, Done)
            assert outcome.booking.id == (command if delivered else again).booking_id

    asyncio.run(scenario())


def test_nothing_is_unknown_of_what_broke_before_its_commit(
    database_url: str, breakage: Breakage
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            breakage.database_is_gone = True
            with pytest.raises(Unavailable) as told:
                await office.desk.submit(book(show_id, 1))
            assert not isinstance(told.value, OutcomeUnknown)

    asyncio.run(scenario())


def test_others_are_served_while_a_commit_is_searched_for(
    database_url: str, breakage: Breakage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "LONGEST_SEARCH", timedelta(seconds=PATIENCE))

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            breakage.left, breakage.database_is_gone = 1, True
            lost = asyncio.create_task(office.desk.submit(book(show_id, 1)))
            while breakage.left:  # noqa: ASYNC110 - nothing of ours is told
                await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE / 2):
                with pytest.raises(Unavailable):
                    await office.desk.submit(book(show_id, 2))
                breakage.database_is_gone = False
                assert isinstance((await office.desk.submit(book(show_id, 3))).outcome, Done)
                assert isinstance((await lost).outcome, Done)

    asyncio.run(scenario())


def test_what_keeps_breaking_is_tried_a_bounded_number_of_times(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Batch] = []

    async def deadlock(self: Desk, batch: Batch) -> Decision:
        tries.append(batch)
        raise Interrupted

    monkeypatch.setattr(Desk, "_transact", deadlock)

    async def scenario() -> None:
        async with opened(database_url) as office:
            with pytest.raises(Interrupted):
                await office.desk.submit(book(1, 1))

    asyncio.run(scenario())
    assert len(tries) == MAX_TRIES


def test_what_slowly_breaks_is_not_tried_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Batch] = []

    async def hang(self: Desk, batch: Batch) -> Decision:
        tries.append(batch)
        await asyncio.sleep(SHORT.total_seconds())
        raise Disconnected

    monkeypatch.setattr(Desk, "_transact", hang)
    monkeypatch.setattr(desk_module, "LONGEST_REPETITION", SHORT / 2)

    async def scenario() -> None:
        async with opened(database_url) as office:
            with pytest.raises(Disconnected):
                await office.desk.submit(book(1, 1))

    asyncio.run(scenario())
    assert len(tries) == 1


def test_a_commit_that_could_not_be_passed_on_is_answered(database_url: str) -> None:
    def fail(changes: Any) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office)
            desk = Desk(office.database, on_commit=fail)
            assert isinstance((await desk.submit(book(show_id, 1))).outcome, Done)

    asyncio.run(scenario())


def test_a_show_is_created_once_when_the_answer_is_lost(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Database._run
    lost: list[Any] = []

    async def lose(self: Database, statement: Any, *args: Any, **kwargs: Any) -> Any:
        rows = await run(self, statement, *args, **kwargs)
        if statement.startswith("-- Add a show") and not lost:
            lost.append(rows)
            raise Disconnected
        return rows

    monkeypatch.setattr(Database, "_run", lose)

    async def scenario() -> None:
        async with opened(database_url) as office:
            start_time = datetime(2030, 1, 31, tzinfo=UTC)
            show = await create_show(office.database, "Ran", start_time, 3, 3, 120)
            assert lost[0][0][0] == show.id
            assert await booked(office, "SELECT id, name FROM shows") == [(show.id, "Ran")]

    asyncio.run(scenario())


def test_a_server_that_says_why_it_breaks_down_has_broken_the_connection() -> None:
    """As with a disk that is full for its log: the commit may be in there."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    def break_down(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(1_000)
            client.send(message(b"R", bytes(4)) + message(b"Z", b"I"))
            client.recv(1_000)
            client.send(message(b"E", b"SPANIC\0VPANIC\0C53100\0MNo space left\0\0"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=break_down, args=[listener])
        server.start()
        port = listener.getsockname()[1]
        url = f"host=127.0.0.1 port={port} user=x sslmode=disable gssencmode=disable"
        with psycopg.connect(url, autocommit=True) as conn, pytest.raises(DiskFull) as met:
            conn.execute("SELECT 1")
        server.join()
    assert isinstance(translate(met.value), Disconnected)


async def sleep_on_a_line(database: Database) -> None:
    async with database.line() as line:
        line.send("SELECT pg_sleep(2.5)")
        await line.receive()


def test_a_silent_server_is_hung_up_on_and_others_take_its_place(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LONGEST_SILENCE", SHORT)

    async def scenario() -> None:
        async with opened(database_url) as office:
            database = office.database
            began = monotonic()
            with pytest.raises(Unavailable):
                await database.fetch("SELECT pg_sleep(2.5)", {})
            with pytest.raises(Unavailable):
                await sleep_on_a_line(database)
            assert monotonic() - began < 2.5
            await database.ping()
            async with database.line() as line:
                rows = line.send("SELECT 1")
                await line.receive()
                assert rows == [(1,)]

    asyncio.run(scenario())
