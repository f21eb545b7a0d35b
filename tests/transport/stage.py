"""A schema that echoes, fails and streams, how it is served, and how it is spoken to."""

import asyncio
import enum
import logging
import socket
import threading
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Hashable,
    Iterator,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

import httpx
import strawberry
import uvicorn
from graphql import GraphQLError

from schema.errors import BadRequest, Unavailable
from transport.bodies import MAX_BODY_BYTES, PLAIN
from transport.socket_protocol import SocketProtocol

UPDATE = "x" * 100_000
DEEP = "{a" * 5_000 + "}" * 5_000
JSON = {"content-type": PLAIN}


@dataclass
class Feed:
    """What the subscriptions did, seen from the server."""

    opened: int = 0
    closed: int = 0
    yields: int = 0


feed = Feed()


@asynccontextmanager
async def watching() -> AsyncIterator[None]:
    feed.opened += 1
    try:
        yield
    finally:
        await asyncio.sleep(0)  # a clean-up that waits, as releasing a connection does
        feed.closed += 1


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"


class BrokenError(Exception):
    """Carries what no client may see."""


def fail(kind: str) -> NoReturn:
    raise {
        "value": ValueError("secret"),
        "graphql": GraphQLError("secret"),
        "broken": BrokenError("secret"),
        "refused": BadRequest("No such thing."),
        "unavailable": Unavailable("Try again.", {"retryAfter": 2}),
    }[kind]


@strawberry.type
class Query:
    @strawberry.field
    def echo(self, text: str = "hello", number: int = 0, real: float = 0.0) -> str:
        return text

    @strawberry.field
    def colour(self, colours: list[Colour]) -> int:
        return len(colours)

    @strawberry.field
    def fail(self, kind: str) -> str | None:
        fail(kind)

    @strawberry.field
    def wrong_type(self) -> int:
        return "secret"  # type: ignore[return-value]  # what the test is about

    @strawberry.field
    def again(self) -> "Query":
        return Query()


@strawberry.type
class Mutation:
    @strawberry.mutation
    def greet(self) -> str:
        return "done"


@strawberry.type
class Piece:
    number: int
    encodings: strawberry.Private[dict[Hashable, bytes]] = field(default_factory=dict)

    @strawberry.field
    def half(self) -> float:
        feed.yields += 1
        if self.number == 3:
            raise BadRequest("Not this one.")
        return self.number / 2


class Pieces(AsyncIterator[Piece]):
    """The pieces 1 to 5, each the same for all: the first is iterated to, the others pushed."""

    made: ClassVar[list[Piece]] = []

    def __init__(self) -> None:
        self.number = 0

    async def __anext__(self) -> Piece:
        self.number += 1
        if self.number == len(self.made):
            raise StopAsyncIteration
        return self.made[self.number]

    async def aclose(self) -> None:
        feed.closed += 1

    async def push(self, take: Callable[[Piece], bool]) -> None:
        while self.number + 1 < len(self.made) and take(self.made[self.number + 1]):
            self.number += 1


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, up_to: int = 3) -> AsyncGenerator[int, None]:
        async with watching():
            for number in range(up_to):
                yield number

    @strawberry.subscription
    async def grow(self, sizes: list[int]) -> AsyncGenerator[str, None]:
        for size in sizes:
            yield "\u20ac" * size

    @strawberry.subscription
    async def share(self) -> AsyncIterator[Piece]:
        return Pieces()

    @strawberry.subscription
    async def silence(self) -> AsyncGenerator[int, None]:
        async with watching():
            yield 0
            await asyncio.Event().wait()

    @strawberry.subscription
    async def flood(self) -> AsyncGenerator[str, None]:
        async with watching():
            while True:
                feed.yields += 1
                yield UPDATE
                await asyncio.sleep(0)

    @strawberry.subscription
    async def fail(self, kind: str, after: int = 0) -> AsyncGenerator[int, None]:
        async with watching():
            for number in range(after):
                yield number
            fail(kind)


@contextmanager
def serving(
    app: Any, ws: Any = SocketProtocol, compressing: bool = False, **more: Any
) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            lifespan="off",
            ws=ws,
            ws_max_size=MAX_BODY_BYTES,
            ws_per_message_deflate=compressing,
            timeout_graceful_shutdown=1,
            **more,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"127.0.0.1:{listener.getsockname()[1]}/graphql"
        server.should_exit = True
        thread.join()


Logged = Callable[[], list[logging.LogRecord]]


def until(condition: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def assert_refusal(
    response: httpx.Response, status: int, code: str = "BAD_REQUEST", media_type: str = PLAIN
) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    body = response.json()
    assert "data" not in body
    assert [error["extensions"]["code"] for error in body["errors"]] == [code], body
    assert all(error["message"] for error in body["errors"])


def open_socket(address: str) -> socket.socket:
    host, _, port = address.partition("/")[0].partition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def request_head(*headers: str, accept: str = PLAIN) -> bytes:
    lines = ["POST /graphql HTTP/1.1", "host: test", f"content-type: {PLAIN}", f"accept: {accept}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def assert_throttled() -> None:
    """Two looks at the count: what the kernel's buffers hold differs from machine to machine."""
    until(lambda: feed.opened == 1)
    seen = -1
    while seen != feed.yields:
        seen = feed.yields
        time.sleep(0.3)
    assert 0 < feed.yields < 500
