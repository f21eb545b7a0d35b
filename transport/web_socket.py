"""Subscriptions over WebSocket: graphql-transport-ws, with no message trusted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from datetime import timedelta
from typing import Any, cast

import orjson
from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from starlette.websockets import WebSocketDisconnected as WebSocketClosed
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.types.execution import PreExecutionError

from execution.pushing import Answers
from execution.shared import EncodedResult
from schema.errors import ApiError, RateLimited, describe, in_short, told
from telemetry import operations
from transport.patience import Waiting, clock_of
from transport.socket_protocol import SHORT_WAY

# A socket that nobody asks anything on. Clients open another one when they have cause to.
IDLE_TIMEOUT = timedelta(minutes=5)
# A page watches a handful of shows; each operation may hold one unsent update in memory.
MAX_OPERATIONS_PER_SOCKET = 50
MAX_CLOSE_REASON_BYTES = 123  # RFC 6455, 5.5: a control frame has 125, two are the code


class SocketAdapter(ASGIWebSocketAdapter):
    def __init__(self, view: Any, request: WebSocket, response: WebSocket) -> None:
        super().__init__(view, request, response)
        short_way = self.ws.scope.get("extensions", {}).get(SHORT_WAY)
        self.write: Callable[..., bool | None] | None = short_way and short_way["write"]

    async def send_json(self, message: Mapping[str, object]) -> None:
        with _gone():
            await self.ws.send_text(self.view.encode_json_string(message))

    async def send_late(self, *parts: bytes) -> None:
        """Send encoded text where `write` could not: the client must be waited for, or is gone."""
        with _gone():
            sent = False if self.write else None
            while self.write and sent is False:
                # Nothing, but when it has read. Others may have waited for the same, and go first.
                await self.ws.send({"type": "websocket.send"})
                sent = self.write(*parts)
            if not sent:
                await self.ws.send_text(b"".join(parts).decode())

    async def close(self, code: int, reason: str) -> None:
        """Also where it is closed already: two operations may both find cause."""
        short = reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore")
        if self.ws.application_state == WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect):
                await self.ws.close(code, short)


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except (WebSocketDisconnect, WebSocketClosed) as gone:
        raise WebSocketDisconnected from gone


def find_flaw(message: object) -> str | None:
    """What is wrong with the shape of a graphql-transport-ws message. Strawberry trusts it."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "A message must be an object with a type."
    if message["type"] in ("subscribe", "complete") and not isinstance(message.get("id"), str):
        return "The message's id must be a string."
    return find_payload_flaw(message.get("payload")) if message["type"] == "subscribe" else None


def find_payload_flaw(payload: object) -> str | None:
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str | None):
        return "The payload must be an object with a query."
    if not isinstance(payload.get("operationName"), str | None):
        return "The payload's operationName must be a string."
    for name in ("variables", "extensions"):
        if not isinstance(payload.get(name), dict | None):
            return f"The payload's {name} must be an object."
    if payload.get("query") is None and not payload.get("extensions"):  # which may name it by hash
        return "The payload must be an object with a query."
    return None


# graphql-transport-ws has a code for the first two; the last is RFC 6455's "try again later".
_CLOSE_CODES = {
    "UNAUTHENTICATED": 4403,
    "FORBIDDEN": 4403,
    "RATE_LIMITED": 4429,
    "UNAVAILABLE": 1013,
}

_NEXT = b'{"id":%b,"type":"next","payload":'


