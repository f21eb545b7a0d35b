"""SIGTERM: what is under way is finished, all are told how to go on, and it ends within a bound."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, cast

import orjson
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from resolvers.api import schema
from tests.crowd import BOOK, Answer, Booker, read_answer, request, run, until
from tests.serving import Served, serve
from transport.graphql_app import GraphQLApp
from transport.plain_post import PlainPost
from transport.sender import Sender

pytestmark = pytest.mark.any_postgres

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version } }"
SEATS = 100_000
BOOKERS = 24
# Five seconds of grace, and two for each part that does not close.
LONGEST_STOP = 15.0
PATIENCE = 10.0
WEB_SOCKET_KEY = b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
ACCEPT_EVENTS = b"\r\naccept: text/event-stream\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def server(database_url: str) -> Iterator[Served]:
    """A server of the test's own, to be stopped."""
    with serve(database_url) as server:
        yield server


def create_show(server: Served) -> str:
    given = {"name": "Last night", "startTime": "2031-05-01T19:30:00Z", "totalSeats": SEATS}
    id_: str = server.data(CREATE, input=given)["createShow"]["id"]
    return id_


def booking(show_id: str, *seats: int, close: bool = False) -> bytes:
    given = {"showId": show_id, "seatNumbers": seats, "userName": "Ada"}
    return request(BOOK, close, input=given)


def made(answer: Answer | None) -> bool:
    """Whether this is a booking."""
    assert answer is not None, "cut off"
    return bool(answer.body["data"]["bookSeats"]["__typename"] == "Booking")


@asynccontextmanager
async def connected(server: Served) -> AsyncIterator[Streams]:
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def until_closed_to_newcomers(server: Served) -> None:
    """Wait until the server accepts no more, which it does first."""
    host, port = server.address.split(":")
    while True:
        try:
            with socket.create_connection((host, int(port))):
                await asyncio.sleep(0.01)
        except ConnectionError:
            return


def seats_on_record(url: str) -> list[int]:
    with psycopg.connect(url) as conn:
        return sorted(number for (number,) in conn.execute("SELECT number FROM taken_seats"))


@contextmanager
def shows_locked(url: str) -> Iterator[None]:
    """Keep every booking waiting inside its transaction."""
    with psycopg.connect(url) as conn:
        conn.execute("SELECT id FROM shows FOR NO KEY UPDATE")
        yield


async def until_waiting(url: str) -> int:
    """Wait until a backend waits for a lock; returns its process id."""
    statement = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database()"
    )
    with psycopg.connect(url, autocommit=True) as conn:
        return await until(lambda: (conn.execute(statement).fetchone() or [0])[0])


async def ended(server: Served) -> int:
    return await asyncio.to_thread(server.process.wait, LONGEST_STOP)


@run
async def test_what_is_under_way_is_answered_in_order_and_says_that_it_was_the_last(
    server: Served, database_url: str
) -> None:
    show_id = create_show(server)
    async with connected(server) as (reader, writer):
        with shows_locked(database_url):
            writer.write(b"".join(booking(show_id, seat) for seat in (1, 2, 3)))
            await until_waiting(database_url)
            server.process.terminate()
            await until_closed_to_newcomers(server)
        answers = [await read_answer(reader) for _ in range(3)]
        assert [made(answer) and answer is not None and answer.last for answer in answers] == [
            False,
            False,
            True,
        ]
        assert await reader.read() == b""
    assert await ended(server) == 0
    assert seats_on_record(database_url) == [1, 2, 3]


@pytest.mark.parametrize("part", [0.1, 0.9])
@run
async def test_a_request_of_which_a_part_has_come_is_answered(server: Served, part: float) -> None:
    whole = booking(create_show(server), 1)
    cut = int(len(whole) * part)
    async with connected(server) as (reader, writer):
        writer.write(whole[:cut])
        server.data("{ __typename }")  # what came before it has been read by now
        server.process.terminate()
        await until_closed_to_newcomers(server)
        writer.write(whole[cut:])
        answer = await read_answer(reader)
        assert made(answer)
        assert answer is not None
        assert answer.last
    assert await ended(server) == 0


@run
async def test_an_open_connection_is_served_until_an_answer_says_that_it_was_the_last(
    server: Served,
) -> None:
    show_id = create_show(server)
    async with connected(server) as (reader, writer):
        for seat in count(1):
            writer.write(booking(show_id, seat))
            answer = await read_answer(reader)
            assert made(answer)
            assert answer is not None
            if answer.last:
                break
            if seat == 10:
                server.process.terminate()
        assert await reader.read() == b""
    assert await ended(server) == 0


