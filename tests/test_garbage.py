"""What a request leaves in memory: nothing that has to wait for the collector, however it ends."""

import asyncio
import gc
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any
from weakref import ref

import pytest

from access.caller import EVERYBODY
from resolvers.api import schema
from server import garbage
from tests.crowd import run, until
from tests.office import opened
from tests.transport.stage import serving
from transport.connections import connections
from transport.graphql_app import GraphQLApp
from transport.http_protocol import HttpProtocol

LARGE = "x" * 400_000
AFTER = "query ($text: DateTime!) { shows(startsAfter: $text) { edges { cursor } } }"
OF_SHOW = "query ($text: ID) { bookings(showId: $text) { edges { cursor } } }"
SEARCH = "query ($text: String) { shows(search: $text) { edges { cursor } } }"
STATUS = "query ($text: BookingStatus) { bookings(status: $text) { edges { cursor } } }"
INPUT = (
    "mutation ($text: String) { createShow(input: {name: $text, totalSeats: 1, "
    'startTime: "2030-01-01T20:00:00Z"}) { ... on InvalidInput { message } } }'
)


@contextmanager
def uncollected() -> Iterator[list[Any]]:
    """What the collector would find at the end of the block."""
    found: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize(
    "document",
    [AFTER, OF_SHOW, SEARCH, STATUS, INPUT],
    ids=["no time", "no show", "too long", "no status", "no input"],
)
@run
async def test_a_mistake_leaves_no_circle_behind(database_url: str, document: str) -> None:
    async with opened(database_url) as office:
        context = {"office": office, "caller": EVERYBODY}
        await schema.execute(document, {"text": LARGE}, context)  # prepared, and all is imported
        with uncollected() as found:
            await schema.execute(document, {"text": LARGE}, context)
    holders = [one for one in found if any(held is LARGE for held in gc.get_referents(one))]
    assert [type(one).__name__ for one in holders] == []


def test_a_refused_head_leaves_no_way_back_to_what_was_read() -> None:
    """A way leads through frames, which hold the piece that was read, of up to 256 KiB."""
    head = b"GET / HTTP/1.1\r\nhost: a\r\n" + b"a: b\r\n" * 200 + b"\r\n"
    with serving(GraphQLApp(schema), http=HttpProtocol) as address, uncollected() as found:
        host, _, port = address.partition("/")[0].partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(head)
            assert b" 431 " in client.recv(65_536)
        deadline = time.monotonic() + 10
        while connections._open and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [one for one in found if isinstance(one, TracebackType)] == []


class Circle:
    """What only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


@run
async def test_a_circle_that_was_needed_for_long_is_found_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process with little to do never fills the first generation, and collects by itself."""
    monkeypatch.setattr(garbage, "COLLECT_EVERY", timedelta(milliseconds=1))
    threshold = gc.get_threshold()
    collecting = asyncio.create_task(garbage.collect())
    try:
        await until(lambda: gc.get_freeze_count())
        circle: Circle | None = Circle()
        found = ref(circle)
        looks = gc.get_stats()[0]["collections"] + 25
        await until(lambda: gc.get_stats()[0]["collections"] >= looks)
        circle = None
        await asyncio.wait_for(until(lambda: found() is None), 10)
    finally:
        collecting.cancel()
        gc.unfreeze()
        gc.set_threshold(*threshold)
