"""GraphQL over HTTP, event stream and WebSocket, against a schema of our own on a real server."""

import asyncio
import enum
import json
import logging
import socket
import threading
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Hashable,
    Iterable,
    Iterator,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

import httpx
import pytest
import strawberry
import uvicorn
from graphql import GraphQLError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from execution.limits import MAX_TOKENS
from execution.schema import Schema
from schema.errors import BadRequest, Unavailable
from transport import event_stream, graphql_app, stalls
from transport.bodies import GRAPHQL, MAX_BODY_BYTES, PLAIN
from transport.graphql_app import GraphQLApp
from transport.hints import hints
from transport.socket_protocol import WORTH_COPYING, SocketProtocol
from transport.web_socket import MAX_OPERATIONS_PER_SOCKET

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


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    schema = Schema(query=Query, mutation=Mutation, subscription=Subscription)
    with serving(GraphQLApp(schema)) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address}") as client:
        yield client


@pytest.fixture(autouse=True)
def fresh_feed() -> None:
    feed.opened = feed.closed = feed.yields = 0


Logged = Callable[[], list[logging.LogRecord]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """The errors the server logged, for the tests that expect one."""
    return lambda: [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture(autouse=True)
def no_errors_logged(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """What a client does wrong is no error of ours, so nothing may be logged as one."""
    yield
    if "logged" not in request.fixturenames:
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert [record.getMessage() for record in errors] == []


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


def test_a_refusal_for_now_says_when_in_its_head() -> None:
    body = b'{"errors":[{"extensions":{"code":"UNAVAILABLE","retryAfter":2}}]}'
    assert hints(503, body) == [(b"retry-after", b"2")]
    assert hints(429, body) == [(b"retry-after", b"2")]
    assert hints(200, body) == hints(400, body) == []
    assert hints(503, b'{"errors":[{"extensions":{"outcome":"UNKNOWN"}}]}') == []


# HTTP: what is no request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'[{"query":"{echo}"}]',
        b'"text"',
        b"1",
        b"null",
        b"{}",
        b'{"query":null}',
        b'{"query":""}',
        b'{"query":1}',
        b'{"query":["{echo}"]}',
        b'{"query":"{echo}","variables":[]}',
        b'{"query":"{echo}","variables":"{}"}',
        b'{"query":"{echo}","operationName":1}',
        b'{"query":"{echo}","extensions":[]}',
        b'{"query":"{echo}","variables":{"a":NaN}}',
        b'{"query":"{echo}","variables":{"a":Infinity}}',
        b'{"query":"{echo}","variables":{"a":1e400}}',
        b'{"query":"{echo}","variables":{"a":"\\ud800"}}',
        b'{"query":"{echo(text: \\"\\ud800\\")}"}',
        b'{"query":"{echo}","variables":{"a":"\xff"}}',
        b'\xef\xbb\xbf{"query":"{echo}"}',
        b'{"query":"{echo}","variables":{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
        '{"query":"{echo}"}'.encode("utf-16"),
    ],
)
def test_a_malformed_body_is_refused(client: httpx.Client, body: bytes) -> None:
    assert_refusal(client.post("", content=body, headers=JSON), 400)
    accepts = {**JSON, "accept": GRAPHQL}
    assert_refusal(client.post("", content=body, headers=accepts), 400, media_type=GRAPHQL)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "text/application/json",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json; charset*=utf-16''x",
    ],
)
def test_a_body_that_is_not_utf8_json_by_name_is_refused(
    client: httpx.Client, content_type: str
) -> None:
    headers = {"content-type": content_type}
    assert_refusal(client.post("", content=b'{"query":"{echo}"}', headers=headers), 415)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_utf8_may_be_named(client: httpx.Client, charset: str) -> None:
    headers = {"content-type": f"application/json; charset={charset}"}
    response = client.post("", content=b'{"query":"{echo}"}', headers=headers)
    assert response.json() == {"data": {"echo": "hello"}}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_told_which_are_allowed(client: httpx.Client, method: str) -> None:
    response = client.request(method, "")
    assert_refusal(response, 405)
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": "{echo}", "variables": "{"},
        {"query": "{echo}", "variables": "[]"},
        {"query": "{echo}", "variables": '"text"'},
        {"query": "{echo}", "extensions": "1"},
    ],
)
def test_a_malformed_url_is_refused(client: httpx.Client, parameters: dict[str, str]) -> None:
    assert_refusal(client.get("", params=parameters), 400)


