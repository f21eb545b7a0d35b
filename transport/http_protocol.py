"""uvicorn's HTTP protocol, with a short way out for an answer that is whole already."""

from collections.abc import Callable
from typing import Any

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

# The scope's extension that has `answer`.
SHORT_WAY = "boxoffice.answer"

Answer = Callable[[int, bytes, bytes], bool]


class HttpProtocol(HttpToolsProtocol):
    """Takes a whole answer in one step and one write."""

    def on_headers_complete(self) -> None:
        """Tell the application of the short way. Its task starts after this."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.cycle.keep_alive:
            scope: Any = self.scope
            scope["extensions"] = {SHORT_WAY: {"answer": _answering(self.cycle)}}


def _answering(cycle: RequestResponseCycle) -> Answer:
    def answer(status: int, content_type: bytes, body: bytes) -> bool:
        """Send an answer, unless something is not as usual; returns whether it was sent."""
        if cycle.disconnected or cycle.response_started or cycle.flow.write_paused:
            return False
        if cycle.more_body or not cycle.keep_alive or cycle.access_log:
            return False
        head = [STATUS_LINE[status]]
        for name, value in cycle.default_headers:
            head += name, b": ", value, b"\r\n"
        head.append(b"content-length: %d\r\ncontent-type: %b\r\n\r\n" % (len(body), content_type))
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((*head, body)))
        cycle.message_event.set()
        cycle.on_response()
        return True

    return answer


async def send_whole(
    scope: Scope, send: Send, status: int, content_type: bytes, body: bytes
) -> None:
    """Send an answer, by the short way where the server has one."""
    extension = scope.get("extensions", {}).get(SHORT_WAY)
    if extension and extension["answer"](status, content_type, body):
        return
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", content_type)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
