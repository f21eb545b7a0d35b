"""The short way for plain POSTs: what goes over it is what uvicorn would have sent."""

import socket
import time

import orjson
import psycopg
import pytest

from tests.crowd import BOOK
from tests.crowd import request as posted
from tests.serving import Served

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
PATIENCE = 10.0

BODY = '{"query": "{ __typename }"}'
ANSWER = b'{"data":{"__typename":"Query"}}'


def request(*headers: str, method: str = "POST", body: str = BODY) -> bytes:
    """An HTTP request as it is on the wire."""
    head = [
        f"{method} /graphql HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        *headers,
    ]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", body]).encode()


def talk(served: Served, *sent: bytes) -> bytes:
    """Send and read until the server closes the connection."""
    host, port = served.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        for data in sent:
            raw.sendall(data)
        received = b""
        while chunk := raw.recv(65_536):
            received += chunk
    return received


def answers_in(received: bytes) -> list[tuple[bytes, bytes]]:
    """Head and body of each answer."""
    answers = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        [length] = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        size = int(length.split(b":")[1])
        answers.append((head, rest[:size]))
        received = rest[size:]
    return answers


def lines_of(head: bytes) -> set[bytes]:
    """The lines of a head, in any order; of what is always another, only that it is there."""
    changing = (b"date", b"x-request-id")
    names = {line: line.partition(b":")[0] for line in head.split(b"\r\n")}
    return {name if name in changing else line for line, name in names.items()}


CLOSE = request("connection: close")


def test_an_answer_by_the_short_way_is_the_same_as_by_the_long_one(served: Served) -> None:
    """What closes its connection takes the long way."""
    (short, first), (long, second) = answers_in(talk(served, request(), CLOSE))
    assert first == second == ANSWER
    assert lines_of(short) == lines_of(long) - {b"connection: close"}


def chunked(body: str) -> bytes:
    """The same request in chunks, which takes the long way."""
    head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    chunks = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    return f"{head}transfer-encoding: chunked\r\n\r\n{chunks}".encode()


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        "{",
        "[]",
        "{}",
        '{"query": 1}',
        '{"query": ""}',
        '{"query": "{"}',
        '{"query": "{ nothing }"}',
        '{"query": "{ __typename }", "variables": []}',
        '{"query": "{ __typename }", "operationName": "Other"}',
        '{"query": "query A { __typename } query B { __typename }"}',
        '{"query": "subscription { booking(id: 1) { id } }"}',
        '{"query": "query ($first: Int!) { shows(first: $first) { edges { cursor } } }"}',
        '{"query": "{ shows(first: 0) { edges { cursor } } }"}',
    ],
)
def test_both_ways_answer_alike(served: Served, body: str) -> None:
    answers = answers_in(talk(served, request(body=body), chunked(body), request(body=body), CLOSE))
    (short, first), (long, second), (_, again), _ = answers
    assert first == second == again
    assert lines_of(short) == lines_of(long)


def test_requests_sent_before_their_answers_are_answered_in_order(served: Served) -> None:
    named = [request(body=f'{{"query": "{{ a{n}: __typename }}"}}') for n in range(20)]
    answers = answers_in(talk(served, b"".join(named), CLOSE))
    assert [body for _, body in answers[:-1]] == [
        b'{"data":{"a%d":"Query"}}' % n for n in range(20)
    ]


@pytest.mark.parametrize("cut", [1, 40, len(request()) - len(BODY), len(request()) - 1])
def test_a_request_in_pieces_is_answered_once(served: Served, cut: int) -> None:
    whole = request()
    answers = answers_in(talk(served, whole[:cut], whole[cut:], CLOSE))
    assert [body for _, body in answers] == [ANSWER, ANSWER]


def test_a_client_that_leaves_before_its_answer_harms_nobody(served: Served) -> None:
    host, port = served.address.split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(request())
    assert answers_in(talk(served, CLOSE))[0][1] == ANSWER


def wait_for_a_lock(url: str) -> None:
    """Return once a backend of this database stands in line for a lock."""
    deadline = time.monotonic() + PATIENCE
    with psycopg.connect(url, autocommit=True) as conn:
        while time.monotonic() < deadline:
            if conn.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone():
                return
    raise AssertionError("nobody waits")


def test_who_hangs_up_while_waiting_at_the_desk_holds_no_seat(
    served: Served, shared_database_url: str
) -> None:
    given = {"name": "Last night", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 10}
    show_id = served.data(CREATE, input=given)["createShow"]["id"]

    def booking(seat: int) -> bytes:
        asked = {"showId": show_id, "seatNumbers": [seat], "userName": "Ada"}
        return posted(BOOK, input=asked)

    host, port = served.address.split(":")
    with (
        socket.create_connection((host, int(port))) as first,
        socket.create_connection((host, int(port))) as second,
        psycopg.connect(shared_database_url) as stranger,
    ):
        stranger.execute("SELECT FROM shows FOR UPDATE")
        first.sendall(booking(1))
        wait_for_a_lock(shared_database_url)
        second.sendall(booking(2))
        for _ in range(3):  # rounds of the server's loop: it has read, and then seen who has gone
            assert answers_in(talk(served, CLOSE))[0][1] == ANSWER
        second.close()
        for _ in range(3):
            assert answers_in(talk(served, CLOSE))[0][1] == ANSWER
        stranger.rollback()
        first.settimeout(PATIENCE)
        made = orjson.loads(answers_in(first.recv(65_536))[0][1])["data"]["bookSeats"]
        assert made["__typename"] == "Booking"
    [(_, body), _] = answers_in(talk(served, booking(2), CLOSE))
    assert orjson.loads(body)["data"]["bookSeats"]["__typename"] == "Booking"
