"""Many subscribers, some of whom don't read or vanish: they cost little and harm no other."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.serving import Served

pytestmark = pytest.mark.any_postgres

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
BOOK = "mutation ($input: BookSeatsInput!) { bookSeats(input: $input) { ... on Booking { id } } }"
CANCEL = "mutation ($id: ID!) { cancelBooking(bookingId: $id) { __typename } }"
MAP = "query ($id: ID!) { show(id: $id) { seatMap { version encoded } } }"
WATCH = """
    subscription ($id: ID!, $everyMs: Int) {
        seatMap(showId: $id, everyMs: $everyMs) { version snapshot seats { number status } }
    }
"""
# The same with a kilobyte a seat.
VERBOSE = " ".join(f"{'x' * 90}{alias}: status" for alias in range(10))
WATCH_VERBOSELY = WATCH.replace("number status", f"number {VERBOSE}")
SEATS = 200
AT_ONCE = 2
BOOKERS = 25
CHANGES = 2_000
READERS = 180
SLEEPERS = 20
# A sleeper's connection takes this much and no more, so that it soon stops what is sent to it.
SMALL_WINDOW = 4_096
# 2,000 changes of 2 seats, with a kilobyte each, would be 80 MB if they were queued for the
# sleepers, on top of what it takes without: 21 to 32 MB in all were measured.
ROOM_TO_GROW = 60 << 20
DATABASE_CONNECTIONS = 10
# Readers take a folded update a second; the sleepers asked for every change.
EVERY_MS = 1_000
PATIENCE = 20.0

Ask = Callable[..., Awaitable[Any]]


def create_show(served: Served) -> str:
    given = {"name": "Show", "startTime": "2031-05-01T19:30:00Z", "totalSeats": SEATS}
    id_: str = served.data(CREATE, input=given)["createShow"]["id"]
    return id_


def memory(served: Served) -> int:
    """What the server process has in RAM, in bytes."""
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    [resident] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return int(resident) << 10


def open_files(served: Served) -> int:
    return len(list(Path(f"/proc/{served.process.pid}/fd").iterdir()))


@asynccontextmanager
async def subscribed(
    served: Served, show: str, watch: str = WATCH, every_ms: int = 0, **options: Any
) -> AsyncIterator[ClientConnection]:
    """A subscription to a show's seat map of which nothing was read yet."""
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(
        served.socket_url,
        subprotocols=protocols,
        max_size=None,
        ping_interval=None,
        compression=None,
        **options,
    ) as connection:
        await connection.send('{"type":"connection_init"}')
        payload = {"query": watch, "variables": {"id": show, "everyMs": every_ms}}
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield connection


@asynccontextmanager
async def sleeping(served: Served, show: str) -> AsyncIterator[None]:
    """A subscriber who reads nothing at all, not even what says goodbye."""
    host, port = served.address.split(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
    raw.connect((host, int(port)))
    raw.setblocking(False)
    async with subscribed(served, show, WATCH_VERBOSELY, sock=raw) as connection:
        connection.transport.pause_reading()
        try:
            yield
        finally:
            connection.transport.abort()


async def read(connection: ClientConnection, final: asyncio.Event) -> tuple[int, dict[int, str]]:
    """Apply every update until nothing more comes after the last change; returns the map."""
    version, seats = -1, dict[int, str]()
    while True:
        try:
            text = await asyncio.wait_for(connection.recv(), 3 * EVERY_MS / 1_000)
        except TimeoutError:
            if final.is_set():
                return version, seats
            continue
        message = json.loads(text)
        if message["type"] == "next":
            update = message["payload"]["data"]["seatMap"]
            version = update["version"]
            seats |= {seat["number"]: seat["status"][0] for seat in update["seats"]}


async def trade(ask: Ask, show: str, changes: int) -> list[float]:
    """Book and cancel until all changes are made; returns how long each booking took."""
    latencies: list[float] = []

    async def book_and_cancel() -> None:
        for _ in range(changes // 2 // BOOKERS):
            began = time.monotonic()
            given = {"showId": show, "seatCount": AT_ONCE, "userName": "Ada"}
            booking = (await ask(BOOK, input=given))["bookSeats"]
            latencies.append(time.monotonic() - began)
            await ask(CANCEL, id=booking["id"])

    await asyncio.gather(*(book_and_cancel() for _ in range(BOOKERS)))
    return latencies


@asynccontextmanager
async def asking(served: Served) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(timeout=30) as client:

        async def ask(document: str, **variables: Any) -> Any:
            body = {"query": document, "variables": variables}
            answer = (await client.post(served.url, json=body)).json()
            assert "errors" not in answer, answer
            return answer["data"]

        yield ask


def test_subscribers_who_do_not_read_cost_little_and_harm_no_other(served: Served) -> None:
    show = create_show(served)

    async def scenario() -> None:
        final = asyncio.Event()
        async with asking(served) as ask, AsyncExitStack() as subscribers:
            readers = [
                await subscribers.enter_async_context(subscribed(served, show, every_ms=EVERY_MS))
                for _ in range(READERS)
            ]
            reading = [asyncio.create_task(read(reader, final)) for reader in readers]
            undisturbed = await trade(ask, show, CHANGES // 4)
            before = memory(served)
            for _ in range(SLEEPERS):
                await subscribers.enter_async_context(sleeping(served, show))
            disturbed = await trade(ask, show, CHANGES)
            grown = memory(served) - before
            seat_map = (await ask(MAP, id=show))["show"]["seatMap"]
            final.set()
            ends = await asyncio.gather(*reading)
        for version, seats in ends:
            assert version == seat_map["version"]
            assert "".join(seats[number] for number in sorted(seats)) == seat_map["encoded"]
        assert grown < ROOM_TO_GROW
        # Other work on this machine may slow one half; a sleeper would cost SEND_TIMEOUT, 30 s.
        assert median(disturbed) < 2 * median(undisturbed) + 0.1

    asyncio.run(scenario())


def test_subscribers_who_vanish_are_forgotten(served: Served) -> None:
    show = create_show(served)
    before = open_files(served)

    async def come_and_vanish() -> None:
        async with AsyncExitStack() as subscribers:
            connections = [
                await subscribers.enter_async_context(subscribed(served, show)) for _ in range(100)
            ]
            for connection in connections:
                assert json.loads(await connection.recv())["type"] == "connection_ack"
                assert json.loads(await connection.recv())["type"] == "next"
            assert open_files(served) >= before + 100 - DATABASE_CONNECTIONS
            for number, connection in enumerate(connections):
                if number % 2:
                    connection.transport.abort()  # without a word
        async with asking(served) as ask:
            given = {"showId": show, "seatCount": 1, "userName": "Ada"}
            await ask(BOOK, input=given)

    asyncio.run(come_and_vanish())
    deadline = time.monotonic() + PATIENCE
    while open_files(served) > before + DATABASE_CONNECTIONS:
        assert time.monotonic() < deadline, f"{open_files(served)} open, {before} before"
        time.sleep(0.05)