def test_a_query_may_come_by_get(client: httpx.Client) -> None:
    parameters = {
        "query": "query Say($text: String!) { echo(text: $text) }",
        "variables": '{"text": "hi"}',
        "operationName": "Say",
    }
    assert client.get("", params=parameters).json() == {"data": {"echo": "hi"}}


def test_a_mutation_by_get_is_refused(client: httpx.Client) -> None:
    response = client.get("", params={"query": "mutation { greet }"})
    assert_refusal(response, 405)
    assert response.headers["allow"] == "POST"


def test_a_subscription_without_a_stream_is_refused(client: httpx.Client) -> None:
    assert_refusal(client.post("", json={"query": "subscription { count }"}), 400)
    assert feed.opened == 0


def test_a_body_too_large_by_its_length_is_refused_before_it_is_read(address: str) -> None:
    with open_socket(address) as raw:
        raw.sendall(request_head(f"content-length: {10 * MAX_BODY_BYTES}"))
        assert_answered_413(raw)


def test_a_body_that_grows_too_large_is_refused(address: str) -> None:
    with open_socket(address) as raw:
        raw.sendall(request_head("transfer-encoding: chunked"))
        chunk = b"%x\r\n" % 65_536 + b" " * 65_536 + b"\r\n"
        for _ in range(MAX_BODY_BYTES // 65_536 + 1):
            raw.sendall(chunk)
        assert_answered_413(raw)


def test_a_client_that_sends_all_of_a_large_body_first_still_reads_the_answer(
    client: httpx.Client,
) -> None:
    response = client.post("", content=b" " * 5 * MAX_BODY_BYTES, headers=JSON)
    assert_refusal(response, 413)
    assert client.post("", json={"query": "{echo}"}).status_code == 200


def test_a_client_that_leaves_while_it_sends_is_no_error(address: str) -> None:
    with open_socket(address) as raw:
        raw.sendall(request_head("content-length: 100"))
        raw.sendall(b'{"query":')
    time.sleep(0.05)


def open_socket(address: str) -> socket.socket:
    host, _, port = address.partition("/")[0].partition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def request_head(*headers: str, accept: str = PLAIN) -> bytes:
    lines = ["POST /graphql HTTP/1.1", "host: test", f"content-type: {PLAIN}", f"accept: {accept}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def assert_answered_413(raw: socket.socket) -> None:
    answer = raw.recv(65_536).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert "connection: close" in answer
    assert '"code":"BAD_REQUEST"' in answer


def test_a_browser_is_shown_graphiql_and_nobody_else(client: httpx.Client) -> None:
    page = client.get("", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert_refusal(client.get("", headers={"accept": "*/*"}), 400)


# HTTP: what is a request, and fails


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{", None),
        ("type Query { a: Int }", None),
        ("fragment F on Query { echo }", None),
        ("{ nonsense }", None),
        ("query A { echo } query B { echo }", None),
        ("{ echo(text: 1) }", None),
        ("{ echo(number: 99999999999) }", None),
        ("{ echo(number: " + "9" * 5_000 + ") }", None),
        ("{ colour(colours: [GREEN]) }", None),
        ("query ($x: Int!) { echo(number: $x) }", None),
        ("query ($x: Int!) { echo(number: $x) }", {"x": 2**64}),
        ("query ($x: Int!) { echo(number: $x) }", {"x": "1"}),
        ("query ($x: Int!) { echo(number: $x) }", {"x": json.loads("[" * 500 + "]" * 500)}),
        ("query ($x: String!) { echo(text: $x) }", {"x": None}),
        ("query ($x: String!) { echo(text: $x) }", {"x": 2**64}),
        ("query ($x: [Colour!]!) { colour(colours: $x) }", {"x": ["GREEN"]}),
        ("query ($x: [Colour!]!) { colour(colours: $x) }", {"x": ["G" * 100_000]}),
        (DEEP, None),
        ("{ again" * 250 + "{ echo }" + "}" * 250, None),
        ("{ echo(text: " + "[" * 5_000 + "]" * 5_000 + ") }", None),
        ("{" + "echo " * 100_000 + "}", None),
        ("{" + "echo " * MAX_TOKENS + "}", None),
        ("{ echo" + " " * 200_000 + "}", None),
    ],
)
def test_a_document_that_cannot_run_is_the_clients_mistake(
    client: httpx.Client, query: str, variables: dict[str, Any] | None
) -> None:
    request = {"query": query, "variables": variables}
    started = time.monotonic()
    assert_refusal(client.post("", json=request), 200)
    strict = client.post("", json=request, headers={"accept": GRAPHQL})
    assert_refusal(strict, 400, media_type=GRAPHQL)
    assert len(strict.content) < 2_000
    assert time.monotonic() - started < 2


def test_the_operation_named_is_the_one_that_runs(client: httpx.Client) -> None:
    request = {"query": 'query A { echo } query B { echo(text: "b") }', "operationName": "B"}
    assert client.post("", json=request).json() == {"data": {"echo": "b"}}
    unknown = client.post("", json={**request, "operationName": "C"}, headers={"accept": GRAPHQL})
    assert_refusal(unknown, 400, media_type=GRAPHQL)


def test_an_argument_found_wrong_only_when_it_is_used_is_the_clients_mistake(
    client: httpx.Client,
) -> None:
    request = {"query": "query ($c: Colour = RED) { colour(colours: [$c]) }"}
    response = client.post("", json={**request, "variables": {"c": None}})
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    "selection",
    ['fail(kind: "value")', 'fail(kind: "graphql")', 'fail(kind: "broken")', "wrongType"],
)
def test_what_a_resolver_did_not_foresee_is_hidden_and_logged(
    client: httpx.Client, logged: Logged, selection: str
) -> None:
    query = {"query": f"{{ again {{ {selection} }} }}"}
    response = client.post("", json=query, headers={"accept": GRAPHQL})
    assert response.status_code == 200
    (error,) = response.json()["errors"]
    assert error["message"] == "Internal error"
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["path"] == ["again", selection.partition("(")[0]]
    assert "secret" not in response.text
    (record,) = logged()
    assert record.name == "boxoffice"
    assert "secret" in str(record.exc_info)


def test_an_error_the_contract_foresees_keeps_its_code_and_message(client: httpx.Client) -> None:
    query = '{ a: fail(kind: "refused") b: fail(kind: "unavailable") echo }'
    response = client.post("", json={"query": query}, headers={"accept": GRAPHQL})
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"a": None, "b": None, "echo": "hello"}
    refused, unavailable = body["errors"]
    assert refused["message"] == "No such thing."
    assert refused["extensions"] == {"code": "BAD_REQUEST"}
    assert unavailable["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 2}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(BrokenError("secret"), 500, "INTERNAL"), (Unavailable("Not yet."), 503, "UNAVAILABLE")],
)
def test_an_exception_in_the_view_is_answered_as_json(
    logged: Logged, error: Exception, status: int, code: str
) -> None:
    class Failing(GraphQLApp):
        async def get_context(self, request: Any, response: Any) -> Any:
            raise error

    transport = httpx.ASGITransport(Failing(Schema(query=Query)))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("", json={"query": "{echo}"})

    response = asyncio.run(ask())
    assert_refusal(response, status, code)
    assert "secret" not in response.text
    assert len(logged()) == (code == "INTERNAL")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("image/png", PLAIN),
        (GRAPHQL, GRAPHQL),
        (f"{PLAIN};q=0.5, {GRAPHQL};q=0.9", GRAPHQL),
        (f"{PLAIN}, {GRAPHQL}", PLAIN),
        (f"{GRAPHQL};q=0, */*", PLAIN),
        (f"{GRAPHQL};q=x", PLAIN),
        (f"{GRAPHQL.upper()}; charset=utf-8", GRAPHQL),
    ],
)
def test_the_answer_has_the_type_that_is_preferred(
    client: httpx.Client, accept: str, media_type: str
) -> None:
    response = client.post("", json={"query": "{echo}"}, headers={"accept": accept})
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


