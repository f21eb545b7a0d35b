"""How GraphQL travels: HTTP (after the GraphQL-over-HTTP draft), event streams, WebSockets."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from starlette.websockets import WebSocketDisconnected as WebSocketClosed
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.http.ides import GraphQL_IDE
from strawberry.http.parse_content_type import parse_content_type
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from schema.errors import STATUS, RateLimited, describe, log, reveal

# A booking of a thousand seats is some 10 KB of JSON; what is longer than this is no request of
# ours. uvicorn's --ws-max-size is to be the same.
MAX_BODY_BYTES = 1_048_576
# How long we read on after refusing a body: a connection closed on unread input is reset, and the
# client would lose the answer.
LINGER = timedelta(seconds=2)
# A client that takes nothing for so long is gone or hostile. uvicorn's ping cannot tell: its own
# close waits behind the same full buffer.
SEND_TIMEOUT = timedelta(seconds=30)
INIT_TIMEOUT = timedelta(seconds=10)
# A page watches a handful of shows; each operation may hold one unsent update in memory.
MAX_OPERATIONS_PER_SOCKET = 50
# What a disconnect may still cost: a generator's `finally` that waits is not waited for longer.
CLEANUP_TIMEOUT = 5.0
MAX_CLOSE_REASON_BYTES = 123  # RFC 6455, 5.5: a control frame has 125, two are the code

PLAIN = "application/json"
GRAPHQL = "application/graphql-response+json"


class ClientStalledError(OSError):
    """The client stopped reading. Starlette takes an OSError for a disconnect, which it is."""


def in_time(send: Send, stalled: Callable[[], object] = lambda: None) -> Send:
    """`send`, given up when the client has taken nothing for SEND_TIMEOUT."""

    async def send_in_time(message: Message) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT.total_seconds()):
                await send(message)
        except TimeoutError:
            stalled()
            raise ClientStalledError from None

    return send_in_time


def negotiate(accept: str) -> str:
    """The media type of the answer. Who accepts neither of ours is given plain JSON."""
    offers: list[tuple[float, str]] = []
    for offer in accept.split(","):
        name, _, parameters = offer.strip().lower().partition(";")
        offers.append((quality(parameters), name.strip()))
    for weight, name in sorted(offers, key=lambda offer: -offer[0]):
        if weight > 0 and name in (GRAPHQL, PLAIN):
            return name
    return PLAIN


def quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def require_json(content_type: str) -> None:
    """Also what keeps other sites' forms out: a browser asks before it sends JSON elsewhere."""
    media_type, parameters = parse_content_type(content_type)
    if media_type != PLAIN:
        raise HTTPException(415, f"The body must be {PLAIN}.")
    if str(parameters.get("charset", "utf-8")).strip("'\"").lower() not in ("utf-8", "utf8"):
        raise HTTPException(415, "The body must be UTF-8.")


class BoundedRequest(StarletteRequestAdapter):
    """A request whose body is never read past MAX_BODY_BYTES."""

    async def get_body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        body = bytearray()
        async with aclosing(self._request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        return bytes(body)


class LastAnswer(Response):
    """An answer given while the body still comes. It reads on for LINGER, then hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers["connection"] = "close"
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER.total_seconds()):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body"})


class EventStream(StreamingResponse):
    """Events as they come, a heartbeat where none does; its generator is closed however it ends.

    One task drives the generator, cancelled once. Starlette's cancel scope would cancel each await
    of a generator's `finally` anew, and Strawberry's leaves the generator to the collector.
    """

    def __init__(
        self, events: AsyncGenerator[str, None], headers: Mapping[str, str], beat: str, every: float
    ) -> None:
        super().__init__(events, headers=headers)
        self.events, self.beat, self.every = events, beat.encode(), every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = in_time(send)
        streaming = asyncio.create_task(self.stream_response(send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        beating = asyncio.create_task(self.keep_alive(send))
        tasks = {streaming, leaving, beating}
        try:
            await asyncio.wait({streaming, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLEANUP_TIMEOUT)
        if streaming.done() and not streaming.cancelled():
            streaming.result()

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self.events):
            with suppress(ClientStalledError):
                await super().stream_response(send)

    async def keep_alive(self, send: Send) -> None:
        with suppress(ClientStalledError):  # the events will find out too
            while True:
                await asyncio.sleep(self.every)
                await send({"type": "http.response.body", "body": self.beat, "more_body": True})


class SocketAdapter(ASGIWebSocketAdapter):
    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self.ws.send_text(self.view.encode_json_string(message))
        except (WebSocketDisconnect, WebSocketClosed) as gone:
            raise WebSocketDisconnected from gone

    async def close(self, code: int, reason: str) -> None:
        """Also where it is closed already: two operations may both find cause."""
        short = reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore")
        if self.ws.application_state == WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect):
                await self.ws.close(code, short)


def find_flaw(message: object) -> str | None:
    """What is wrong with the shape of a graphql-transport-ws message. Strawberry trusts it."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "A message must be an object with a type."
    if message["type"] in ("subscribe", "complete") and not isinstance(message.get("id"), str):
        return "The message's id must be a string."
    return find_payload_flaw(message.get("payload")) if message["type"] == "subscribe" else None


def find_payload_flaw(payload: object) -> str | None:
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        return "The payload must be an object with a query."
    if not isinstance(payload.get("operationName"), str | None):
        return "The payload's operationName must be a string."
    for name in ("variables", "extensions"):
        if not isinstance(payload.get(name), dict | None):
            return f"The payload's {name} must be an object."
    return None


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    async def handle_message(self, message: Any) -> None:
        if flaw := find_flaw(message):
            await self.handle_invalid_message(flaw)
        else:
            await super().handle_message(message)

    async def handle_subscribe(self, message: Any) -> None:
        full = len(self.operations) >= MAX_OPERATIONS_PER_SOCKET
        if self.connection_acknowledged and full and message["id"] not in self.operations:
            await self.refuse(message["id"])
        else:
            await super().handle_subscribe(message)

    async def refuse(self, operation_id: str) -> None:
        limit = RateLimited(f"At most {MAX_OPERATIONS_PER_SOCKET} operations on one connection.")
        error = GraphQLError(str(limit), original_error=limit)
        reveal(error)
        await self.send_message({"id": operation_id, "type": "error", "payload": [error.formatted]})

    async def _send_result_stream(self, operation: Any, result_source: Any) -> None:
        try:
            await super()._send_result_stream(operation, result_source)
        except WebSocketDisconnected:
            # It closes its generator now. Shutdown must not find it: cancelled a second time, the
            # generator's `finally` would stop at its first await.
            self.operations.pop(operation.id, None)
            raise

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):
            log.error("A WebSocket operation failed", exc_info=error)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """None: a syntax error is that operation's alone, and does not end its neighbours'."""
        return None


