"""The seam "an operation ended": each is told of once, whichever way it came."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import strawberry
from starlette.types import Receive, Scope, Send
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from execution.schema import Schema
from schema.errors import BadRequest, Forbidden
from telemetry import operations
from telemetry.operations import LONGEST_NAME, MAX_NAMES, OTHER, Names, Running
from tests.transport.stage import serving
from transport.graphql_app import GraphQLApp
from transport.http_protocol import HttpProtocol
from transport.sender import Sender

Told = list[tuple[str, str, str]]
"""Name, type and outcome of each operation that has ended."""


@strawberry.type
class Query:
    @strawberry.field
    def echo(self, text: str = "hello") -> str:
        return text

    @strawberry.field
    def refuse(self) -> str | None:
        raise BadRequest("No such thing.")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def greet(self) -> str:
        return "done"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, up_to: int = 2) -> AsyncGenerator[int, None]:
        for number in range(up_to):
            yield number

    @strawberry.subscription
    async def silence(self) -> AsyncGenerator[int, None]:
        yield 0
        await asyncio.Event().wait()


class Shop(GraphQLApp):
    """Serves all but one."""

    async def make_context(self, sender: Sender) -> dict[str, Any]:
        if sender.authorization == "nobody":
            raise Forbidden("Not you.")
        return {}


class App:
    """As app.py has it, with the short way."""

    def __init__(self) -> None:
        self.graphql = Shop(
            Schema(query=Query, mutation=Mutation, subscription=Subscription),
            graphql_ide="graphiql",
        )
        self.plain_posts = self.graphql.answer_plainly
        self.refuse_plainly = self.graphql.refuse_plainly

    def is_proxy(self, address: str) -> bool:
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.graphql(scope, receive, send)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(App(), http=HttpProtocol, access_log=False) as address:
        yield address


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told: Told = []

    def listen(operation: Running) -> None:
        assert operation.seconds > 0
        told.append((operation.name, operation.type, operation.outcome))

    monkeypatch.setattr(operations, "_listeners", [listen])
    return told


def until_told(told: Told, count: int = 1) -> Told:
    """All that was told: so many, and a moment later no more."""
    deadline = time.monotonic() + 5
    while len(told) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    return told


# Asked alike in all ways.
CASES = [
    ("query Welcome { echo }", ("Welcome", "query", "ok")),
    ("{ again: echo }", ("echo", "query", "ok")),
    ("mutation Greet { greet }", ("Greet", "mutation", "ok")),
    ("query Refused { refuse }", ("Refused", "query", "BAD_REQUEST")),
    ("query NotValid { nothing }", ("unknown", "unknown", "BAD_REQUEST")),
    ("query {", ("unknown", "unknown", "BAD_REQUEST")),
]


@pytest.mark.parametrize(("document", "expected"), CASES)
def test_a_plain_post_is_told_once(
    address: str, told: Told, document: str, expected: tuple[str, str, str]
) -> None:
    httpx.post(f"http://{address}", json={"query": document}, verify=False)
    assert until_told(told) == [expected]


@pytest.mark.parametrize(("document", "expected"), CASES)
def test_what_goes_the_long_way_is_told_once(
    address: str, told: Told, document: str, expected: tuple[str, str, str]
) -> None:
    # A form of JSON that the short way leaves to the long one: its body comes in pieces.
    pieces = iter([json.dumps({"query": document}).encode()])
    head = {"content-type": "application/json"}
    httpx.post(f"http://{address}", content=pieces, headers=head, verify=False)
    assert until_told(told) == [expected]


@pytest.mark.parametrize(("document", "expected"), CASES)
def test_an_operation_on_a_web_socket_is_told_once(
    address: str, told: Told, document: str, expected: tuple[str, str, str]
) -> None:
    subscribe(address, document)
    assert until_told(told) == [expected]


def test_a_subscription_is_told_when_it_ends(address: str, told: Told) -> None:
    subscribe(address, "subscription Count { count }")
    assert until_told(told) == [("Count", "subscription", "ok")]


def test_an_event_stream_is_told_when_it_ends(address: str, told: Told) -> None:
    body = {"query": "subscription Count { count }"}
    accept = {"accept": "text/event-stream"}
    httpx.post(f"http://{address}", json=body, headers=accept, verify=False)
    assert until_told(told) == [("Count", "subscription", "ok")]


def test_who_follows_no_longer_has_got_what_they_asked_for(address: str, told: Told) -> None:
    body = {"query": "subscription Silence { silence }"}
    accept = {"accept": "text/event-stream"}
    with httpx.stream("POST", f"http://{address}", json=body, headers=accept, verify=False) as it:
        lines = it.iter_lines()  # kept: who lets go of it hangs up
        next(lines)
        assert told == []
    assert until_told(told) == [("Silence", "subscription", "ok")]
    with opened(address) as socket:
        socket.send(_subscribe("subscription Silence { silence }"))
        socket.recv()
        socket.send('{"id":"1","type":"complete"}')
        assert until_told(told, 2) == 2 * [("Silence", "subscription", "ok")]


def test_who_is_refused_before_is_told_as_unknown(address: str, told: Told) -> None:
    headers = {"authorization": "nobody"}
    httpx.post(f"http://{address}", json={"query": "{ echo }"}, headers=headers, verify=False)
    httpx.get(f"http://{address}?query={{echo}}", headers=headers, verify=False)
    assert until_told(told, 2) == 2 * [("unknown", "unknown", "FORBIDDEN")]


def test_what_is_no_request_is_told_as_unknown(address: str, told: Told) -> None:
    head = {"content-type": "application/json"}
    httpx.post(f"http://{address}", content=b"[", headers=head, verify=False)
    httpx.put(f"http://{address}", content=b"[", verify=False)
    assert until_told(told, 2) == 2 * [("unknown", "unknown", "BAD_REQUEST")]


def test_the_explorers_page_is_no_operation(address: str, told: Told) -> None:
    httpx.get(f"http://{address}", headers={"accept": "text/html"}, verify=False)
    assert until_told(told, 0) == []


def test_who_is_refused_unheard_is_told(told: Told) -> None:
    App().refuse_plainly("application/json")
    assert told == [("unknown", "unknown", "UNAVAILABLE")]


def test_names_are_so_many_and_no_more() -> None:
    names = Names()
    for number in range(MAX_NAMES):
        assert names.admit(f"Name{number}") == f"Name{number}"
    assert names.admit("OneMore") == OTHER
    assert names.admit("Name7") == "Name7"


def test_a_long_name_is_none_of_those_told_apart() -> None:
    assert Names().admit("a" * (LONGEST_NAME + 1)) == OTHER


@contextmanager
def opened(address: str) -> Iterator[ClientConnection]:
    protocol = Subprotocol("graphql-transport-ws")
    with connect(f"ws://{address}", subprotocols=[protocol]) as socket:
        socket.send('{"type":"connection_init"}')
        assert json.loads(socket.recv())["type"] == "connection_ack"
        yield socket


def subscribe(address: str, document: str) -> None:
    """Ask on a WebSocket, and listen to the end."""
    with opened(address) as socket:
        socket.send(_subscribe(document))
        while json.loads(socket.recv())["type"] not in ("complete", "error"):
            pass


def _subscribe(document: str) -> str:
    return json.dumps({"id": "1", "type": "subscribe", "payload": {"query": document}})
