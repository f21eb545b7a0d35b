"""What a document may ask for: everything usual passes, and what is too much is refused early."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from execution import limits
from resolvers.api import schema
from schema import ids
from tests.crowd import run
from tests.serving import Served, serve
from tests.stand_in import StandIn

SHOW = ids.show_id(1)
WHOLE_MAP = "seatMap { version seats { number row label status } encoded }"
BOOK = f'bookSeats(input: {{showId: "{SHOW}", seatCount: 1, userName: "A"}}) {{ __typename }}'
INTROSPECTED = "fields { type { " * 4 + "name" + " } }" * 4


def nested(levels: int) -> str:
    return "{ booking(id: 1) " + "{ a " * levels + "}" * (levels + 1)


def multiplied(levels: int) -> str:
    fragments = " ".join(
        f"fragment F{at} on Show {{ ...F{at + 1} ...F{at + 1} }}" for at in range(levels)
    )
    return f"{{ show(id: 1) {{ ...F0 }} }} {fragments} fragment F{levels} on Show {{ id name }}"


TOO_MUCH: dict[str, tuple[str, str]] = {
    "depth": (nested(20), "depth"),
    "depth without an end": ("{ a " * 490 + "}" * 490, "depth"),
    "tokens": ("{ " + "id " * 2_000 + "}", "tokens"),
    "characters": ("{ id }" + " " * 200_000, "characters"),
    "a long comment": ("#" + "x" * 200_000 + "\n{ id }", "characters"),
    "aliases": ("{ " + " ".join(f"a{n}: __typename" for n in range(60)) + " }", "rootFields"),
    "aliases below": (
        "{ show(id: 1) { " + " ".join(f"a{n}: name" for n in range(60)) + " } }",
        "aliases",
    ),
    "a long alias": (f"{{ show(id: 1) {{ {'a' * 1_000}: name }} }}", "aliasLength"),
    "bookings": (
        "mutation { " + " ".join(f"b{n}: {BOOK}" for n in range(21)) + " }",
        "rootFields",
    ),
    "directives": ("{ __typename " + "@skip(if: false) " * 60 + "}", "directives"),
    "directives of the operation": ("query " + "@a " * 60 + "{ __typename }", "directives"),
    "directives of variables": ("query ($a: Int " + "@a " * 60 + ") { __typename }", "directives"),
    "operations": (" ".join(f"query Q{n} {{ __typename }}" for n in range(30)), "operations"),
    "variables": (
        "query (" + " ".join(f"$v{n}: Int" for n in range(60)) + ") { __typename }",
        "variables",
    ),
    "fragments": (
        "{ __typename } " + " ".join(f"fragment F{n} on Show {{ id }}" for n in range(40)),
        "fragments",
    ),
    "spreads": ("{ " + "...F " * 70 + "} fragment F on Query { __typename }", "rootFields"),
    "spreads below": (
        "{ show(id: 1) { " + "...F " * 70 + "} } fragment F on Show { id }",
        "spreads",
    ),
    "a fragment in itself": ("{ ...F } fragment F on Query { ...F }", "depth"),
    "fragments in each other": (
        "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
        "depth",
    ),
    "a fragment in itself that nobody spreads": (
        "{ __typename } fragment F on Query { ...F }",
        "depth",
    ),
    "fragments that multiply": (multiplied(12), "fields"),
    "fields of one name": ("{ show(id: 1) { " + "name " * 70 + "} }", "namesakes"),
    "whole maps of a page": (f"{{ shows {{ edges {{ node {{ {WHOLE_MAP} }} }} }} }}", "cost"),
    "pages of bookings' maps": (
        f"{{ bookings(first: 100) {{ edges {{ node {{ show {{ {WHOLE_MAP} }} }} }} }} }}",
        "cost",
    ),
    "a page by variable's default": (
        "query ($n: Int=99) {shows(first: $n) { edges { node { seatMap { seats { row } } } } } }",
        "cost",
    ),
    "introspection in circles": (
        "{ __schema { types { " + INTROSPECTED + " } } }",
        "introspection",
    ),
}

USUAL = [
    get_introspection_query(),
    get_introspection_query(descriptions=True, input_value_deprecation=True),
    f"{{ show(id: 1) {{ id name {WHOLE_MAP} }} }}",
    "{ shows(first: 100) { edges { cursor node { id name startTime totalSeats availableSeats "
    "pendingSeats confirmedSeats holdSeconds } } pageInfo { endCursor hasNextPage } } }",
    "{ bookings(first: 100) { edges { node { id userName status show { id name } } } } }",
    "{ shows(first: 5) { edges { node { seatMap { seats { number status } } } } } }",
    "mutation { " + " ".join(f"b{n}: {BOOK}" for n in range(20)) + " }",
    "subscription { seatMap(showId: 1) { version snapshot seats { number row label status } } }",
]


def execute(text: str, **variables: Any) -> Any:
    context = StandIn(seed=1, faults=0).context
    return asyncio.run(schema.execute(text, variables, context))


def stream(text: str, **variables: Any) -> Any:
    """The first answer of a stream."""

    async def first() -> Any:
        context = StandIn(seed=1, faults=0).context
        return await anext(await schema.stream(text, variables, context))

    return asyncio.run(first())


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_is_too_much_is_refused_with_its_limit(what: str) -> None:
    text, limit = TOO_MUCH[what]
    result = execute(text)
    [error] = result.errors
    assert error.extensions["code"] == "BAD_REQUEST"
    assert error.extensions["limit"]["name"] == limit


@pytest.mark.parametrize("text", USUAL)
def test_what_is_usual_passes(text: str) -> None:
    document = limits.read(text)
    limits.check(document)
    operation = schema._operations.add(text, None, document)
    assert operation
    operation.check_cost({}, schema._sizes)


@pytest.mark.parametrize(("first", "refused"), [(5, False), (100, True), (2**31, False)])
def test_a_page_by_variable_costs_what_it_has(first: int, refused: bool) -> None:
    text = (
        "query ($n: Int) { shows(first: $n) { edges { node { seatMap { seats { number } } } } } }"
    )
    for _ in range(2):  # prepared, and known
        errors = execute(text, n=first).errors or []
        assert any("limit" in error.extensions for error in errors) == refused


def test_the_bounds_are_what_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "check", lambda *_: None)
    text, _ = TOO_MUCH["a long alias"]
    assert not execute(text).errors


def test_introspection_can_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "introspection", False)
    texts = (
        '{ __type(name: "A") { kind } }',
        "{ ...F } fragment F on Query { __schema { __typename } }",
    )
    for text in texts:
        [error] = execute(text).errors
        assert (error.message, error.extensions["code"]) == ("Introspection is off.", "BAD_REQUEST")
    assert execute("{ __typename }").data == {"__typename": "Query"}


MISSPELT: list[tuple[str, dict[str, Any]]] = [
    ("{ show(id: 1) { nam } }", {}),
    ("{ show(idd: 1) { id } }", {}),
    ("{ node(id: 1) { totalSeats } }", {}),
    ("{ bookings(status: PENDIN) { edges { cursor } } }", {}),
    ("{ __typename ... on Quer { __typename } }", {}),
    ("{ __typename @skp(if: true) }", {}),
    ("query ($a: Strin) { __typename }", {}),
    (f"mutation {{ {BOOK.replace('seatCount', 'seatCoun')} }}", {}),
    (f"mutation {{ {BOOK.replace('{ __typename }', '{ message }')} }}", {}),
    ("mutation ($a: BookSeatsInput!) { bookSeats(input: $a) { __typename } }", {"a": {"shwId": 1}}),
    ("query ($a: BookingStatus) { bookings(status: $a) { edges { cursor } } }", {"a": "PENDIN"}),
    ("query ($a: BookingStatus = PENDIN) { bookings(status: $a) { edges { cursor } } }", {}),
]


@pytest.mark.parametrize(("text", "variables"), MISSPELT)
def test_without_introspection_nothing_of_the_schema_is_suggested(
    monkeypatch: pytest.MonkeyPatch, text: str, variables: dict[str, Any]
) -> None:
    for introspection in (True, False):
        monkeypatch.setattr(schema, "introspection", introspection)
        for result in (execute(text, **variables), stream(text, **variables)):
            told = " ".join(error.message for error in result.errors)
            assert told
            assert introspection or "Did you mean" not in told
            assert not introspection or "Did you mean" in told or "skp" in text


def test_a_server_without_introspection_shows_no_explorer(database_url: str) -> None:
    with serve(database_url, INTROSPECTION="false") as server:
        answer = server.ask("{ __schema { types { name } } }")
        assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert server.data("{ __typename }") == {"__typename": "Query"}
        page = httpx.get(server.url, headers={"accept": "text/html"}, verify=False)
        assert "graphiql" not in page.text.lower()
        told = server.ask("{ show(id: 1) { nam } }")["errors"][0]["message"]
        assert told == "Cannot query field 'nam' on type 'Show'."


@pytest.mark.parametrize("what", ["depth", "a long alias", "whole maps of a page"])
@run
async def test_every_way_has_the_bounds(served: Served, what: str) -> None:
    text, name = TOO_MUCH[what]
    limit = {"name": name, "max": getattr(limits, BOUNDS[name])}
    plain = served.ask(text)
    async with httpx.AsyncClient(verify=False) as client:
        by_get = (await client.get(served.url, params={"query": text})).json()
        accept = {"accept": "text/event-stream"}
        stream = (await client.post(served.url, json={"query": text}, headers=accept)).text
    event = json.loads(next(line for line in stream.splitlines() if line.startswith("data: {"))[6:])
    async with connect(served.socket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as ws:
        await ws.send('{"type": "connection_init"}')
        await ws.recv()
        await ws.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": text}}))
        message = json.loads(await ws.recv())
    told = [a["errors"] for a in (plain, by_get, event)] + [message["payload"]]
    for [error] in told:
        assert error["extensions"] == {"code": "BAD_REQUEST", "limit": limit}


BOUNDS = {"depth": "MAX_DEPTH", "aliasLength": "MAX_ALIAS_LENGTH", "cost": "MAX_COST"}