# The event stream

STREAM = {"accept": "text/event-stream"}


def events_of(response: httpx.Response) -> list[Any]:
    lines = [line for line in response.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_subscription_is_an_event_stream(client: httpx.Client, method: str) -> None:
    request = {"query": "subscription { count(upTo: 2) }"}
    argument: Any = {"params": request} if method == "GET" else {"json": request}
    response = client.request(method, "", headers=STREAM, **argument)
    assert response.headers["content-type"] == "text/event-stream"
    assert events_of(response) == [{"data": {"count": 0}}, {"data": {"count": 1}}]
    assert response.text.endswith("event: complete\r\ndata: \r\n\r\n")
    assert feed.closed == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "BAD_REQUEST"),
        ("subscription { nonsense }", "BAD_REQUEST"),
        ("subscription { count(upTo: 1", "BAD_REQUEST"),
        ('subscription { fail(kind: "unavailable") }', "UNAVAILABLE"),
        ('subscription { fail(kind: "unavailable", after: 1) }', "UNAVAILABLE"),
        (DEEP, "BAD_REQUEST"),
        ("query A { echo } query B { echo }", "BAD_REQUEST"),
    ],
)
def test_an_event_stream_codes_its_errors(client: httpx.Client, query: str, code: str) -> None:
    events = events_of(client.post("", json={"query": query}, headers=STREAM))
    assert [error["extensions"]["code"] for error in events[-1]["errors"]] == [code]
    assert feed.closed == feed.opened