@run
async def test_an_idle_connection_holds_nothing_up(server: Served) -> None:
    async with connected(server) as (reader, _), connected(server) as (half, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        server.data("{ __typename }")
        began = time.monotonic()
        server.process.terminate()
        assert await reader.read() == b""
        assert time.monotonic() - began < PATIENCE / 4
        assert await ended(server) == 0
        assert await half.read() == b""


@run
async def test_no_web_socket_is_opened_after_the_last_call(server: Served) -> None:
    head = (
        "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    )
    async with connected(server) as (reader, writer):
        writer.write(head.encode())
        server.data("{ __typename }")
        server.process.terminate()
        await until_closed_to_newcomers(server)
        writer.write(WEB_SOCKET_KEY)
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    assert await ended(server) == 0


@run
async def test_subscribers_are_sent_away_with_a_code_to_come_again_on(server: Served) -> None:
    """1012 is `service restart`; graphql-ws connects again after it, as after a broken line."""
    show_id = create_show(server)
    payload = {"query": WATCH, "variables": {"id": show_id}}
    async with connect(server.socket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as ws:
        await ws.send('{"type": "connection_init"}')
        await ws.recv()
        await ws.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        await ws.recv()
        server.process.terminate()
        with pytest.raises(ConnectionClosed):
            await ws.recv()
    assert ws.close_code == 1012
    assert await ended(server) == 0


@run
async def test_an_event_stream_ends_whole_but_not_complete(server: Served) -> None:
    show_id = create_show(server)
    sent = request(WATCH, id=show_id).replace(b"\r\n\r\n", ACCEPT_EVENTS, 1)
    async with connected(server) as (reader, writer):
        writer.write(sent)
        first = await reader.readuntil(b'"version":0}}}')
        server.process.terminate()
        rest = await reader.read()
    assert first.startswith(b"HTTP/1.1 200 ")
    assert rest.endswith(b"\r\n0\r\n\r\n")
    assert b"complete" not in rest
    assert await ended(server) == 0


@run
async def test_where_the_database_hangs_all_are_told_and_it_ends_in_time(
    server: Served, database_url: str
) -> None:
    """One is inside the transaction that hangs, and may be booked yet; the other waits for it."""
    shows = [create_show(server), create_show(server)]
    async with connected(server) as (first, sent), connected(server) as (second, waits):
        with shows_locked(database_url):
            sent.write(booking(shows[0], 1))
            backend = await until_waiting(database_url)
            os.kill(backend, signal.SIGSTOP)
        try:
            waits.write(booking(shows[1], 1))
            server.data("{ __typename }")
            server.process.terminate()
            told = await read_answer(second)
            assert told is not None
            assert told.body["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
            cut_off = await read_answer(first)
            assert cut_off is not None
            extensions = cut_off.body["errors"][0]["extensions"]
            assert extensions.pop("code") == "UNAVAILABLE"
            assert await ended(server) == 0
        finally:
            os.kill(backend, signal.SIGCONT)
    assert extensions in ({}, {"outcome": "UNKNOWN"})
    if not extensions:
        assert seats_on_record(database_url) == []


@run
async def test_who_is_cut_off_is_told_that_nobody_knows() -> None:
    begun = asyncio.Event()

    class Hanging:
        async def execute(self, *_: object, **__: object) -> None:
            begun.set()
            await asyncio.Event().wait()

    app = GraphQLApp(schema)
    app.schema = cast(Any, Hanging())
    post = PlainPost("mutation { book }", None, None, None)
    answering = asyncio.ensure_future(app.answer_plainly(post, "application/json", Sender()))
    await begun.wait()
    answering.cancel()
    answer = await answering
    assert answer is not None
    extensions = orjson.loads(answer[2])["errors"][0]["extensions"]
    assert extensions == {"code": "UNAVAILABLE", "outcome": "UNKNOWN"}


@run
async def test_stopped_under_load_it_loses_nothing_it_acknowledged(
    server: Served, database_url: str
) -> None:
    show_id, seats = create_show(server), count(1)
    bookers = [
        Booker([server.address], show_id, lambda: next(seats), f"booker {number}")
        for number in range(BOOKERS)
    ]
    booking = [asyncio.create_task(booker.run()) for booker in bookers]
    await until(lambda: sum(len(booker.booked) for booker in bookers) > 10 * BOOKERS)
    server.process.terminate()
    assert await ended(server) == 0
    for booker in bookers:
        booker.stopping = True
    await asyncio.gather(*booking)  # nobody met half an answer
    acknowledged = sorted(seat for booker in bookers for seat in booker.booked)
    assert acknowledged == seats_on_record(database_url)
