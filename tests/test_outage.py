"""The database fails under a running server: clients are told at once, and nothing is lost."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from db.embedded.server import PostgresServer
from db.migrations import migrate
from schema.ids import parse_show_id
from tests.conftest import NOT_DURABLE, bin_dir_of
from tests.serving import Served, serve

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
BOOK = """
    mutation ($input: BookSeatsInput!) {
        bookSeats(input: $input) {
            __typename
            ... on Booking { id status seatNumbers }
            ... on SeatsUnavailable { unavailable }
        }
    }
"""
CONFIRM = "mutation ($id: ID!) { confirmBooking(bookingId: $id) { __typename } }"
MAP = "query ($id: ID!) { show(id: $id) { seatMap { version encoded } } }"
FIND = "query ($id: ID!) { booking(id: $id) { status seatNumbers } }"
WATCH = """
    subscription ($id: ID!) {
        seatMap(showId: $id) { version snapshot seats { number status } }
    }
"""
EXPIRE = "mutation { runExpiry { expiredBookings } }"
# What a client may wait for being told that there is no database.
TOLD_WITHIN = 3.0
BACK_WITHIN = 3.0
LOCK_TIMEOUT = 2.0
PATIENCE = 10.0
SEATS = 200


@pytest.fixture(scope="module")
def database(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, to be stopped and started."""
    data_dir = tmp_path_factory.mktemp("outage") / "data"
    with PostgresServer(data_dir, bin_dir_of(pytestconfig), NOT_DURABLE) as server:
        migrate(server.url)
        yield server


@pytest.fixture(scope="module")
def served(database: PostgresServer) -> Iterator[Served]:
    """A server on that database."""
    with serve(database.url) as server:
        yield server


@pytest.fixture
def client(served: Served, database: PostgresServer) -> Iterator[httpx.Client]:
    """A client of a server that is well."""
    with httpx.Client(base_url=f"http://{served.address}", timeout=30) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield client


def ask(client: httpx.Client, document: str, **variables: Any) -> dict[str, Any]:
    response = client.post("/graphql", json={"query": document, "variables": variables})
    answer: dict[str, Any] = response.json()
    return answer


def data(client: httpx.Client, document: str, **variables: Any) -> Any:
    answer = ask(client, document, **variables)
    assert "errors" not in answer, answer
    return answer["data"]


def create_show(client: httpx.Client) -> str:
    given = {"name": "Show", "startTime": "2031-05-01T19:30:00Z", "totalSeats": SEATS}
    id_: str = data(client, CREATE, input=given)["createShow"]["id"]
    return id_


def order(show: str, **changes: Any) -> dict[str, Any]:
    return {"showId": show, "userName": "Ada", "idempotencyKey": uuid4().hex, **changes}


def is_unavailable(answer: dict[str, Any]) -> bool:
    """Whether it is UNAVAILABLE; any other error is wrong here."""
    codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
    assert codes in ([], ["UNAVAILABLE"]), answer
    return bool(codes)


def book_at_last(client: httpx.Client, given: dict[str, Any]) -> dict[str, Any]:
    """Book, again and again while that is UNAVAILABLE."""
    while is_unavailable(answer := ask(client, BOOK, input=given)):
        time.sleep(0.02)
    booking: dict[str, Any] = answer["data"]["bookSeats"]
    assert booking["__typename"] == "Booking", booking
    return booking


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait for something; returns how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


def crash(database: PostgresServer) -> None:
    """Stop PostgreSQL at once, as a power cut would (but for the disk)."""
    pid = (database.data_dir / "postmaster.pid").read_text().split()[0]
    os.kill(int(pid), signal.SIGQUIT)
    database.stop()


@contextmanager
def outage(database: PostgresServer) -> Iterator[None]:
    """No database while the block lasts."""
    crash(database)
    try:
        yield
    finally:
        url = database.url
        assert database.start() == url


@contextmanager
def stranger(database: PostgresServer, show: str) -> Iterator[None]:
    """Somebody else holds the lock of a show."""
    with psycopg.connect(database.url) as conn:
        conn.execute("SELECT FROM shows WHERE id = %s FOR UPDATE", [parse_show_id(show)])
        yield


