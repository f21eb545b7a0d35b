"""Operations over WebSockets."""

import asyncio
import json
import threading
from collections.abc import (
    AsyncIterator,
    Coroutine,
    Iterable,
)
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import strawberry
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from execution.schema import Schema
from tests.transport.stage import (
    DEEP,
    Piece,
    Pieces,
    Query,
    Subscription,
    assert_throttled,
    feed,
    serving,
    until,
)
from transport import graphql_app, stalls
from transport.bodies import MAX_BODY_BYTES
from transport.graphql_app import GraphQLApp
from transport.socket_protocol import WORTH_COPYING, SocketProtocol
from transport.web_socket import MAX_OPERATIONS_PER_SOCKET

PROTOCOL = Subprotocol("graphql-transport-ws")


def run(conversation: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(conversation, timeout=10))


@asynccontextmanager
async def opened(address: str, **settings: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{address}", subprotocols=[PROTOCOL], **settings) as ws:
        yield ws


@asynccontextmanager
async def greeted(address: str, **settings: Any) -> AsyncIterator[ClientConnection]:
    async with opened(address, **settings) as ws:
        await tell(ws, type="connection_init")
        assert await hear(ws) == {"type": "connection_ack"}
        yield ws


async def tell(ws: ClientConnection, **message: Any) -> None:
    await ws.send(json.dumps(message))


async def subscribe(ws: ClientConnection, query: str, name: str = "1", **more: Any) -> None:
    await tell(ws, type="subscribe", id=name, payload={"query": query, **more})


async def hear(ws: ClientConnection) -> Any:
    text = await ws.recv()
    assert isinstance(text, str), "binary frames end a client's connection"
    return json.loads(text)


async def closed_with(ws: ClientConnection) -> int:
    with suppress(ConnectionClosed):
        async for _ in ws:
            pass
    assert ws.close_code is not None
    return ws.close_code


def test_a_subscription_over_websocket(address: str) -> None:
    async def conversation() -> None:
        async with greeted(address) as ws:
            await subscribe(ws, "subscription { count(upTo: 1) }")
            next_message = {"type": "next", "id": "1", "payload": {"data": {"count": 0}}}
            assert await hear(ws) == next_message
            assert await hear(ws) == {"type": "complete", "id": "1"}
            assert feed.closed == 1

    run(conversation())


@pytest.mark.parametrize(
    ("protocol", "compressing"),
    [(SocketProtocol, False), (SocketProtocol, True), ("websockets-sansio", False)],
)
def test_a_message_of_any_length_arrives_whole(protocol: Any, compressing: bool) -> None:
    sizes = [0, *range(10, 40), 1_300, WORTH_COPYING, 21_800, 21_850, 100_000]

    async def conversation(address: str) -> None:
        async with greeted(address, max_size=None) as ws:
            query = "subscription ($sizes: [Int!]!) { grow(sizes: $sizes) }"
            await subscribe(ws, query, name='"\u20ac', variables={"sizes": sizes})
            for size in sizes:
                message = {"data": {"grow": "\u20ac" * size}}
                assert await hear(ws) == {"id": '"\u20ac', "type": "next", "payload": message}
            assert (await hear(ws))["type"] == "complete"

    schema = Schema(query=Query, subscription=Subscription)
    with serving(GraphQLApp(schema), protocol, compressing) as address:
        run(conversation(address))


def test_what_is_pushed_is_answered_once_for_all_and_in_order(address: str) -> None:
    Pieces.made = [Piece(number=number) for number in range(6)]

    async def follow() -> None:
        async with greeted(address) as ws:
            await subscribe(ws, "subscription { share { number half } }")
            for number in range(1, 6):
                payload = (await hear(ws))["payload"]
                if number == 3:
                    (error,) = payload["errors"]
                    assert error["extensions"] == {"code": "BAD_REQUEST"}
                else:
                    assert payload == {"data": {"share": {"number": number, "half": number / 2}}}
            assert (await hear(ws))["type"] == "complete"

    async def conversation() -> None:
        await follow()
        answered = feed.yields
        await asyncio.gather(*(follow() for _ in range(5)))
        # Only what failed is tried again: by the push, and by whoever then iterates to it.
        assert answered == 6
        assert feed.yields == answered + 5 * 2
        assert feed.closed == 6

    run(conversation())


class Wire:
    """A transport that takes note of what it is given."""

    def __init__(self) -> None:
        self.given: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.given.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.given += parts

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.given))


