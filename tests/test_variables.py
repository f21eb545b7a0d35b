"""What variables may ask for: whatever they are, a client is told so, soon and in words."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from execution.variables import (
    MAX_VARIABLE_DEPTH,
    MAX_VARIABLE_KEYS,
    MAX_VARIABLE_LIST,
    MAX_VARIABLE_TEXT,
    MAX_VARIABLE_VALUES,
)
from resolvers.api import schema
from tests.crowd import run
from tests.serving import Served
from tests.stand_in import KNOWN_IDS, StandIn
from tests.test_bad_input import BOOK, BOOKINGS, CREATE, NODE, SEAT_MAP, SHOWS
from tests.test_trusted_documents import ask

LONGEST = 0.050
TRIES = 5


def booking(**changes: Any) -> dict[str, Any]:
    return {"input": {"showId": KNOWN_IDS[0], "userName": "Ada", "seatNumbers": [1], **changes}}


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


SEATS = [1] * MAX_VARIABLE_LIST
TOO_MUCH: dict[str, tuple[str, dict[str, Any], str]] = {
    "depth": (NODE, {"id": nested(MAX_VARIABLE_DEPTH + 1)}, "variableDepth"),
    "depth without an end": (NODE, {"id": nested(1_000)}, "variableDepth"),
    "depth of an input": (BOOK, booking(seatNumbers=nested(20)), "variableDepth"),
    "depth of what nobody asked for": ("{ __typename }", {"a": nested(500)}, "variableDepth"),
    "keys": (BOOK, booking(**{f"a{n}": n for n in range(10_000)}), "variableKeys"),
    "variables": (NODE, {"id": "1", **{f"a{n}": n for n in range(10_000)}}, "variables"),
    "lists": (BOOK, booking(seatNumbers=[[]] * 200_000), "variableList"),
    "a list": (BOOK, booking(seatNumbers=[1] * 480_000), "variableList"),
    "many seats and a mistake": (BOOK, booking(seatNumbers=[*SEATS[1:], "a"]), "variableValues"),
    "many mistakes": (BOOK, booking(seatNumbers=["a"] * 50_000), "variableValues"),
    "a text and a mistake": (BOOKINGS, {"status": "x" * 900_000}, "variableText"),
    "a list of lists": (NODE, {"id": [[1] * 10] * 10_000}, "variableValues"),
}
BOUNDS = {
    "variableDepth": MAX_VARIABLE_DEPTH,
    "variableKeys": MAX_VARIABLE_KEYS,
    "variableList": MAX_VARIABLE_LIST,
    "variableText": MAX_VARIABLE_TEXT,
    "variableValues": MAX_VARIABLE_VALUES,
    "variables": 50,
}
PASS: dict[str, tuple[str, dict[str, Any]]] = {
    "all seats of a hall": (BOOK, booking(seatNumbers=SEATS)),
    "a variable that nobody asked for": (NODE, {"id": "1", "a": {"b": [1]}}),
}


def execute(text: str, variables: dict[str, Any]) -> tuple[Any, float]:
    """The answer and the least CPU that it took."""
    shortest = float("inf")
    for _ in range(TRIES):
        context = StandIn(seed=1, faults=0).context
        began = time.thread_time()
        result = asyncio.run(schema.execute(text, variables, context))
        shortest = min(shortest, time.thread_time() - began)
        if shortest < LONGEST:
            break
    return result, shortest


@pytest.mark.parametrize("what", TOO_MUCH)
def test_variables_that_are_too_much_are_refused_soon(what: str) -> None:
    text, variables, limit = TOO_MUCH[what]
    result, took = execute(text, variables)
    [error] = result.errors
    assert error.extensions == {
        "code": "BAD_REQUEST",
        "limit": {"name": limit, "max": BOUNDS[limit]},
    }
    assert took < LONGEST


@pytest.mark.parametrize("what", PASS)
def test_variables_as_they_should_be_pass(what: str) -> None:
    text, variables = PASS[what]
    result, took = execute(text, variables)
    assert not result.errors
    assert took < LONGEST


@pytest.mark.parametrize("way", ["short way", "long way", "event stream", "WebSocket"])
@pytest.mark.parametrize("what", ["keys", "many mistakes", "depth"])
@run
async def test_every_way_refuses_them(served: Served, way: str, what: str) -> None:
    text, variables, limit = TOO_MUCH[what]
    answer = await ask(served, way, query=text, variables=variables)
    [error] = answer["errors"]
    assert error["extensions"]["limit"] == {"name": limit, "max": BOUNDS[limit]}


# As JSON, since Python would not write some of them.
STRANGE = [
    '{"__proto__": {"admin": true}}',
    '{"constructor": {"prototype": 1}}',
    '{"": 1}',
    '"\\u0000"',
    '"\\uD83D\\uDE00"',
    "null",
    "true",
    "{}",
    "[]",
    "[null]",
    "[[[1]]]",
    "1e308",
    "-0.0",
    "0.1",
    "2147483648",
    "18446744073709551616",
    "1" + "0" * 300,
    '"Infinity"',
    '{"a": 1, "a": 2}',
    '"' + "x" * 100_000 + '"',
]
NO_JSON = [
    '"\\uD800"',
    '"\\uDE00\\uD83D"',
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "1" + "0" * 400,
    "01",
    "0x1",
    "'a'",
    "undefined",
    "[1,]",
    "[" * 2_000 + "]" * 2_000,
]
PLACES = [
    (NODE, '{"id": @}'),
    (CREATE, '{"input": @}'),
    (CREATE, '{"input": {"name": @, "startTime": "2031-05-01T19:30:00Z", "totalSeats": 0}}'),
    (CREATE, '{"input": {"name": "", "startTime": @, "totalSeats": 10}}'),
    (CREATE, '{"input": {"name": "", "startTime": "2031-05-01T19:30:00Z", "totalSeats": @}}'),
    (BOOK, '{"input": {"showId": "1", "userName": "Ada", "seatNumbers": @}}'),
    (BOOK, '{"input": {"showId": @, "userName": "Ada", "seatNumbers": [1]}}'),
    (SHOWS, '{"first": @}'),
    (SHOWS, '{"startsAfter": @}'),
    (BOOKINGS, '{"status": @}'),
    (SEAT_MAP, '{"id": @}'),
    (NODE, "@"),
]


@pytest.mark.parametrize("value", [*STRANGE, *NO_JSON])
@pytest.mark.parametrize("place", PLACES)
def test_whatever_is_sent_is_told_clearly_and_alike(
    served: Served, place: tuple[str, str], value: str, client: httpx.Client
) -> None:
    text, variables = json.dumps(place[0]), place[1].replace("@", value)
    body = f'{{"query": {text}, "variables": {variables}}}'
    headers = {"content-type": "application/json"}
    plain = client.post(served.url, content=body, headers=headers)
    headers["accept"] = "text/event-stream"
    stream = client.post(served.url, content=body, headers=headers).text
    assert "INTERNAL" not in plain.text + stream
    assert plain.status_code == 400 or value not in NO_JSON
    if place[0] == SEAT_MAP:
        assert plain.status_code == 400  # it is for streams
    elif plain.status_code == 400:
        assert plain.text == stream
        assert plain.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    else:
        event = next(line for line in stream.splitlines() if line.startswith("data: {"))
        assert json.loads(event[6:]) == plain.json()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One for all: their number is large."""
    with httpx.Client(verify=False) as client:
        yield client
