"""What comes over the wire has bounds and one meaning: the rest is refused and harms nobody."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import orjson
import pytest

from tests.serving import Served
from tests.test_http_protocol import ANSWER, answers_in, talk
from tests.test_http_protocol import request as plain
from tests.wire_attacks import ATTACKS, WireAttack
from transport.bounded_protocol import MAX_AHEAD

PATIENCE = 5.0
# A plain request that the long way answers, too.
LAST = plain("connection: close")
NO_HTTP = b"nonsense\r\n\r\n"


@contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    host, port = served.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=PATIENCE)) as raw:
        yield raw


def read_to_end(raw: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while chunk := raw.recv(65_536):
            received += chunk
    return received


def read_answer(raw: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while not (received and all(len(body) == _length(head) for head, body in answers_in(received))):
        chunk = raw.recv(65_536)
        assert chunk, received
        received += chunk
    [answer] = answers_in(received)
    return answer


def _length(head: bytes) -> int:
    return int(head.partition(b"content-length: ")[2].split(b"\r", 1)[0])


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_is_wrong_is_answered_once_with_what_it_is(served: Served, attack: WireAttack) -> None:
    with connected(served) as raw:
        with suppress(ConnectionError):  # it hangs up while we send
            raw.sendall(attack.sent)
        if attack.ends:
            answers = answers_in(read_to_end(raw))
            assert len(answers) == attack.answers
            head, body = answers[-1]
            assert b"connection: close" in head
        else:
            head, body = read_answer(raw)
            raw.sendall(LAST)
            assert answers_in(read_to_end(raw))[0][1] == ANSWER
    assert head.split(b" ")[1] == b"%d" % attack.status
    [error] = orjson.loads(body)["errors"]
    assert error["message"]
    assert error["extensions"]["code"] == attack.code
    assert error["extensions"].get("limit", {}).get("name", "") == attack.limit
    assert answers_in(talk(served, LAST))[0][1] == ANSWER


@pytest.mark.parametrize("first", [plain(), LAST.replace(b"connection: close\r\n", b"x: y\r\n")])
def test_who_sends_nonsense_behind_a_request_gets_the_answer_first(
    served: Served, first: bytes
) -> None:
    (_, answer), (refused, _) = answers_in(talk(served, first + NO_HTTP))
    assert answer == ANSWER
    assert b" 400 " in refused.split(b"\r\n")[0]


def test_requests_ahead_of_their_answers_are_bounded(served: Served) -> None:
    get = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    answers = answers_in(talk(served, get * 3 * MAX_AHEAD))
    statuses = [head.split(b" ")[1] for head, _ in answers]
    assert statuses[-1] == b"429"
    assert set(statuses[:-1]) == {b"200"}
    assert MAX_AHEAD <= len(statuses) - 1 < 2 * MAX_AHEAD
    extensions = orjson.loads(answers[-1][1])["errors"][0]["extensions"]
    assert extensions == {
        "code": "RATE_LIMITED",
        "limit": {"name": "requestsAhead", "max": MAX_AHEAD},
    }