def test_a_large_message_is_not_copied_for_each_client() -> None:
    async def story() -> None:
        protocol = SocketProtocol(uvicorn.Config(Query), uvicorn.server.ServerState(), {})
        wire = Wire()
        protocol.transport = wire  # type: ignore[assignment]
        shared = b"x" * WORTH_COPYING
        assert protocol.write_text(b"{", shared, b"}")
        assert any(part is shared for part in wire.given)
        protocol.pause_writing()
        assert not protocol.write_text(b"{}"), "who does not read is not sent more"
        protocol.resume_writing()
        wire.closing = True
        assert not protocol.write_text(b"{}")
        assert len(wire.given) == 4

    asyncio.run(story())


@pytest.mark.parametrize("protocol", ["graphql-ws", "nonsense", None])
def test_another_protocol_is_refused(address: str, protocol: str | None) -> None:
    async def conversation() -> None:
        subprotocols = [Subprotocol(protocol)] if protocol else None
        async with connect(f"ws://{address}", subprotocols=subprotocols) as ws:
            assert await closed_with(ws) == 4406

    run(conversation())


BAD_MESSAGES: list[tuple[str | bytes, int]] = [
    ("", 4400),
    ("{", 4400),
    ("[]", 4400),
    ("1", 4400),
    ("null", 4400),
    ('"\\ud800"', 4400),
    (b"{}", 4400),
    ("[" * 10_000 + "]" * 10_000, 4400),
    ("{}", 4400),
    ('{"type":1}', 4400),
    ('{"type":["subscribe"]}', 4400),
    ('{"type":"' + "x" * 500 + '"}', 4400),
    ('{"type":"' + "\u20ac" * 500 + '"}', 4400),
    ('{"type":"subscribe"}', 4400),
    ('{"type":"subscribe","id":1,"payload":{"query":"{echo}"}}', 4400),
    ('{"type":"subscribe","id":"1"}', 4400),
    ('{"type":"subscribe","id":"1","payload":[]}', 4400),
    ('{"type":"subscribe","id":"1","payload":{}}', 4400),
    ('{"type":"subscribe","id":"1","payload":{"query":1}}', 4400),
    ('{"type":"subscribe","id":"1","payload":{"query":"{echo}","variables":[]}}', 4400),
    ('{"type":"subscribe","id":"1","payload":{"query":"{echo}","operationName":1}}', 4400),
    ('{"type":"subscribe","id":"1","payload":{"query":"{echo}","extensions":1}}', 4400),
    ('{"type":"complete","id":[]}', 4400),
    ('{"type":"connection_init"}', 4429),
    (" " * (MAX_BODY_BYTES + 1), 1009),
]


@pytest.mark.parametrize(("message", "code"), BAD_MESSAGES)
def test_a_bad_message_ends_the_connection(address: str, message: str | bytes, code: int) -> None:
    async def conversation() -> None:
        async with greeted(address) as ws:
            await ws.send(message)
            assert await closed_with(ws) == code

    run(conversation())


def test_what_a_bad_greeting_is_answered(address: str) -> None:
    async def conversation() -> None:
        async with opened(address) as ws:
            await tell(ws, type="connection_init", payload=[])
            assert await closed_with(ws) == 4400
        async with opened(address) as ws:
            await subscribe(ws, "{ echo }")
            assert await closed_with(ws) == 4401
        async with greeted(address) as ws:
            await subscribe(ws, "subscription { silence }", name="x" * 500)
            await subscribe(ws, "subscription { silence }", name="x" * 500)
            assert await closed_with(ws) == 4409

    run(conversation())


