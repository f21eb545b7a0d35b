"""Restarts under load: who asks twice notices nothing, and who watches misses nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.crowd import Booker, run, until
from tests.serving import Served, serve

pytestmark = pytest.mark.any_postgres

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
MAP = "query ($id: ID!) { show(id: $id) { seatMap { version encoded } } }"
WATCH = """
    subscription ($id: ID!, $since: Int) {
        seatMap(showId: $id, sinceVersion: $since) { version snapshot seats { number status } }
    }
"""
SEATS = 20_000
BOOKERS = 12
# Codes on which clients connect again; 1006 is a line that broke without one.
COME_AGAIN = {1001, 1006, 1012, 1013}


@dataclass
class Watcher:
    """Follows a show's map, over as many connections as it takes."""

    addresses: list[str]
    show_id: str
    version: int = -1
    letters: dict[int, str] = field(default_factory=dict)
    codes: list[int | None] = field(default_factory=list)
    snapshots: int = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow(self.addresses[0])
            except (ConnectionClosed, OSError, InvalidHandshake) as lost:
                if isinstance(lost, ConnectionClosed):
                    self.codes.append(lost.rcvd.code if lost.rcvd else 1006)
                self.addresses.append(self.addresses.pop(0))
                await asyncio.sleep(0)

    def seen(self) -> set[int]:
        """The seats that are held, as far as it knows."""
        return {number for number, letter in self.letters.items() if letter == "P"}

    async def _follow(self, address: str) -> None:
        url, protocols = f"ws://{address}/graphql", [Subprotocol("graphql-transport-ws")]
        async with connect(url, subprotocols=protocols, max_size=None) as ws:
            await ws.send('{"type": "connection_init"}')
            await ws.recv()
            since = self.version if self.version >= 0 else None
            payload = {"query": WATCH, "variables": {"id": self.show_id, "since": since}}
            subscribe = {"id": "1", "type": "subscribe", "payload": payload}
            await ws.send(orjson.dumps(subscribe).decode())
            async for message in ws:
                self._take(orjson.loads(message)["payload"]["data"]["seatMap"])

    def _take(self, update: dict[str, Any]) -> None:
        assert update["version"] >= self.version
        self.snapshots += update["snapshot"]
        self.version = update["version"]
        self.letters |= {seat["number"]: seat["status"][0] for seat in update["seats"]}


@dataclass
class Sale:
    """A show, and who is at it."""

    show_id: str
    bookers: list[Booker]
    watcher: Watcher

    async def goes_on(self) -> None:
        """Wait until everybody has booked some more."""
        aims = [len(booker.booked) + 5 for booker in self.bookers]

        def reached() -> bool:
            assert not self.failures
            booked = (len(booker.booked) for booker in self.bookers)
            return all(done >= aim for done, aim in zip(booked, aims, strict=True))

        await until(reached)

    @property
    def failures(self) -> list[Any]:
        return [failure for booker in self.bookers for failure in booker.failures]


@asynccontextmanager
async def sale(server: Served, *addresses: str) -> AsyncIterator[Sale]:
    """Let many book and one watch; holds what they saw against the record at the end."""
    given = {"name": "Run", "startTime": "2031-05-01T19:30:00Z", "totalSeats": SEATS}
    show_id, seats = server.data(CREATE, input=given)["createShow"]["id"], count(1)
    doors = [list(addresses), list(addresses[::-1])]
    bookers = [
        Booker([*doors[number % 2]], show_id, lambda: next(seats), f"booker {number}")
        for number in range(BOOKERS)
    ]
    going = Sale(show_id, bookers, Watcher([*addresses], show_id))
    watching = asyncio.create_task(going.watcher.run())
    booking = [asyncio.create_task(booker.run()) for booker in bookers]
    await going.goes_on()
    try:
        yield going
    finally:
        for booker in bookers:
            booker.stopping = True
        await asyncio.gather(*booking)
    booked = {seat for booker in bookers for seat in booker.booked}
    await until(lambda: watching.done() or booked <= going.watcher.seen())
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


def assert_nobody_noticed(going: Sale, url: str) -> None:
    assert not going.failures
    assert set(going.watcher.codes) <= COME_AGAIN
    assert going.watcher.snapshots == 1, "it had to begin anew"
    with psycopg.connect(url) as conn:
        taken = {number for (number,) in conn.execute("SELECT number FROM taken_seats")}
        [(version, steps)] = conn.execute(
            "SELECT (SELECT version FROM shows), (SELECT count(*) FROM changes)"
        )
    assert going.watcher.seen() == taken
    assert going.watcher.version == version == steps


def workers(server: Served) -> list[int]:
    pid = server.process.pid
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(p) for p in pids if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def open_files(pid: int) -> int:
    """How many it has, which goes by its connections."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.fixture
def two_workers(database_url: str) -> Iterator[Served]:
    """A server with two processes behind one socket."""
    with serve(database_url, WEB_CONCURRENCY="2") as server:
        yield server


@run
async def test_workers_are_replaced_one_by_one_and_nobody_notices(
    two_workers: Served, database_url: str
) -> None:
    address = two_workers.address
    async with sale(two_workers, address, address) as going:
        before, fewest = set(workers(two_workers)), 2

        def replaced() -> bool:
            nonlocal fewest
            now = set(workers(two_workers))
            fewest = min(fewest, len(now))
            return len(now) == 2 and not now & before

        two_workers.process.send_signal(signal.SIGUSR1)
        await until(replaced)
        assert fewest == 2
        await going.goes_on()
    assert set(going.watcher.codes) == {1012}
    assert_nobody_noticed(going, database_url)


@run
async def test_a_worker_that_is_killed_is_replaced_and_nobody_notices(
    two_workers: Served, database_url: str
) -> None:
    address = two_workers.address
    async with sale(two_workers, address, address) as going:
        other, killed = sorted(workers(two_workers), key=open_files)
        os.kill(killed, signal.SIGKILL)
        await until(lambda: len(now := workers(two_workers)) == 2 and killed not in now)
        assert other in workers(two_workers)
        await going.goes_on()
    assert sum(booker.retried for booker in going.bookers) > 0
    assert_nobody_noticed(going, database_url)


@run
async def test_two_servers_are_restarted_one_after_the_other_and_nobody_notices(
    database_url: str,
) -> None:
    with ExitStack() as servers:
        first, second = (servers.enter_context(serve(database_url)) for _ in range(2))
        async with sale(first, first.address, second.address) as going:
            for server in (first, second):
                server.process.terminate()
                await asyncio.to_thread(server.process.wait)
                await going.goes_on()
                port = server.address.rpartition(":")[2]
                successor = serve(database_url, PORT=port)
                await asyncio.to_thread(servers.enter_context, successor)
                await going.goes_on()
        assert_nobody_noticed(going, database_url)