def test_a_generator_that_breaks_is_hidden_and_logged(client: httpx.Client, logged: Logged) -> None:
    request = {"query": 'subscription { fail(kind: "value", after: 1) }'}
    response = client.post("", json=request, headers=STREAM)
    assert "secret" not in response.text
    assert events_of(response)[-1]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert [record.name for record in logged()] == ["boxoffice"]


@pytest.mark.parametrize("subscription", ["silence", "flood"])
def test_a_client_that_leaves_an_event_stream_ends_its_generator(
    client: httpx.Client, subscription: str
) -> None:
    request = {"query": f"subscription {{ {subscription} }}"}
    with client.stream("POST", "", json=request, headers=STREAM) as response:
        parts = response.iter_bytes()  # kept: one that is dropped closes the connection
        next(parts)
        assert feed.opened == 1
        assert feed.closed == 0
    until(lambda: feed.closed == 1, seconds=1)


def test_a_silent_event_stream_shows_that_it_lives(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = event_stream.EventStream.__init__

    def impatient(
        self: Any, events: Any, headers: Any, beat: str, every: float, *more: Any
    ) -> None:
        made(self, events, headers, beat, 0.05, *more)

    monkeypatch.setattr(event_stream.EventStream, "__init__", impatient)
    request = {"query": "subscription { silence }"}
    with client.stream("POST", "", json=request, headers=STREAM) as response:
        lines = (line for line in response.iter_lines() if line)
        assert [next(lines) for _ in range(3)] == [
            "event: next",
            'data: {"data":{"silence":0}}',
            ": ping",
        ]
    until(lambda: feed.closed == 1, seconds=1)


def open_stalled_stream(address: str) -> socket.socket:
    raw = open_socket(address)
    body = json.dumps({"query": "subscription { flood }"}).encode()
    head = request_head(f"content-length: {len(body)}", accept="text/event-stream")
    raw.sendall(head + body)
    return raw


def assert_throttled() -> None:
    """Two looks at the count: what the kernel's buffers hold differs from machine to machine."""
    until(lambda: feed.opened == 1)
    seen = -1
    while seen != feed.yields:
        seen = feed.yields
        time.sleep(0.3)
    assert 0 < feed.yields < 500


def test_an_event_stream_waits_for_a_client_that_does_not_read(address: str) -> None:
    with open_stalled_stream(address):
        assert_throttled()
        assert feed.closed == 0
    until(lambda: feed.closed == 1)


def test_an_event_stream_gives_up_on_a_client_that_never_reads(
    address: str, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalls, "SEND_TIMEOUT", timedelta(seconds=0.5))
    with open_stalled_stream(address):
        until(lambda: feed.closed == 1)
    # uvicorn's own line; there is no way to tell it that the answer was cut on purpose.
    messages = {record.getMessage() for record in logged()}
    assert messages <= {"ASGI callable returned without completing response."}


# The WebSocket

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