def timed(client: httpx.Client, document: str, **variables: Any) -> tuple[dict[str, Any], float]:
    began = time.monotonic()
    answer = ask(client, document, **variables)
    return answer, time.monotonic() - began


def test_without_a_database_everybody_is_told_within_three_seconds(
    client: httpx.Client, database: PostgresServer
) -> None:
    show = create_show(client)
    booking = data(client, BOOK, input=order(show, seatNumbers=[1]))["bookSeats"]
    given = {"name": "Show", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 1}
    operations: list[tuple[str, dict[str, Any]]] = [
        (MAP, {"id": show}),
        (FIND, {"id": booking["id"]}),
        (CONFIRM, {"id": booking["id"]}),
        (EXPIRE, {}),
        (CREATE, {"input": given}),
        *((BOOK, {"input": order(show, seatNumbers=[number])}) for number in range(2, 12)),
    ]
    with outage(database), ThreadPoolExecutor(len(operations) * 2) as pool:
        # All at once, and all again a second later, when the first still wait.
        asked = [pool.submit(timed, client, document, **args) for document, args in operations]
        time.sleep(1)
        asked += [pool.submit(timed, client, document, **args) for document, args in operations]
        answers = [answer.result() for answer in asked]
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
    slowest = max(seconds for _, seconds in answers)
    assert all(is_unavailable(answer) for answer, _ in answers)
    assert slowest < TOLD_WITHIN, f"told after {slowest:.1f} s"


def test_server_recovers_by_itself_and_keeps_what_it_acknowledged(
    client: httpx.Client, database: PostgresServer
) -> None:
    show = create_show(client)
    acknowledged: dict[str, list[int]] = {}
    ended = threading.Event()

    def trade() -> None:
        while not ended.is_set():
            answer = ask(client, BOOK, input=order(show, seatCount=1, confirm=True))
            if not is_unavailable(answer) and "id" in answer["data"]["bookSeats"]:
                booking = answer["data"]["bookSeats"]
                acknowledged[booking["id"]] = booking["seatNumbers"]

    with ThreadPoolExecutor(4) as pool:
        traders = [pool.submit(trade) for _ in range(4)]
        until(lambda: len(acknowledged) > 20)
        with outage(database):
            before = len(acknowledged)
            until(lambda: client.get("/readyz").status_code == 503)
        assert until(lambda: client.get("/readyz").status_code == 200) < BACK_WITHIN
        until(lambda: len(acknowledged) > before, BACK_WITHIN)
        ended.set()
        for trader in traders:
            trader.result()
    sold = [number for numbers in acknowledged.values() for number in numbers]
    assert len(sold) == len(set(sold))
    for id_, numbers in acknowledged.items():
        kept = {"status": "CONFIRMED", "seatNumbers": numbers}
        assert data(client, FIND, id=id_)["booking"] == kept


def test_first_booking_and_first_query_after_an_outage_succeed_in_time(
    client: httpx.Client, database: PostgresServer
) -> None:
    show = create_show(client)
    with outage(database):
        assert is_unavailable(ask(client, MAP, id=show))
    given = order(show, seatNumbers=[1])
    assert until(lambda: not is_unavailable(ask(client, BOOK, input=given))) < BACK_WITHIN
    assert data(client, MAP, id=show)["show"]["seatMap"]["encoded"].startswith("PA")


