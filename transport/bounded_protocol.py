"""uvicorn's HTTP protocol, with bounds for what comes: connections, heads, bodies, requests."""

from typing import Any

from transport.bodies import MAX_BODY_BYTES
from transport.connections import connections
from transport.patient_protocol import HEAD, PatientProtocol
from transport.refusal import Refusal

# What browsers and proxies send is a tenth of these.
MAX_HEAD_BYTES = 65_536
MAX_URL_BYTES = 8_192
MAX_HEADERS = 100
# The WebSocket's library reads the head once more, and fails with longer lines.
MAX_LINE_BYTES = 8_000
# A body with what its chunks cost besides. Nobody cuts a large one into chunks smaller than that.
MAX_MESSAGE_BYTES = 2 * MAX_BODY_BYTES
# Each is a call: a mebibyte of them, of a byte each, took 0.2 s.
MAX_PIECES = 20_000
# Requests on one connection ahead of their answers.
MAX_AHEAD = 100
# What may lie about of bodies that are not whole, in a process: of usual ones that is any number.
MAX_UNFINISHED_BYTES = 64 * MAX_BODY_BYTES


class BoundedProtocol(PatientProtocol):
    """Refuses what is too much. What has come whole and small is hardly looked at."""

    large = False  # whether the last piece that came may have made something too large
    body_size = pieces = 0
    peer = ""

    def connection_made(self, transport: Any) -> None:
        """Let one more in, if there is room."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        is_proxy = getattr(self.app, "is_proxy", None)
        refusal = connections.enter(self.peer, is_proxy is not None and is_proxy(self.peer))
        if refusal and connections.overrun:
            transport.write(refusal.written(self.server_state.default_headers))
            transport.close()
        elif refusal:
            self.refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """There is room again."""
        super().connection_lost(exc)
        connections.leave(self.peer)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to another protocol, which counts it."""
        super().handle_websocket_upgrade()
        if self.transport.get_protocol() is not self:
            connections.leave(self.peer)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self.large = self.receiving is not None or len(data) > MAX_URL_BYTES
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Begin with the answer, unless the head alone is reason to refuse."""
        self.check_head()
        self._check_meaning()
        if len(self.pipeline) >= MAX_AHEAD:
            raise Refusal(
                429,
                f"At most {MAX_AHEAD} requests may be ahead of their answers.",
                code="RATE_LIMITED",
                limit=("requestsAhead", MAX_AHEAD),
            )
        self.body_size = self.pieces = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self.body_size += len(body)
        if self.body_size > MAX_BODY_BYTES:
            raise _large_body()
        self.pieces += 1
        if self.pieces > MAX_PIECES:
            message = f"The body comes in more than {MAX_PIECES} pieces."
            raise Refusal(413, message, limit=("bodyPieces", MAX_PIECES))
        super().on_body(body)

    def wait_for_rest(self, size: int) -> None:
        """Wait for the rest, unless there is too much already."""
        super().wait_for_rest(size)
        self.large = True
        try:
            self.check_head()
            self._check_rest()
        except Refusal as refusal:
            self.refuse(refusal)

    def check_head(self) -> None:
        """Refuse a head of many headers or bytes."""
        if len(self.headers) > MAX_HEADERS:
            message = f"A request has at most {MAX_HEADERS} headers."
            raise Refusal(431, message, limit=("headers", MAX_HEADERS))
        if not self.large:
            return
        if len(self.url) > MAX_URL_BYTES:
            message = f"A URL has at most {MAX_URL_BYTES} bytes."
            raise Refusal(414, message, limit=("urlBytes", MAX_URL_BYTES))
        if sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            raise _large_head()

    def _check_rest(self) -> None:
        if self.receiving == HEAD and self.come > MAX_HEAD_BYTES:
            raise _large_head()
        if self.come > MAX_MESSAGE_BYTES:
            raise _large_body()
        if self.bodies.held > MAX_UNFINISHED_BYTES:
            message = "Too much is on its way to the box office. Try again in a moment."
            raise Refusal(503, message, code="UNAVAILABLE", retry_after=1)

    def _check_meaning(self) -> None:
        """Refuse what a proxy before us may have understood otherwise."""
        hosts, with_body = 0, False
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                with_body = True
                if int(value) > MAX_BODY_BYTES:
                    raise _large_body()
            elif name == b"transfer-encoding":
                with_body = True
        if hosts != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            raise Refusal(400, "A request names one host.")
        if self.parser.should_upgrade():
            # The parser takes what comes behind such a head for something else than its body.
            if with_body or self.owing:
                raise Refusal(400, "A connection is upgraded before all else, and without a body.")
            lines = [len(self.url), *(len(name) + len(value) for name, value in self.headers)]
            if max(lines) > MAX_LINE_BYTES:
                message = f"A line of a handshake has at most {MAX_LINE_BYTES} bytes."
                raise Refusal(431, message, limit=("lineBytes", MAX_LINE_BYTES))


def _large_head() -> Refusal:
    message = f"The head of a request has at most {MAX_HEAD_BYTES} bytes."
    return Refusal(431, message, limit=("headBytes", MAX_HEAD_BYTES))


def _large_body() -> Refusal:
    message = f"The body is larger than {MAX_BODY_BYTES} bytes."
    return Refusal(413, message, limit=("bodyBytes", MAX_BODY_BYTES))
