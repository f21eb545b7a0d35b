"""The examples of the API give the answers that stand beside them, and leave no field out."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from graphql import build_schema, validate
from graphql import parse as parse_document

from docs.examples import Example, read_examples, types_in
from resolvers.api import sdl
from tests.serving import Served, serve

SCHEMA = build_schema(sdl())
EXAMPLES = read_examples()
# What differs each time: times that are not ours to choose, and what the sweep may have done first.
CHANGING = {
    "changedAt",
    "createdAt",
    "expiresAt",
    "confirmedAt",
    "expiredAt",
    "expiredBookings",
    "releasedSeats",
}
# Ids and cursors that are not guessable begin like this: the base64 of "Booking".
NOT_GUESSABLE = "Qm9va2luZ"


class Told:
    """What stands in the examples, held against what a server says; ids that differ are paired."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}

    def translated(self, shown: Any) -> Any:
        """Variables with the server's ids in the place of those that are shown."""
        if isinstance(shown, dict):
            return {name: self.translated(value) for name, value in shown.items()}
        return self.given.get(shown, shown) if isinstance(shown, str) else shown

    def agrees(self, shown: Any, given: Any, name: str = "") -> bool:
        """Whether an answer is the one that is shown."""
        if isinstance(shown, dict) and isinstance(given, dict):
            return shown.keys() == given.keys() and all(
                self.agrees(value, given[key], key) for key, value in shown.items()
            )
        if isinstance(shown, list) and isinstance(given, list):
            return len(shown) == len(given) and all(map(self.agrees, shown, given))
        if name in CHANGING:
            return type(shown) is type(given)
        if isinstance(shown, str) and shown.startswith(NOT_GUESSABLE):
            return len(shown) == len(given) and self.given.setdefault(shown, given) == given
        return bool(shown == given)


def ask(served: Served, example: Example, variables: dict[str, Any]) -> list[Any]:
    """As many answers as the example shows."""
    if example.operation.operation.value != "subscription":
        return [served.ask(example.document, **variables)]
    return list(_watch(served, example, variables))


def _watch(served: Served, example: Example, variables: dict[str, Any]) -> Iterator[Any]:
    body = {"query": example.document, "variables": variables}
    headers = {"accept": "text/event-stream"}
    missing = len(example.answers)
    with httpx.stream("POST", served.url, json=body, headers=headers, timeout=10) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))
                missing -= 1
                if not missing:
                    return


def lapse_all(url: str) -> None:
    """Travel in time: all holds have ended a moment ago."""
    with psycopg.connect(url) as conn:
        conn.execute("UPDATE bookings SET expires_at = clock_timestamp() WHERE status = 'PENDING'")


def test_examples_give_the_answers_shown(database_url: str) -> None:
    told = Told()
    with serve(database_url) as server:
        for example in EXAMPLES:
            if example.lapsed:
                lapse_all(database_url)
            given = ask(server, example, told.translated(example.variables))
            assert told.agrees(example.answers, given), (example.name, given)


def test_every_root_field_has_an_example() -> None:
    roots = (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    fields = {f"{root.name}.{field}" for root in roots if root for field in root.fields}
    assert fields == {field for example in EXAMPLES for field in example.fields}


def test_every_type_is_met_in_an_example() -> None:
    met = set().union(*(types_in(SCHEMA, example) for example in EXAMPLES))
    assert {name for name in SCHEMA.type_map if not name.startswith("__")} <= met


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example_is_valid_and_is_named(example: Example) -> None:
    assert validate(SCHEMA, parse_document(example.document)) == []
    assert example.title
    assert example.answers


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ({"status": "PENDING"}, {"status": "FAILED"}),
        ({"status": "PENDING"}, {"status": "PENDING", "id": "1"}),
        ({"seats": [{"number": 1}]}, {"seats": []}),
        ({"expiresAt": "2030-01-01T20:00:00Z"}, {"expiresAt": None}),
        ([NOT_GUESSABLE + "A", NOT_GUESSABLE + "A"], [NOT_GUESSABLE + "B", NOT_GUESSABLE + "C"]),
    ],
)
def test_an_answer_that_differs_is_noticed(shown: Any, given: Any) -> None:
    assert not Told().agrees(shown, given)
    assert Told().agrees(given, given)