class GraphQLApp(GraphQL[Any, None]):
    """The ASGI application at /graphql, for HTTP and WebSocket alike."""

    request_adapter_class = BoundedRequest
    websocket_adapter_class = SocketAdapter
    graphql_transport_ws_handler_class = SocketHandler

    def __init__(
        self,
        schema: BaseSchema,
        *,
        graphql_ide: GraphQL_IDE | None = "graphiql",
        allowed_origins: Sequence[str] = (),
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=graphql_ide,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=INIT_TIMEOUT,
            max_subscriptions_per_connection=None,  # the handler's own bound answers with a code
            allowed_origins=allowed_origins,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.serve_socket(scope, receive, send)
        else:
            response = await self.respond(Request(scope, receive))
            await response(scope, receive, send)

    async def serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        stalled = False
        try:
            async with asyncio.timeout(None) as patience:

                def hang_up() -> None:
                    # The reading side waits for a message that will not come: end it too.
                    nonlocal stalled
                    stalled = True
                    patience.reschedule(0)

                await self.run(WebSocket(scope, receive, in_time(send, hang_up)))
        except TimeoutError:
            if not stalled:
                raise

    async def respond(self, request: Request) -> Response:
        try:
            return await self.run(request)
        except HTTPException as refused:
            return self.refuse_as_http(request, refused)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as error:
            code, message, extensions = describe(error)
            return self.refuse(request, STATUS[code], message, {**extensions, "code": code})

    def refuse_as_http(self, request: Request, refused: HTTPException) -> Response:
        cause, status, headers = refused.__cause__, refused.status_code, {}
        if isinstance(cause, InvalidOperationTypeError):
            if cause.operation_type is OperationType.MUTATION:
                status, headers = 405, {"allow": "POST"}
        elif status == 405:
            headers = {"allow": "GET, POST"}
        return self.refuse(request, status, refused.reason, {"code": "BAD_REQUEST"}, headers)

    def refuse(
        self,
        request: Request,
        status: int,
        message: str,
        extensions: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        body = self.encode_json({"errors": [{"message": message, "extensions": extensions}]})
        media_type = negotiate(request.headers.get("accept", ""))
        kind = LastAnswer if status == 413 else Response
        return kind(body, status, headers, f"{media_type}; charset=utf-8")

    def decode_json(self, data: str | bytes) -> object:
        if len(data) > MAX_BODY_BYTES:
            raise json.JSONDecodeError("Too long", "", 0)
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    def parse_json(self, data: str | bytes) -> dict[str, Any]:
        """An object, or null: of the body, or of the variables in a URL."""
        value = super().parse_json(data)
        if not isinstance(value, dict | None):
            raise HTTPException(400, "The JSON must be an object.")
        return value or {}

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Only a browser asks for HTML by name; Strawberry gives it to `*/*` too."""
        asks = "text/html" in request.headers.get("accept", "")
        return asks and super().should_render_graphql_ide(request)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "POST":
            require_json(request.content_type or "")
        data = await super().parse_http_body(request)
        assert isinstance(data, GraphQLRequestData), "parse_json lets no list through"
        if not isinstance(data.operation_name, str | None):
            raise HTTPException(400, "The `operationName` must be a string.")
        data.operation_name = data.operation_name or None
        return data

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        response.media_type = negotiate(request.headers.get("accept", ""))
        return response

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """Where nothing was executed the specification wants no `data`, not even null."""
        response = await super().process_result(request, result)
        if result.data is None and all(error.path is None for error in result.errors or ()):
            del response["data"]
        return response

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        status = 200
        if "data" not in response_data and sub_response.media_type == GRAPHQL:
            status = STATUS[response_data["errors"][0]["extensions"]["code"]]
        response = Response(
            self.encode_json(response_data),
            sub_response.status_code or status,
            media_type=f"{sub_response.media_type}; charset=utf-8",
            background=sub_response.background,
        )
        response.headers.raw.extend(sub_response.headers.raw)
        return response

    async def _create_streaming_response(
        self, request: Request, result: Any, protocol: str, sub_response: Response
    ) -> Response:
        transport = self._get_stream_transport(protocol)
        assert transport, "the protocol was found by its transport"

        async def events() -> AsyncGenerator[str, None]:
            async with aclosing(result):
                async for value in result:
                    response = await self.process_result(request, value)
                    yield transport.encode_next(response, self.encode_json_string)
            yield transport.encode_complete()

        headers = {**sub_response.headers, **transport.headers}
        beat = transport.heartbeat_message(self.encode_json_string)
        return EventStream(events(), headers, beat, transport.heartbeat_interval)
