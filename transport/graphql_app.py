"""The ASGI application at /graphql: HTTP after the GraphQL-over-HTTP draft, and WebSockets."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.ides import GraphQL_IDE
from strawberry.http.streaming import HTTPStreamTransport
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UNSET

from access.caller import Caller
from access.turnstile import Passage
from execution.schema import UNPREPARED
from execution.shared import EncodedResult
from schema.errors import STATUS, RateLimited, Unauthenticated, describe, told
from telemetry import metrics, operations
from transport.bodies import (
    GRAPHQL,
    MAX_BODY_BYTES,
    PLAIN,
    BoundedRequest,
    LastAnswer,
    negotiate,
    prefers_stream,
    require_json,
)
from transport.event_stream import EventStream, Watch, encoded_event
from transport.hints import hints
from transport.pages import NO_POWERS, policy_of
from transport.plain_post import Answer, PlainPost, read_plain_head, read_plain_post, replay
from transport.sender import Sender, sender_of
from transport.stalls import in_time
from transport.web_socket import SocketAdapter, SocketHandler

INIT_TIMEOUT = timedelta(seconds=10)
# Who listens is looked at again within this time: a key of theirs may be withdrawn, and a clock be
# set; in seconds, as the next.
LONGEST_SLEEP = 600.0
TRY_AGAIN = 5.0


_CONTENT_TYPES = {name: f"{name}; charset=utf-8".encode() for name in (GRAPHQL, PLAIN)}


def _refusal(message: str, **extensions: Any) -> bytes:
    refused = {"message": message, "extensions": {**extensions, "code": "UNAVAILABLE"}}
    return orjson.dumps({"errors": [refused]})


# Who gets this doesn't know what was done: a booking may be committed yet. Its key will tell.
CUT_OFF = _refusal(
    "The box office is closing, and can't say what became of this.", outcome="UNKNOWN"
)
# Nothing was done. Whoever is before them is heard within the second.
CROWDED = _refusal("Too many are waiting at the box office. Try again in a moment.", retryAfter=1)


NO_LONGER_KNOWN = (
    encoded_event(
        orjson.dumps(
            {
                "errors": [
                    {
                        "message": "The token has expired.",
                        "extensions": {"code": "UNAUTHENTICATED"},
                    }
                ]
            }
        )
    )
    + b"event: complete\r\ndata:\r\n\r\n"
)


def to_answer(result: ExecutionResult) -> GraphQLHTTPResponse:
    """What a client gets. Where nothing was executed there is no `data`, not even null."""
    answer: GraphQLHTTPResponse = {"data": result.data}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
        if result.data is None and all(error.path is None for error in result.errors):
            del answer["data"]
    if result.extensions:
        answer["extensions"] = result.extensions
    return answer


def status_of(answer: Any, media_type: str) -> int:
    """The HTTP status: the strict media type has one for what was not executed."""
    if "data" in answer or media_type != GRAPHQL:
        return 200
    code: str = answer["errors"][0]["extensions"]["code"]
    return STATUS[code]


async def send_whole(
    send: Send, status: int, content_type: bytes, body: bytes, request_id: bytes
) -> None:
    """Send an answer that is whole already."""
    headers = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", content_type),
        (b"x-request-id", request_id),
    ]
    if status >= 400:
        headers += hints(status, body)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class GraphQLApp(GraphQL[Any, None]):
    """The ASGI application at /graphql, for HTTP and WebSocket alike."""

    request_adapter_class = BoundedRequest
    websocket_adapter_class = SocketAdapter
    graphql_transport_ws_handler_class = SocketHandler
    open_sockets = 0

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
            return
        sender = Sender(scope["client"][0] if scope.get("client") else "")
        if scope["method"] == "POST" and (media_type := read_plain_head(scope["headers"], sender)):
            message = await receive()
            whole = not message.get("more_body", False)
            post = read_plain_post(message.get("body", b"")) if whole else None
            if post and (answer := await self.answer_plainly(post, media_type, sender)):
                await send_whole(send, *answer)
                return
            receive = replay(message, receive)
        request = Request(scope, receive)
        trace, id_ = map(request.headers.get, ("traceparent", "x-request-id"))
        with operations.begin(request.method, trace, id_) as operation:
            response = await self.respond(request)
            operation.status = response.status_code
            response.raw_headers.append((b"x-request-id", operation.request_id.encode()))
            await response(scope, receive, send)

    async def answer_plainly(
        self, post: PlainPost, media_type: str, sender: Sender
    ) -> Answer | None:
        """Answer by the short way; None if nothing was done, and the long way is to be taken."""
        operation = operations.begin("POST", sender.traceparent, sender.request_id)
        try:
            result = await self.schema.execute(
                post.query,
                variable_values=post.variables,
                context_value=await self.make_context(sender),
                operation_name=post.operation_name,
                operation_extensions=post.extensions,
            )
            answer = to_answer(result)
            status, body = status_of(answer, media_type), orjson.dumps(answer)
        except UNPREPARED:
            return None
        except Exception as error:
            refusal = told(error)
            operation.fail(refusal["extensions"]["code"])
            status = STATUS[refusal["extensions"]["code"]]
            body = orjson.dumps({"errors": [refusal]})
        except asyncio.CancelledError:
            # The server stops, and what is under way could not be finished within its grace.
            operation.fail(operations.GONE)
            status, body = STATUS["UNAVAILABLE"], CUT_OFF
        operation.status = status
        operation.end()
        return status, _CONTENT_TYPES[media_type], body, operation.request_id.encode()

    def refuse_plainly(self, media_type: str) -> Answer:
        """Answer where too many have come to hear what they ask for."""
        metrics.OVERLOADED.add("door")
        status = STATUS["UNAVAILABLE"] if media_type == GRAPHQL else 200
        operation = operations.refused("UNAVAILABLE", status)
        return status, _CONTENT_TYPES[media_type], CROWDED, operation.request_id.encode()

    async def make_context(self, sender: Sender) -> dict[str, Any]:
        """What resolvers find in their context; an error of the contract's refuses the sender."""
        return {}

    def passage(self, sender: Sender) -> Passage | None:
        """What counts a WebSocket while it lasts, for a start by where it comes from."""
        return None

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> dict[str, Any]:
        sender = sender_of(request)
        if isinstance(request, WebSocket):
            # Who that is, its first message may say.
            return {"sender": sender, "passage": request.state.passage}
        context = {**await self.make_context(sender), "sender": sender}
        request.state.context = context
        return context

    async def on_ws_connect(self, context: Any) -> Any:
        """Find out who calls, by the message that opens a WebSocket or by its handshake."""
        sender, params = context["sender"], context["connection_params"]
        given = params.get("Authorization", params.get("authorization", sender.authorization))
        if not isinstance(given, str | None):
            raise Unauthenticated("The authorization must be a string.")
        context["sender"] = replace(sender, authorization=given)
        context.update(await self.make_context(context["sender"]))
        if passage := context["passage"]:
            passage.become(context["caller"])
        return UNSET

    def kind_of(self, context: Any) -> str:
        """What a caller is to the house."""
        caller: Caller | None = context.get("caller")
        return caller.kind if caller else operations.UNKNOWN

    def watch(self, context: Any) -> Watch | None:
        """What waits until a caller is no longer who they were; None where that never happens."""
        caller: Caller | None = context.get("caller")
        if caller is None or caller.expires_at is None:
            return None
        return partial(self._watch, context, caller)

    async def _watch(self, context: Any, caller: Caller) -> None:
        while caller.expires_at is not None:
            left = caller.expires_at - time.time()
            if left > 0:
                await asyncio.sleep(min(left, LONGEST_SLEEP))
            try:
                context.update(await self.make_context(context["sender"]))
                caller = context["caller"]
            except Exception as error:
                if describe(error)[0] != "UNAVAILABLE":
                    return
                await asyncio.sleep(TRY_AGAIN)
        await asyncio.Event().wait()

    async def serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        passage = socket.state.passage = self.passage(sender_of(socket))
        with ExitStack() as counted:
            try:
                if passage:
                    counted.enter_context(passage)
            except RateLimited as error:
                code, message, extensions = describe(error)
                told = {**extensions, "code": code}
                await socket.send_denial_response(self.refuse(socket, STATUS[code], message, told))
            else:
                await self.serve_admitted(scope, receive, send)

    async def serve_admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        stalled = False
        self.open_sockets += 1
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
        finally:
            self.open_sockets -= 1

    async def respond(self, request: Request) -> Response:
        try:
            return await self.run(request)
        except HTTPException as refused:
            return self.refuse_as_http(request, refused)
        except ClientDisconnect:
            operations.failed(operations.GONE)
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
        extensions: dict[str, Any] = {"code": "BAD_REQUEST"}
        if status == 413:
            extensions["limit"] = {"name": "bodyBytes", "max": MAX_BODY_BYTES}
        return self.refuse(request, status, refused.reason, extensions, headers)

    def refuse(
        self,
        request: HTTPConnection,
        status: int,
        message: str,
        extensions: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        operations.failed(extensions["code"])
        body = self.encode_json({"errors": [{"message": message, "extensions": extensions}]})
        media_type = negotiate(request.headers.get("accept", ""))
        kind = LastAnswer if status == 413 else Response
        response = kind(body, status, headers, f"{media_type}; charset=utf-8")
        response.raw_headers.extend(hints(status, body))
        return response

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

    async def render_graphql_ide(self, request: Request) -> Response:
        page = self.graphql_ide_html
        policies = {"content-security-policy": policy_of(page), "permissions-policy": NO_POWERS}
        return HTMLResponse(page, headers=policies)

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Only a browser asks for HTML by name; Strawberry gives it to `*/*` too."""
        named = request.query_params.get("extensions")  # it may be asked for by hash
        asks = "text/html" in request.headers.get("accept", "") and not named
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

    def _get_stream_transport_from_headers(
        self, headers: Mapping[str, str]
    ) -> HTTPStreamTransport | None:
        accept = headers.get("accept", "")
        return (
            super()._get_stream_transport_from_headers(headers) if prefers_stream(accept) else None
        )

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        response.media_type = negotiate(request.headers.get("accept", ""))
        return response

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        return to_answer(result)

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        media_type = str(sub_response.media_type)
        response = Response(
            self.encode_json(response_data),
            sub_response.status_code or status_of(response_data, media_type),
            media_type=f"{media_type}; charset=utf-8",
            background=sub_response.background,
        )
        response.raw_headers.extend(sub_response.headers.raw)
        response.raw_headers.extend(hints(response.status_code, bytes(response.body)))
        return response

    async def _create_streaming_response(
        self, request: Request, result: Any, protocol: str, sub_response: Response
    ) -> Response:
        transport = self._get_stream_transport(protocol)
        assert transport, "the protocol was found by its transport"

        async def events() -> AsyncGenerator[str | bytes, None]:
            try:
                async with aclosing(result):
                    async for value in result:
                        if isinstance(value, EncodedResult):
                            yield encoded_event(value.encoded)
                            continue
                        response = await self.process_result(request, value)
                        yield transport.encode_next(response, self.encode_json_string)
            except Exception as error:  # the head is out: this is the one place left to say so
                refusal = told(error)
                operations.failed(refusal["extensions"]["code"])
                yield encoded_event(orjson.dumps({"errors": [refusal]}))
            yield transport.encode_complete()

        headers = {**sub_response.headers, **transport.headers}
        beat = transport.heartbeat_message(self.encode_json_string)
        over = self.watch(request.state.context)
        return EventStream(
            events(), headers, beat, transport.heartbeat_interval, over, NO_LONGER_KNOWN
        )
