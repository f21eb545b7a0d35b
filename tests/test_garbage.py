"""What a request leaves in memory: nothing that has to wait for the collector, however it ends."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from access.caller import EVERYBODY
from resolvers.api import schema
from tests.crowd import run
from tests.office import opened

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
