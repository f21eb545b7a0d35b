"""uvicorn's HTTP protocol, waiting for nobody for ever: what each part of a talk may take."""

from datetime import timedelta
from typing import Any

import httptools

from transport.bodies import LINGER
from transport.patience import Waiting, clock_of
from transport.refusal import MALFORMED, Refusal
from transport.refusing_protocol import RefusingProtocol
from transport.unread import UnreadProtocol

# A head is a packet or two, also over a telephone. It counts from its first byte, or from when
# somebody connected, who then may have nothing to say.
HEAD_TIMEOUT = timedelta(seconds=10)
# For the largest body these are 35 KB in a second; a usual one is there with its head.
BODY_TIMEOUT = timedelta(seconds=30)
# Who is told that it is over, and doesn't take it.
CLOSE_TIMEOUT = timedelta(seconds=10)

HEAD, BODY = "head", "body"


class PatientProtocol(UnreadProtocol, RefusingProtocol):
    """Ends a connection that keeps it waiting.

    Attributes:
        receiving: the part of a request that has begun to come.
        begun: whether it has begun with the last piece that came.
        waiting: what is waited for on this connection.
        come: bytes that have come of the request while it was waited for.
    """

    receiving: str | None = None
    begun = False
    waiting: Waiting | None = None
    come = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        clock, kind = clock_of(self.loop), PatientProtocol
        self.heads = clock.waiting(HEAD_TIMEOUT, kind._head_is_late)
        self.bodies = clock.waiting(BODY_TIMEOUT, kind._body_is_late)
        self._idle = clock.waiting(timedelta(seconds=self.timeout_keep_alive), kind._hang_up)
        self._leaving = clock.waiting(LINGER, kind._hang_up)
        self._closing = clock.waiting(CLOSE_TIMEOUT, kind._cut_off)

    def connection_made(self, transport: Any) -> None:
        """Wait for what they want."""
        super().connection_made(transport)
        self.wait_for(self.heads)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self.wait_for(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless it is over."""
        if self.last_words is not None:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
        except httptools.HttpParserError as error:
            refusal = error.__context__
            self.refuse(refusal if isinstance(refusal, Refusal) else MALFORMED)
            return
        if self.receiving is not None:
            self.wait_for_rest(len(data))
        elif self.owing:
            if self.waiting is not None:
                self.wait_for(None)
        elif self.waiting is not self._idle:
            self.wait_for(self._idle)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to another protocol."""
        self.wait_for(None)
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Keep in mind that this one is owed an answer."""
        self.receiving, self.begun = HEAD, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin with the answer."""
        self.receiving = BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """It is whole."""
        self.receiving = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for what comes next, if it hasn't begun to."""
        super().on_response_complete()
        if self.transport.is_closing():
            self.wait_for(self._closing)
        elif self.receiving is None and self.last_words is None and not self.owing:
            self.wait_for(self._idle)

    def wait_for_rest(self, size: int) -> None:
        """Wait for the rest of a request, of which a piece has come.

        Args:
            size: bytes of the piece.
        """
        waiting = self.heads if self.receiving == HEAD else self.bodies
        if self.begun or self.waiting is not waiting:
            self.wait_for(waiting)
        # What has begun with this piece may be the smallest part of it: a head need not be small
        # for what was before it.
        if not self.begun or self.receiving == BODY:
            self.come += size
            waiting.held += size
        self.begun = False

    def wait_for(self, waiting: Waiting | None) -> None:
        """Wait for something, or for nothing."""
        if self.waiting is not None:
            self.waiting.end(self)
            self.waiting.held -= self.come
        self.waiting, self.come = waiting, 0
        if waiting is not None:
            waiting.begin(self)

    def refuse(self, refusal: Refusal) -> None:
        """Wait for nothing more from them."""
        self.wait_for(None)
        super().refuse(refusal)
        if self.transport.is_closing():
            self.wait_for(self._closing)

    def say_last_words(self) -> None:
        """Give them a moment to hear it."""
        super().say_last_words()
        self.wait_for(self._leaving)

    # What is done with who takes too long

    def _head_is_late(self) -> None:
        if self.receiving is None:
            self._hang_up()  # some connect ahead of time, and expect no answer
        else:
            self._is_late("head", HEAD_TIMEOUT, self.heads)

    def _body_is_late(self) -> None:
        self._is_late("body", BODY_TIMEOUT, self.bodies)

    def _is_late(self, part: str, timeout: timedelta, waiting: Waiting) -> None:
        if self.flow.read_paused:  # it is we who don't read
            waiting.begin(self)
            return
        seconds = int(timeout.total_seconds())
        message = f"The {part} of a request must be here within {seconds} seconds."
        self.refuse(Refusal(408, message, limit=(f"{part}Seconds", seconds)))

    def _hang_up(self) -> None:
        self.transport.close()
        self.wait_for(self._closing)

    def _cut_off(self) -> None:
        self.transport.abort()
