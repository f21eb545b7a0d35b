"""uvicorn's HTTP protocol, saying goodbye in order: first what is owed, then why, then the end."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from transport.refusal import Refusal


class RefusingProtocol(HttpToolsProtocol):
    """Refuses what comes, after the answers to what came before.

    uvicorn writes its refusal at once, and who sent two requests would take it for the answer to
    the first, which may have been a booking.
    """

    last_words: Refusal | None = None
    incoming: Any = None  # the cycle of a request whose body still comes

    @property
    def owing(self) -> bool:
        """Whether an answer is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def on_headers_complete(self) -> None:
        """Begin with the answer."""
        before = self.cycle
        super().on_headers_complete()
        self.incoming = self.cycle if self.cycle is not before else None

    def on_message_complete(self) -> None:
        """It is whole."""
        self.incoming = None
        super().on_message_complete()

    def refuse(self, refusal: Refusal) -> None:
        """Say why when nothing is owed any more, and hang up. What comes until then isn't read."""
        if self.last_words is not None or self.transport.is_closing():
            return
        # The way that it came leads to us, and to what was read: a circle, which would stay until
        # the collector comes by.
        self.last_words, refusal.__context__ = refusal.with_traceback(None), None
        if self._give_up_incoming() or self.owing:
            self.flow.pause_reading()
        else:
            self.say_last_words()

    def _give_up_incoming(self) -> bool:
        """Have nobody wait for the rest of a body; returns whether somebody else waits before."""
        cycle, self.incoming = self.incoming, None
        if cycle is None:
            return False
        queued = bool(self.pipeline) and self.pipeline[0][0] is cycle
        if queued:
            self.pipeline.popleft()
        elif cycle.response_started:
            self.transport.close()  # after half an answer there is nothing to be said
        cycle.disconnected = cycle.response_complete = True
        cycle.message_event.set()
        return queued

    def on_response_complete(self) -> None:
        """Go on with who waits behind this one, or with what is left to be said."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self.flow.resume_reading()
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.last_words is not None:
            self.say_last_words()
        else:
            self.flow.resume_reading()

    def say_last_words(self) -> None:
        """Write the refusal, and listen on without hearing.

        A connection that is closed on unread input is reset, and what was written would be lost.
        """
        if self.last_words is None or self.transport.is_closing():
            return
        self.transport.write(self.last_words.written(self.server_state.default_headers))
        self.transport.write_eof()
        self.flow.resume_reading()