def _cannot(*parts: bytes) -> bool:
    return False


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    view: Any
    websocket: SocketAdapter
    watching: asyncio.Task[None] | None = None
    used = False  # since it was last looked at
    closing: asyncio.Task[None] | None = None

    def on_request_accepted(self) -> None:
        """Look at times whether it is for something."""
        super().on_request_accepted()
        self._sockets.begin(self)

    @property
    def _sockets(self) -> Waiting:
        clock = clock_of(asyncio.get_running_loop())
        return clock.waiting(IDLE_TIMEOUT, SocketHandler.close_if_idle)

    def close_if_idle(self) -> None:
        """Close it, unless something was asked for or is under way."""
        if self.used or self.operations:
            self.used = False
            self._sockets.begin(self)
        else:
            self.closing = asyncio.create_task(self.websocket.close(1000, "Nothing is asked for."))
            self.closing.add_done_callback(self._task_done)

    async def handle_message(self, message: Any) -> None:
        if flaw := find_flaw(message):
            await self.handle_invalid_message(flaw)
        else:
            await super().handle_message(message)

    async def handle_connection_init(self, message: Any) -> None:
        """Let in who is somebody. Clients come again with another token on 4403."""
        try:
            await super().handle_connection_init(message)
        except Exception as error:
            code, reason = in_short(error)
            await self.websocket.close(_CLOSE_CODES.get(code, 1011), reason)
            return
        over = self.connection_acknowledged and self.view.watch(self.context)
        if over and self.watching is None:
            self.watching = asyncio.create_task(self.send_away(over()))
            self.watching.add_done_callback(self._task_done)

    async def send_away(self, over: Coroutine[Any, Any, None]) -> None:
        await over
        await self.websocket.close(4403, "The token has expired.")

    async def shutdown(self) -> None:
        self._sockets.end(self)
        if self.watching:
            self.watching.cancel()
        await super().shutdown()

    async def handle_subscribe(self, message: Any) -> None:
        self.used = True
        begins = self.connection_acknowledged and message["id"] not in self.operations
        try:
            if begins:
                await self._check(message["payload"])
        except ApiError as refusal:
            await self.refuse(message["id"], refusal)
        else:
            await super().handle_subscribe(message)

    async def _check(self, payload: dict[str, Any]) -> None:
        """Refuse one more where there are too many, or put its text where a hash was sent."""
        if len(self.operations) >= MAX_OPERATIONS_PER_SOCKET:
            limit = {"name": "operationsPerConnection", "max": MAX_OPERATIONS_PER_SOCKET}
            message = f"At most {MAX_OPERATIONS_PER_SOCKET} operations on one connection."
            raise RateLimited(message, {"limit": limit})
        query, extensions = payload.get("query"), payload.get("extensions")
        payload["query"] = await self.view.schema.text_of(query, extensions, self.context)

    async def refuse(self, operation_id: str, refusal: ApiError) -> None:
        operations.refused(refusal.code)
        error_message: Any = {"id": operation_id, "type": "error", "payload": [told(refusal)]}
        await self.send_message(error_message)

    async def run_operation(self, operation: Any) -> None:
        """Run it to its end. What fails on the way is an error: Strawberry calls it complete."""
        with operations.begin() as running:
            running.client = self.view.kind_of(self.context)
            try:
                await self._run(operation)
            except WebSocketDisconnected:
                operations.failed(operations.GONE)
                self.operations.pop(operation.id, None)
            except Exception as error:
                refusal = told(error)
                operations.failed(refusal["extensions"]["code"])
                error_message = {"id": operation.id, "type": "error", "payload": [refusal]}
                with suppress(WebSocketDisconnected):
                    await operation.send_operation_message(error_message)

    async def _run(self, operation: Any) -> None:
        results = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=self.context,
            root_value=self.root_value,
            operation_name=operation.operation_name,
        )
        async with aclosing(cast(AsyncGenerator[Any, None], results)):
            await self._send_result_stream(operation, results)
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _send_result_stream(self, operation: Any, result_source: Any) -> None:
        try:
            await self._relay(operation, result_source)
        except WebSocketDisconnected:
            # It closes its generator now. Shutdown must not find it: cancelled a second time, the
            # generator's `finally` would stop at its first await.
            self.operations.pop(operation.id, None)
            raise

    async def _relay(self, operation: Any, results: AsyncIterator[Any]) -> None:
        """Send each result. What is encoded already takes the shortest way there is."""
        head, write = _NEXT % orjson.dumps(operation.id), self.websocket.write or _cannot
        before = True

        def send(encoded: bytes) -> bool:
            return bool(write(head, encoded, b"}"))

        async for result in results:
            if type(result) is EncodedResult:
                if not send(result.encoded):
                    await self.websocket.send_late(head, result.encoded, b"}")
                if isinstance(results, Answers):
                    await results.push(send)
            elif before and isinstance(result, PreExecutionError):
                await self._handle_pre_execution_error(operation, result)
                return
            else:
                await operation.send_next(result)
            before = False

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):
            describe(error)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """None: a syntax error is that operation's alone, and does not end its neighbours'."""
        return None
