"""What fails unforeseen, on every way: the client is told an id, and the log has it just once."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from strawberry.dataloader import DataLoader
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from execution.schema import Schema
from schema.errors import ApiError
from tests.crowd import run, until
from tests.transport.stage import serving
from transport.graphql_app import GraphQLApp
from transport.last_resort import LastResort

SECRET = "what no client may see"


async def load(keys: list[int]) -> list[str]:
    raise OSError(SECRET)


@strawberry.type
class Query:
    @strawberry.field
    def fail(self) -> str | None:
        raise ValueError(SECRET)

    @strawberry.field
    def pretend(self) -> str | None:
        raise ApiError(SECRET)

    @strawberry.field
    async def together(self, info: strawberry.Info) -> str | None:
        loaded: str = await info.context["loader"].load(1)
        return loaded

    @strawberry.field
    def unwritable(self) -> strawberry.scalars.JSON:
        return strawberry.scalars.JSON({"a": object()})


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def fail(self) -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError(SECRET)

    @strawberry.subscription
    async def unwritable(self) -> AsyncGenerator[strawberry.scalars.JSON, None]:
        yield strawberry.scalars.JSON({"a": object()})


class FailingSchema(Schema):
    async def _obtain(self, query: str | None, *more: Any) -> Any:
        if query == "{ unprepared: __typename }":
            raise ValueError(SECRET)
        return await super()._obtain(query, *more)


class Failing(GraphQLApp):
    async def make_context(self, sender: Any) -> dict[str, Any]:
        if sender.authorization == "fail":
            raise ValueError(SECRET)
        return {"loader": DataLoader(load)}


async def fail(request: Request) -> Response:
    raise ValueError(SECRET)


async def fail_late(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        yield "a part"
        raise ValueError(SECRET)

    return StreamingResponse(parts())


async def fail_socket(socket: WebSocket) -> None:
    raise ValueError(SECRET)


async def fail_open_socket(socket: WebSocket) -> None:
    await socket.accept()
    raise ValueError(SECRET)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    graphql = Failing(FailingSchema(query=Query, subscription=Subscription))
    routes = [
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
        Route("/graphql/page", fail),
        Route("/graphql/late", fail_late),
        WebSocketRoute("/graphql/socket", fail_socket),
        WebSocketRoute("/graphql/open", fail_open_socket),
    ]
    with serving(Starlette(routes=routes, middleware=[Middleware(LastResort)])) as address:
        yield address


def assert_masked(errors: list[Any], caplog: pytest.LogCaptureFixture, times: int = 1) -> None:
    """Hold what a client was told against the log."""
    assert {error["message"] for error in errors} == {"Internal error"}
    assert {error["extensions"]["code"] for error in errors} == {"INTERNAL"}
    [id_] = {error["extensions"]["requestId"] for error in errors}
    assert_logged(id_, caplog, times)


def assert_logged(id_: str, caplog: pytest.LogCaptureFixture, times: int = 1) -> None:
    """The log has the id and the cause, and nothing else."""
    assert re.fullmatch("[0-9a-f]{16}", id_)
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in records] == [
        f"Unexpected error, request {id_}"
    ] * times
    assert all(record.exc_info and SECRET in str(record.exc_info[1]) for record in records)


@pytest.mark.parametrize(
    ("query", "times"),
    [
        ("{ fail }", 1),
        ("{ pretend }", 1),
        ("{ a: fail b: fail }", 2),
        ("{ a: together b: together c: together }", 1),
        ("{ unprepared: __typename }", 1),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_request_has_one_id_and_each_cause_is_logged_once(
    address: str, caplog: pytest.LogCaptureFixture, accept: str, query: str, times: int
) -> None:
    answer = httpx.post(f"http://{address}", json={"query": query}, headers={"accept": accept})
    body = answer.text.partition("data: ")[2].splitlines()[0] if "event: " in answer.text else ""
    assert SECRET not in answer.text
    assert_masked(json.loads(body or answer.text)["errors"], caplog, times)


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("{ unwritable }", "application/json"),
        ("{ unwritable }", "text/event-stream"),
        ("subscription { unwritable }", "text/event-stream"),
    ],
)
def test_what_cannot_be_written_is_masked(
    address: str, caplog: pytest.LogCaptureFixture, query: str, accept: str
) -> None:
    answer = httpx.post(f"http://{address}", json={"query": query}, headers={"accept": accept})
    [id_] = re.findall('"requestId":"([0-9a-f]{16})"', answer.text)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        f"Unexpected error, request {id_}"
    ]


@pytest.mark.parametrize("query", ["{ fail }", "subscription { fail }"])
def test_every_request_has_an_id_of_its_own(address: str, query: str) -> None:
    texts = [
        httpx.post(
            f"http://{address}", json={"query": query}, headers={"accept": "text/event-stream"}
        ).text
        for _ in range(2)
    ]
    ids = [re.findall('"requestId":"([0-9a-f]{16})"', text) for text in texts]
    assert [len(found) for found in ids] == [1, 1]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("{ fail }", ["next", "complete"]),
        ("subscription { fail }", ["next", "next", "complete"]),
        ("{ unprepared: __typename }", ["error"]),
        ("subscription { unwritable }", ["error"]),
    ],
)
@run
async def test_a_websocket_operation_that_fails_says_so(
    address: str, caplog: pytest.LogCaptureFixture, query: str, events: list[str]
) -> None:
    async with connect(
        f"ws://{address}", subprotocols=[Subprotocol("graphql-transport-ws")]
    ) as socket:
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        for name in ("1", "1"):  # its id is free again
            caplog.clear()
            message = {"type": "subscribe", "id": name, "payload": {"query": query}}
            await socket.send(json.dumps(message))
            heard = [json.loads(await socket.recv()) for _ in events]
            assert [message["type"] for message in heard] == events
            last = next(message for message in reversed(heard) if "payload" in message)
            payload = last["payload"]
            errors = payload if last["type"] == "error" else payload["errors"]
            assert re.fullmatch("[0-9a-f]{16}", errors[0]["extensions"]["requestId"])
            assert errors[0]["extensions"]["requestId"] in caplog.text
            assert len(caplog.records) == 1


async def reason_of(url: str, *messages: str) -> tuple[int, str]:
    async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        for message in messages:
            await socket.send(message)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


@run
async def test_a_websocket_that_fails_is_closed_with_the_id(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    begin = json.dumps({"type": "connection_init", "payload": {"authorization": "fail"}})
    for url, messages in ((f"ws://{address}", [begin]), (f"ws://{address}/open", [])):
        caplog.clear()
        code, reason = await reason_of(url, *messages)
        assert (code, reason.partition(" ")[0]) == (1011, "INTERNAL")
        assert_logged(reason.partition(" ")[2], caplog)


@run
async def test_a_handshake_that_fails_is_answered_as_json(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{address}/socket")
    answer = refused.value.response
    assert answer.status_code == 500
    # uvicorn remarks on each handshake that isn't completed, a moment later.
    await until(lambda: len(caplog.records) > 1)
    del caplog.records[1:]
    assert_masked(json.loads(answer.body)["errors"], caplog)


def test_a_page_that_fails_is_answered_as_json(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = httpx.get(f"http://{address}/page")
    assert answer.status_code == 500
    assert_masked(answer.json()["errors"], caplog)


def test_an_answer_that_fails_half_way_is_cut_off_and_logged_once(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{address}/late")
    [record] = caplog.records
    assert record.exc_info
    assert SECRET in str(record.exc_info[1])
