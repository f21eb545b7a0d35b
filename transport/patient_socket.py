"""uvicorn's WebSocket protocol, with bounds for what comes: served in turn, whole, and in time."""

import asyncio
from datetime import timedelta
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from transport.bodies import LINGER, MAX_BODY_BYTES
from transport.connections import connections
from transport.patience import clock_of
from transport.refusal import MALFORMED
from transport.unread import UnreadProtocol

# As for a body.
MESSAGE_TIMEOUT = timedelta(seconds=30)
# What is read at once may be thousands of messages. So many bytes are taken apart, then served.
PIECE = 4_096
# A page subscribes at once to all that it shows. Who says more in a second is heard in the next.
MESSAGES_PER_SECOND = 200
# Nobody has cause to ping so often, or to send a message in so many parts.
PINGS_PER_SECOND = 100
MAX_PARTS = 1_000
# What may lie about of messages that are not whole, in a process.
MAX_UNFINISHED_BYTES = 64 * MAX_BODY_BYTES

INVALID_TEXT, VIOLATION, TOO_BIG, TRY_AGAIN_LATER = 1007, 1008, 1009, 1013


class PatientSocket(UnreadProtocol, WebSocketsSansIOProtocol):
    """Reads on when what was read is served, and sends away who floods it or is never done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unfinished = clock_of(self.loop).waiting(MESSAGE_TIMEOUT, PatientSocket._is_late)
        self._held = 0
        self._unfed = b""
        self._second = self.loop.time()
        self._messages = self._pings = 0

    @property
    def peer(self) -> str:
        """The address at the other end."""
        return self.client[0] if self.client else ""

    def connection_made(self, transport: Any) -> None:
        """Take the connection over."""
        super().connection_made(transport)
        connections.enter(self.peer, proxy=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """There is room again."""
        super().connection_lost(exc)
        self._hold(0)
        connections.leave(self.peer)

    def data_received(self, data: bytes) -> None:
        """Take apart what is served next. The rest waits, and nothing more is read meanwhile."""
        self._unfed += data
        self._feed()
        if self._unfed and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    async def receive(self) -> Any:
        """The next message, in its turn."""
        message = await self.queue.get()
        if message["type"] == "websocket.receive":
            await self._keep_pace()
        self._feed()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()
        return message

    def send_receive_event_to_app(self) -> None:
        """Hand over a message that is whole."""
        self._hold(0)
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self.frames = []
            self.send_away(INVALID_TEXT, "A message must be UTF-8.")
        else:
            super().send_receive_event_to_app()

    def handle_cont(self, event: Any) -> None:
        """Take a further part of a message."""
        if len(self.frames) < MAX_PARTS:
            super().handle_cont(event)
        else:
            self.send_away(TOO_BIG, f"A message has at most {MAX_PARTS} parts.")

    def handle_ping(self) -> None:
        """Answer, unless answers pile up."""
        self._count_ping()
        if self.writable.is_set() and not self.close_sent:
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_pong(self, event: Any) -> None:
        """Take the answer to our own ping, or whatever it is."""
        self._count_ping()
        super().handle_pong(event)

    def handle_parser_exception(self) -> None:
        """What comes is no WebSocket's."""
        if self.close_sent:
            return  # it is over already, and soon closed
        close = self.conn.close_sent
        if close is not None:
            self._take_leave(close.code, close.reason)
        else:  # nor a handshake
            self.transport.write(MALFORMED.written(self.default_headers))
            self.transport.close()

    def send_away(self, code: int, reason: str) -> None:
        """Close with a code, and don't read on."""
        if not (self.close_sent or self.transport.is_closing()):
            self.conn.fail(code, reason)
            self._take_leave(code, reason)

    def _take_leave(self, code: int, reason: str) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._hold(0)
        self._unfed = b""
        # Closed on unread input it would be reset, and what was written would be lost.
        self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER.total_seconds(), self.transport.close)

    def _feed(self) -> None:
        while self._unfed and (self.close_sent or self.queue.empty()):
            if self.transport.is_closing():
                self._unfed = b""
                return
            piece, self._unfed = self._unfed[:PIECE], self._unfed[PIECE:]
            super().data_received(piece)
        if not self.close_sent:
            self._hold(len(self.conn.reader.buffer) + (self.conn.current_size or len(self.frames)))

    def _hold(self, size: int) -> None:
        """Keep account of the bytes of a message that is not whole."""
        before, self._held = self._held, size
        self._unfinished.held += size - before
        if not size:
            self._unfinished.end(self)
        elif not before:
            self._unfinished.begin(self)
        if size and self._unfinished.held > MAX_UNFINISHED_BYTES:
            self.send_away(TRY_AGAIN_LATER, "Too much is on its way to the box office.")

    def _is_late(self) -> None:
        if self.read_paused:  # it is we who don't read
            self._unfinished.begin(self)
        else:
            seconds = int(MESSAGE_TIMEOUT.total_seconds())
            self.send_away(VIOLATION, f"A message must be here within {seconds} seconds.")

    async def _keep_pace(self) -> None:
        left = self._left_of_second()
        self._messages += 1
        if self._messages > MESSAGES_PER_SECOND:
            await asyncio.sleep(left)
        elif not self.queue.empty():
            await asyncio.sleep(0)  # others want to be served, too

    def _count_ping(self) -> None:
        self._left_of_second()
        self._pings += 1
        if self._pings > PINGS_PER_SECOND:
            self.send_away(VIOLATION, f"At most {PINGS_PER_SECOND} pings in a second.")

    def _left_of_second(self) -> float:
        """Count anew where a second is over; returns what is left of this one."""
        now = self.loop.time()
        if now - self._second >= 1:
            self._second, self._messages, self._pings = now, 0, 0
        return self._second + 1 - now


def _is_text(parts: list[bytes]) -> bool:
    try:
        b"".join(parts).decode()
    except UnicodeDecodeError:
        return False
    return True