@asynccontextmanager
async def watching(served: Served, show: str) -> AsyncIterator[ClientConnection]:
    """A subscription to a show's seat map."""
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(served.socket_url, subprotocols=protocols, max_size=None) as socket:
        await socket.send('{"type":"connection_init"}')
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        payload = {"query": WATCH, "variables": {"id": show}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield socket


async def follow(socket: ClientConnection, seats: dict[int, str], upto: int) -> list[int]:
    """Apply updates until a version; returns the versions on the way."""
    versions = [-1]
    while versions[-1] < upto:
        message = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
        if message["type"] == "ping":
            continue
        assert message["type"] == "next", message
        update = message["payload"]["data"]["seatMap"]
        seats |= {seat["number"]: seat["status"][0] for seat in update["seats"]}
        versions.append(update["version"])
    return versions[1:]


def test_subscriptions_stay_open_and_miss_nothing(
    client: httpx.Client, served: Served, database: PostgresServer
) -> None:
    show = create_show(client)

    async def scenario() -> tuple[dict[int, str], list[int]]:
        seats: dict[int, str] = {}
        async with watching(served, show) as socket:
            await book(1)
            versions = await follow(socket, seats, 1)
            with outage(database):
                await asyncio.sleep(0.5)
            for number in (2, 3, 4):
                await book(number)
            return seats, versions + await follow(socket, seats, 4)

    async def book(number: int) -> None:
        await asyncio.to_thread(book_at_last, client, order(show, seatNumbers=[number]))

    seats, versions = asyncio.run(scenario())
    assert versions in ([0, 1, 2, 3, 4], [1, 2, 3, 4])
    seat_map = data(client, MAP, id=show)["show"]["seatMap"]
    assert "".join(seats[number] for number in sorted(seats)) == seat_map["encoded"]
    assert seat_map["version"] == 4


def test_change_of_another_process_during_an_outage_reaches_subscribers(
    client: httpx.Client, served: Served, database: PostgresServer
) -> None:
    show = create_show(client)

    async def scenario() -> dict[int, str]:
        seats: dict[int, str] = {}
        async with watching(served, show) as socket:
            await follow(socket, seats, 0)
            with outage(database):
                await asyncio.sleep(0.5)
            await asyncio.to_thread(book_elsewhere)
            await follow(socket, seats, 1)
        return seats

    def book_elsewhere() -> None:
        with serve(database.url) as other:
            given = order(show, seatNumbers=[5])
            assert other.data(BOOK, input=given)["bookSeats"]["status"] == "PENDING"

    assert asyncio.run(scenario())[5] == "P"


def test_show_that_a_stranger_has_locked_is_refused_and_holds_up_no_other(
    client: httpx.Client, database: PostgresServer
) -> None:
    locked, other = create_show(client), create_show(client)
    first, second = order(locked, seatNumbers=[1]), order(locked, seatCount=2)
    with stranger(database, locked), ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(timed, client, BOOK, input=given) for given in (first, second)]
        slowest = 0.0
        while not all(answer.done() for answer in waiting):
            answer, seconds = timed(client, BOOK, input=order(other, seatCount=1))
            assert answer["data"]["bookSeats"]["status"] == "PENDING"
            slowest = max(slowest, seconds)
            time.sleep(0.05)
        assert data(client, MAP, id=locked)["show"]["seatMap"]["version"] == 0
        answers = [answer.result() for answer in waiting]
    assert slowest < 1
    for answer, seconds in answers:
        assert is_unavailable(answer)
        assert LOCK_TIMEOUT - 0.5 < seconds < LOCK_TIMEOUT + 1.5
    # Asked again with the same keys, now that the lock is free.
    assert data(client, BOOK, input=first)["bookSeats"]["seatNumbers"] == [1]
    assert len(data(client, BOOK, input=second)["bookSeats"]["seatNumbers"]) == 2
    assert data(client, MAP, id=locked)["show"]["seatMap"]["encoded"].count("P") == 3


def test_terminated_connections_cost_at_most_a_retry_and_book_nothing_twice(
    client: httpx.Client, database: PostgresServer
) -> None:
    show = create_show(client)
    booked: dict[str, list[int]] = {}
    wanted = iter(range(1, SEATS + 1))

    def trade() -> None:
        for number in wanted:
            given = order(show, seatNumbers=[number])
            booking = book_at_last(client, given)
            assert book_at_last(client, given) == booking
            booked[booking["id"]] = booking["seatNumbers"]

    with psycopg.connect(database.url, autocommit=True) as killer, ThreadPoolExecutor(8) as pool:
        traders = [pool.submit(trade) for _ in range(8)]
        while not all(trader.done() for trader in traders):
            time.sleep(0.2)
            killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'boxoffice'"
            )
        for trader in traders:
            trader.result()
    assert sorted(number for numbers in booked.values() for number in numbers) == list(
        range(1, SEATS + 1)
    )
    with psycopg.connect(database.url) as conn:
        row = conn.execute(
            "SELECT count(*) FROM bookings WHERE show_id = %s", [parse_show_id(show)]
        ).fetchone()
    assert row == (SEATS,)
    assert data(client, MAP, id=show)["show"]["seatMap"]["encoded"] == "P" * SEATS