def test_a_client_that_never_greets_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphql_app, "INIT_TIMEOUT", timedelta(seconds=0.1))

    async def conversation(address: str) -> None:
        async with opened(address) as ws:
            assert await closed_with(ws) == 4408

    with serving(GraphQLApp(Schema(query=Query))) as address:
        run(conversation(address))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_REQUEST"),
        ("", "BAD_REQUEST"),
        ("{ nonsense }", "BAD_REQUEST"),
        ("query A { echo } fragment F on Query { echo }", "BAD_REQUEST"),
        ('subscription { fail(kind: "unavailable") }', "UNAVAILABLE"),
        ('subscription { fail(kind: "unavailable", after: 1) }', "UNAVAILABLE"),
        ("{ echo(number: 99999999999) }", "BAD_REQUEST"),
        ("query ($x: Int!) { echo(number: $x) }", "BAD_REQUEST"),
        ("subscription ($x: Int!) { count(upTo: $x) }", "BAD_REQUEST"),
        ('{ fail(kind: "refused") }', "BAD_REQUEST"),
        (DEEP, "BAD_REQUEST"),
        ("{ again" * 250 + "{ echo }" + "}" * 250, "BAD_REQUEST"),
        ("query A { echo } query B { echo }", "BAD_REQUEST"),
    ],
)
def test_an_operation_that_fails_is_coded_and_leaves_its_neighbours_alone(
    address: str, query: str, code: str
) -> None:
    async def conversation() -> None:
        async with greeted(address) as ws:
            await subscribe(ws, query)
            message = await hear(ws)
            while "data" in message["payload"] and "errors" not in message["payload"]:
                message = await hear(ws)
            payload = message["payload"]
            errors = payload if message["type"] == "error" else payload["errors"]
            assert [error["extensions"]["code"] for error in errors] == [code]
            await subscribe(ws, "{ echo }", name="2")
            while (message := await hear(ws))["id"] != "2":
                pass
            assert message["payload"] == {"data": {"echo": "hello"}}

    run(conversation())


@pytest.mark.parametrize("subscription", ["silence", "flood"])
@pytest.mark.parametrize("way", ["complete", "close", "abort"])
def test_a_generator_ends_with_its_subscription(address: str, subscription: str, way: str) -> None:
    async def conversation() -> None:
        # A client whose queue is full reads no goodbye.
        async with greeted(address, max_queue=None) as ws:
            await subscribe(ws, f"subscription {{ {subscription} }}")
            await hear(ws)
            assert (feed.opened, feed.closed) == (1, 0)
            if way == "complete":
                await tell(ws, type="complete", id="1")
                await asyncio.to_thread(until, lambda: feed.closed == 1, 1)
            elif way == "abort":
                ws.transport.abort()
        await asyncio.to_thread(until, lambda: feed.closed == 1, 1)

    run(conversation())


def test_operations_on_one_connection_are_bounded(address: str) -> None:
    async def conversation() -> None:
        async with greeted(address) as ws:
            for number in range(MAX_OPERATIONS_PER_SOCKET + 1):
                await subscribe(ws, "subscription { silence }", name=str(number))
            messages = [await hear(ws) for _ in range(MAX_OPERATIONS_PER_SOCKET + 1)]
            (message,) = [message for message in messages if message["type"] == "error"]
            assert message["id"] == str(MAX_OPERATIONS_PER_SOCKET)
            limit = {"name": "operationsPerConnection", "max": MAX_OPERATIONS_PER_SOCKET}
            told = {"code": "RATE_LIMITED", "limit": limit}
            assert message["payload"][0]["extensions"] == told
        await asyncio.to_thread(until, lambda: feed.closed == MAX_OPERATIONS_PER_SOCKET, 1)

    run(conversation())


def test_each_operation_on_a_connection_has_its_own_context() -> None:
    @strawberry.type
    class Marking:
        @strawberry.field
        def mark(self, info: strawberry.Info) -> bool:
            seen = "mark" in info.context
            info.context["mark"] = True
            return seen

    async def conversation(address: str) -> None:
        async with greeted(address) as ws:
            for _ in range(2):
                await subscribe(ws, "{ mark }")
                assert (await hear(ws))["payload"] == {"data": {"mark": False}}
                await hear(ws)

    with serving(GraphQLApp(Schema(query=Marking))) as address:
        run(conversation(address))


def test_a_websocket_waits_for_a_client_that_does_not_read(address: str) -> None:
    async def conversation() -> None:
        async with greeted(address, compression=None, max_queue=1) as ws:
            await subscribe(ws, "subscription { flood }")
            await asyncio.to_thread(assert_throttled)
            assert feed.closed == 0
            ws.transport.abort()
        await asyncio.to_thread(until, lambda: feed.closed == 1)

    run(conversation())


def test_a_websocket_gives_up_on_a_client_that_never_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stalls, "SEND_TIMEOUT", timedelta(seconds=0.5))
    finished = threading.Event()

    class Watched(GraphQLApp):
        async def serve_socket(self, *arguments: Any) -> None:
            await super().serve_socket(*arguments)
            finished.set()

    async def conversation(address: str) -> None:
        async with greeted(address, compression=None, max_queue=1) as ws:
            await subscribe(ws, "subscription { flood }")
            assert await asyncio.to_thread(finished.wait, 5), "the reading side still waits"
            assert feed.closed == 1
            ws.transport.abort()

    with serving(Watched(Schema(query=Query, subscription=Subscription))) as address:
        run(conversation(address))
