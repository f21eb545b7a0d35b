"""uvicorn's HTTP protocol, but taking leave when the server stops: nobody is cut off unanswered."""

from datetime import timedelta

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from transport.bounded_protocol import BoundedProtocol
from transport.last_call import last_call

# A request may be on its way on a connection where nothing is under way. One that comes within
# this time is answered; then the connection is closed, and only who asks just then has to ask
# another server.
LISTEN_ON = timedelta(seconds=0.5)
# Who has begun with a request gets so much longer to end it.
HEAR_OUT = timedelta(seconds=1.5)


class PartingProtocol(BoundedProtocol):
    """Answers what comes after the last call, too, and says that this was it.

    uvicorn closes each connection where nothing is under way at once, with requests that it has
    not read, or not to their end.
    """

    def on_headers_complete(self) -> None:
        """Begin with the answer, the last one after the last call."""
        super().on_headers_complete()
        if last_call.given and self.cycle is not None:
            self.cycle.keep_alive = False

    def handle_websocket_upgrade(self) -> None:
        """Open no WebSocket that nobody would close any more."""
        if not last_call.given:
            super().handle_websocket_upgrade()
            return
        head = STATUS_LINE[503], b"connection: close\r\ncontent-length: 0\r\n\r\n"
        self.transport.write(b"".join(head))
        self.transport.close()

    def shutdown(self) -> None:
        """Have the connection end by itself: after its answer, or if nothing comes."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(LISTEN_ON.total_seconds(), self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.receiving:
            self.loop.call_later(HEAR_OUT.total_seconds(), self._close_unless_answering)
        else:
            self._close_unless_answering()

    def _close_unless_answering(self) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if answered and not self.transport.is_closing():
            self.transport.close()
