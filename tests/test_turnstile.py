"""How much somebody may have at once, and that what has ended is counted no longer."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx
import pytest
import strawberry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from access.caller import EVERYBODY, Caller, Role, visitor
from access.turnstile import MAX_SOCKETS, SOON, Turnstile, Turnstiles
from execution.schema import Schema
from schema.errors import RateLimited
from tests.crowd import request, run, until
from tests.serving import serve
from tests.tokens import SECRET, bearer
from tests.transport.stage import serving
from transport.graphql_app import GraphQLApp
from transport.http_protocol import HttpProtocol
from transport.sender import Sender

pytestmark = pytest.mark.any_postgres

ADA, BOB = (Caller(Role.CUSTOMER, f"user:{name}", name, name) for name in ("ada", "bob"))
MOST = 3
WAIT, LISTEN = "{ wait }", "subscription { listen }"
STRICT = "application/graphql-response+json"


def test_each_client_has_so_many_and_admins_as_many_as_they_like() -> None:
    turnstile = Turnstile("things", 2, retry_after=1)
    with turnstile.admit(ADA), turnstile.admit(ADA), turnstile.admit(BOB):
        with pytest.raises(RateLimited) as refused, turnstile.admit(ADA):
            pass
        limit = {"name": "things", "max": 2}
        assert refused.value.extensions == {"limit": limit, "retryAfter": 1}
        assert turnstile.inside == {"user:ada": 2, "user:bob": 1}
        for _ in range(10):
            turnstile.admit(EVERYBODY).__enter__()
            turnstile.admit(None).__enter__()
    assert turnstile.inside == {}


def test_who_says_who_they_are_is_counted_as_that_from_then_on() -> None:
    turnstile = Turnstile("things", 1)
    with turnstile.admit(visitor("192.0.2.1")) as passage:
        passage.become(visitor("192.0.2.1"))
        passage.become(ADA)
        assert turnstile.inside == {"user:ada": 1}
        with turnstile.admit(visitor("192.0.2.1")) as second:
            with pytest.raises(RateLimited):
                second.become(ADA)
            assert turnstile.inside == {"user:ada": 1, "address:192.0.2.1": 1}
        passage.become(EVERYBODY)
        assert turnstile.inside == {}
    assert turnstile.inside == {}


class Desk:
    """Where operations wait, until it is closed."""

    closed = False


@strawberry.type
class Query:
    @strawberry.field
    async def wait(self) -> str:
        while not Desk.closed:  # noqa: ASYNC110 - another thread closes it
            await asyncio.sleep(0.01)
        return "over"

    @strawberry.field
    def here(self) -> str:
        return "at once"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def listen(self) -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # a clean-up that waits


class App(GraphQLApp):
    """Believes whoever says who they are."""

    def __init__(self) -> None:
        self.turnstiles = Turnstiles()
        self.turnstiles.operations = Turnstile("operations", MOST, SOON)
        self.turnstiles.subscriptions = Turnstile("subscriptions", MOST)
        self.turnstiles.sockets = Turnstile("sockets", MOST)
        schema = Schema(query=Query, subscription=Subscription)
        schema.turnstiles = self.turnstiles
        super().__init__(schema)
        self.plain_posts = self.answer_plainly

    async def make_context(self, sender: Sender) -> dict[str, Any]:
        name = sender.authorization or "nobody"
        return {"caller": Caller(Role.CUSTOMER, f"user:{name}", name)}

    def passage(self, sender: Sender) -> Any:
        return self.turnstiles.sockets.admit(visitor("192.0.2.1"))

    @property
    def inside(self) -> dict[str, int]:
        return {name: sum(each.inside.values()) for name, each in vars(self.turnstiles).items()}


@pytest.fixture(autouse=True)
def desk() -> None:
    Desk.closed = False


NOBODY = {"operations": 0, "subscriptions": 0, "sockets": 0}


@pytest.fixture(scope="module")
def app() -> App:
    return App()


@pytest.fixture(scope="module")
def address(app: App) -> Iterator[str]:
    usual: dict[str, Any] = {"http": HttpProtocol, "access_log": False, "proxy_headers": False}
    with serving(app, **usual) as address:
        yield address.partition("/")[0]


def socket(address: str, name: str, **more: Any) -> connect:
    protocols = [Subprotocol("graphql-transport-ws")]
    headers = {"authorization": name}
    url = f"ws://{address}/graphql"
    return connect(url, subprotocols=protocols, additional_headers=headers, **more)


async def greet(ws: ClientConnection) -> None:
    await ws.send('{"type": "connection_init"}')
    assert json.loads(await ws.recv())["type"] == "connection_ack"


async def subscribe(ws: ClientConnection, id_: str, document: str) -> None:
    message = {"type": "subscribe", "id": id_, "payload": {"query": document}}
    await ws.send(json.dumps(message))


def extensions(name: str, **more: Any) -> dict[str, Any]:
    return {"code": "RATE_LIMITED", "limit": {"name": name, "max": MOST}, **more}


@pytest.mark.parametrize("more", [{}, {"connection": "close"}], ids=["short way", "long way"])
@run
async def test_operations_in_flight_are_bounded(
    app: App, address: str, more: dict[str, str]
) -> None:
    headers = {"authorization": "ada", "accept": STRICT, **more}
    url = f"http://{address}/graphql"
    async with httpx.AsyncClient(verify=False) as client:
        waiting = [
            asyncio.create_task(client.post(url, json={"query": WAIT}, headers=headers))
            for _ in range(MOST)
        ]
        await until(lambda: app.inside["operations"] == MOST)
        refused = await client.post(url, json={"query": "{ here }"}, headers=headers)
        assert refused.status_code == 429
        assert refused.json()["errors"][0]["extensions"] == extensions(
            "operations", retryAfter=SOON
        )
        headers["authorization"] = "bob"
        other = await client.post(url, json={"query": "{ here }"}, headers=headers)
        assert other.json() == {"data": {"here": "at once"}}
        Desk.closed = True
        assert {(await task).text for task in waiting} == {'{"data":{"wait":"over"}}'}
    await until(lambda: app.inside == NOBODY)


@run
async def test_subscriptions_are_bounded_over_both_ways_together(app: App, address: str) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(verify=False))
        asked: Any = {"url": f"http://{address}/graphql", "json": {"query": LISTEN}}
        asked["headers"] = {"authorization": "carl", "accept": "text/event-stream"}
        ws = await stack.enter_async_context(socket(address, "carl"))
        await greet(ws)
        for id_ in ("1", "2"):
            await subscribe(ws, id_, LISTEN)
            assert json.loads(await ws.recv())["type"] == "next"
        stream = await stack.enter_async_context(client.stream("POST", **asked))
        events = stream.aiter_bytes()
        assert b"data" in await anext(events)
        await subscribe(ws, "3", LISTEN)
        refused = json.loads(await ws.recv())
        assert (refused["type"], refused["id"]) == ("error", "3")
        assert refused["payload"][0]["extensions"] == extensions("subscriptions")
        text = (await client.post(**asked)).text
        event = json.loads(next(line[6:] for line in text.splitlines() if line.startswith("data")))
        assert event["errors"][0]["extensions"] == extensions("subscriptions")
        await ws.send('{"type": "complete", "id": "1"}')
        await until(lambda: app.inside["subscriptions"] == MOST - 1)
        await subscribe(ws, "4", LISTEN)
        assert json.loads(await ws.recv())["type"] == "next"
    await until(lambda: app.inside["subscriptions"] == 0)


@run
async def test_sockets_are_bounded_by_address_and_then_by_who_is_there(
    app: App, address: str
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST):
            await greet(await stack.enter_async_context(socket(address, "dora")))
        for _ in range(MOST):
            await stack.enter_async_context(socket(address, "dora"))
        with pytest.raises(InvalidStatus) as refused:
            await stack.enter_async_context(socket(address, "dora"))
        answer = refused.value.response
        assert answer.status_code == 429
        assert json.loads(answer.body)["errors"][0]["extensions"] == extensions("sockets")
    await until(lambda: app.inside["sockets"] == 0)
    async with AsyncExitStack() as stack:
        for _ in range(MOST):
            await greet(await stack.enter_async_context(socket(address, "dora")))
        one_more = await stack.enter_async_context(socket(address, "dora"))
        await one_more.send('{"type": "connection_init"}')
        with pytest.raises(ConnectionClosed):
            await one_more.recv()
        assert (one_more.close_code, one_more.close_reason) == (4429, "RATE_LIMITED")
    await until(lambda: app.inside["sockets"] == 0)


async def hang_up_while_asking(address: str, chance: random.Random, name: str) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    asked = request(chance.choice([WAIT, "{ here }", LISTEN]))
    more = b"authorization: %b\r\n" % name.encode()
    if chance.random() < 0.5:
        more += b"accept: text/event-stream\r\n"
    asked = asked.replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n", 1)
    writer.write(asked if chance.random() < 0.9 else asked[:-5])
    if chance.random() < 0.5:
        with suppress(TimeoutError, OSError):
            await asyncio.wait_for(reader.read(100), chance.random() * 0.05)
    writer.transport.abort()


async def hang_up_while_listening(address: str, chance: random.Random, name: str) -> None:
    with suppress(ConnectionClosed, InvalidStatus, OSError):
        async with socket(address, name) as ws:
            if chance.random() < 0.9:
                await ws.send('{"type": "connection_init"}')
            for id_ in range(chance.randrange(6)):
                await subscribe(ws, str(id_), chance.choice([WAIT, "{ here }", LISTEN, "{"]))
                if chance.random() < 0.3:
                    await ws.send(json.dumps({"type": "complete", "id": str(id_)}))
            if chance.random() < 0.5:
                with suppress(TimeoutError):
                    await asyncio.wait_for(ws.recv(), chance.random() * 0.05)
            if chance.random() < 0.7:
                ws.transport.abort()


@run
async def test_after_a_storm_of_hang_ups_nobody_is_inside(app: App, address: str) -> None:
    chance = random.Random(7)
    for _ in range(10):
        ways = [chance.choice([hang_up_while_asking, hang_up_while_listening]) for _ in range(30)]
        await asyncio.gather(*(way(address, chance, chance.choice("abc")) for way in ways))
    Desk.closed = True  # what came by the long way goes on, whoever has gone
    await until(lambda: app.inside == NOBODY)


@run
async def test_what_never_began_was_never_counted(app: App) -> None:
    context = {"caller": ADA}
    results: list[Any] = [
        await app.schema.stream(LISTEN, context_value=context) for _ in range(MOST + 1)
    ]
    assert app.turnstiles.subscriptions.inside == {}
    assert (await anext(results[0])).data == {"listen": 0}
    context["caller"] = BOB  # another token came meanwhile
    assert app.turnstiles.subscriptions.inside == {"user:ada": 1}
    for result in results:
        await result.aclose()
    assert app.turnstiles.subscriptions.inside == {}


@run
async def test_what_fails_is_counted_no_longer(app: App) -> None:
    context = {"caller": ADA}
    for document in ("{ here(a: 1) }", "{", "query A { here } query B { here }", LISTEN):
        with suppress(Exception):
            await app.schema.execute(document, context_value=context)
    operation = asyncio.create_task(app.schema.execute(WAIT, context_value=context))
    await until(lambda: app.turnstiles.operations.inside)
    operation.cancel()
    await asyncio.wait({operation})
    assert app.turnstiles.operations.inside == {}


@run
async def test_a_server_bounds_the_sockets_of_visitors_and_not_of_admins(database_url: str) -> None:
    with serve(database_url, AUTH_SECRET=SECRET) as server:
        async with AsyncExitStack() as stack:
            for number in range(MAX_SOCKETS + 1):
                boss = bearer("boss", roles="admin")["authorization"]
                ws = await stack.enter_async_context(socket(server.address, boss))
                if number:
                    await greet(ws)
            for _ in range(MAX_SOCKETS - 1):
                await stack.enter_async_context(socket(server.address, "nobody"))
            with pytest.raises(InvalidStatus) as refused:
                await stack.enter_async_context(socket(server.address, "nobody"))
            assert refused.value.response.status_code == 429
    with serve(database_url) as server:  # for trying out nothing is counted
        async with AsyncExitStack() as stack:
            for _ in range(MAX_SOCKETS + 1):
                await stack.enter_async_context(socket(server.address, "nobody"))
