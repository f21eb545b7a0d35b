"""The last resort: what escapes from an application is logged once, and its id told the client."""

from contextlib import suppress

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from schema.errors import in_short, told


class LastResort:
    """An ASGI application that answers where the one within it fails: as JSON, without a cause.

    uvicorn answers "Internal Server Error" as text, and logs what it is without an id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve. What fails after a response has begun is left to the server, which hangs up."""
        began = gone = False

        async def watch(message: Message) -> None:
            nonlocal began, gone
            began = True
            try:
                await send(message)
            except OSError:
                gone = True
                raise

        try:
            await self.app(scope, receive, watch)
        except WebSocketDisconnect:
            return  # nobody is there to be told
        except Exception as error:
            if gone or scope["type"] == "lifespan" or (began and scope["type"] == "http"):
                raise
            if scope["type"] == "http":
                await JSONResponse({"errors": [told(error)]}, 500)(scope, receive, send)
            elif began:
                await _close(error, send)
            else:
                answer = JSONResponse({"errors": [told(error)]}, 500)
                await WebSocket(scope, receive, send).send_denial_response(answer)


async def _close(error: Exception, send: Send) -> None:
    _, reason = in_short(error)
    with suppress(OSError, RuntimeError):  # it is closed already
        await send({"type": "websocket.close", "code": 1011, "reason": reason})
