"""WebSockets that send too much, too fast, nothing whole or nothing at all."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest

from tests import hurried
from tests.serving import Served, serve
from tests.test_http_protocol import CREATE
from tests.wire_attacks import CONTINUED, HANDSHAKE, PING, SOCKET_ATTACKS, TEXT, SocketAttack, frame
from transport.patient_socket import MESSAGES_PER_SECOND

pytestmark = pytest.mark.any_postgres

PATIENCE = 5.0
DRIP = 0.02
HELLO = frame(TEXT, b'{"type":"connection_init"}')
PING_TEXT = frame(TEXT, b'{"type":"ping"}')
WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version } }"


@pytest.fixture(scope="module")
def hasty(shared_database_url: str) -> Iterator[Served]:
    """A server without patience."""
    with serve(shared_database_url, "tests.hurried") as server:
        yield server


class Socket:
    """The client's end of a WebSocket, which sends what it likes."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send, as far as the server will have it."""
        with suppress(ConnectionError):
            self.raw.sendall(data)

    def hear(self) -> tuple[int, bytes]:
        """The kind and payload of the next frame."""
        while True:
            if found := self._next_frame():
                return found
            chunk = self.raw.recv(65_536)
            assert chunk, "it ended without a goodbye"
            self._buffer += chunk

    def close_code(self) -> int:
        """What it is closed with."""
        while True:
            kind, payload = self.hear()
            if kind == 8:
                return int.from_bytes(payload[:2])

    def _next_frame(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < 4:
            return None
        kind, size, start = self._buffer[0] & 0x0F, self._buffer[1], 2
        if size == 126:
            size, start = int.from_bytes(self._buffer[2:4]), 4
        assert size < 127, "no answer here is so long"
        if len(self._buffer) < start + size:
            return None
        payload, self._buffer = self._buffer[start : start + size], self._buffer[start + size :]
        return kind, payload


@contextmanager
def greeted(server: Served) -> Iterator[Socket]:
    host, port = server.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=PATIENCE)) as raw:
        raw.sendall(HANDSHAKE + b"\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += raw.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        opened = Socket(raw)
        opened.send(HELLO)
        assert opened.hear() == (TEXT, b'{"type":"connection_ack"}')
        yield opened


@pytest.mark.parametrize("attack", SOCKET_ATTACKS, ids=lambda attack: attack.name)
def test_what_is_wrong_ends_a_socket_with_its_code(served: Served, attack: SocketAttack) -> None:
    with greeted(served) as opened:
        opened.send(attack.sent)
        assert opened.close_code() == attack.code
    assert served.data("{ __typename }") == {"__typename": "Query"}


def test_a_character_may_be_in_two_parts(served: Served) -> None:
    whole = '{"type":"ping","payload":{"€":1}}'.encode()
    cut = whole.index("€".encode()) + 1
    with greeted(served) as opened:
        opened.send(frame(TEXT, whole[:cut], last=False) + frame(PING) + frame(0, whole[cut:]))
        assert opened.hear() == (10, b"")
        assert opened.hear() == (TEXT, b'{"type":"pong"}')


def test_who_says_too_much_is_held_back(served: Served) -> None:
    with greeted(served) as opened:
        began = time.monotonic()
        count = 2 * MESSAGES_PER_SECOND
        opened.send(PING_TEXT * count)
        for _ in range(count):
            assert opened.hear() == (TEXT, b'{"type":"pong"}')
        assert time.monotonic() - began > 0.5


def test_who_says_too_much_is_not_read_on(served: Served) -> None:
    with greeted(served) as opened:
        opened.raw.settimeout(0.5)
        with pytest.raises(TimeoutError):  # the kernel's buffers are full, and ours have no more
            opened.raw.sendall(PING_TEXT * 1_000_000)


def test_half_a_message_ends_a_socket_in_time(hasty: Served) -> None:
    with greeted(hasty) as opened:
        opened.send(PING_TEXT[:-1])
        assert opened.close_code() == 1008


def test_a_message_that_drips_ends_a_socket_in_time(hasty: Served) -> None:
    with greeted(hasty) as opened:
        opened.send(frame(TEXT, b"{", last=False))
        opened.raw.settimeout(DRIP)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            opened.send(frame(CONTINUED, b" ", last=False))
            with suppress(TimeoutError):
                assert opened.close_code() == 1008
                return
        raise AssertionError("nobody minded")


def test_what_lies_about_of_messages_is_bounded(hasty: Served) -> None:
    half = frame(TEXT, b" " * 200_000)[:100_000]
    with ExitStack() as sockets:
        opened = [sockets.enter_context(greeted(hasty)) for _ in range(5)]
        for each in opened:
            each.send(half)
        assert {each.close_code() for each in opened} == {1008, 1013}


def test_a_socket_for_nothing_is_closed(hasty: Served) -> None:
    with greeted(hasty) as opened:
        opened.send(PING_TEXT)
        assert opened.hear() == (TEXT, b'{"type":"pong"}')
        assert opened.close_code() == 1000


def test_a_socket_is_kept_as_long_as_something_is_watched(hasty: Served) -> None:
    given = {"name": "Last night", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 10}
    show_id = hasty.data(CREATE, input=given)["createShow"]["id"]
    payload = {"query": WATCH, "variables": {"id": show_id}}
    message = {"type": "subscribe", "id": "1", "payload": payload}
    with greeted(hasty) as opened:
        opened.send(frame(TEXT, json.dumps(message).encode()))
        assert b'"next"' in opened.hear()[1]
        time.sleep(2.5 * hurried.IDLE.total_seconds())
        opened.send(PING_TEXT)
        assert opened.hear() == (TEXT, b'{"type":"pong"}')
        opened.send(frame(TEXT, b'{"type":"complete","id":"1"}'))
        assert opened.close_code() == 1000
