"""Who keeps the server waiting is sent away: half heads, dripping bodies, answers not taken."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import orjson
import psycopg
import pytest

from tests import hurried
from tests.crowd import BOOK
from tests.crowd import request as posted
from tests.serving import Served, serve
from tests.test_http_protocol import ANSWER, CREATE, answers_in, wait_for_a_lock
from tests.test_http_protocol import request as plain
from tests.test_sizes import connected, read_answer, read_to_end

pytestmark = pytest.mark.any_postgres

START = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
DRIP = 0.02
# Beyond a bound, for what a machine may be busy with meanwhile.
MARGIN = 2.0
MAP = "query ($id: ID!) { show(id: $id) { seatMap { seats { number row label status } } } }"


@pytest.fixture(scope="module")
def hasty(shared_database_url: str) -> Iterator[Served]:
    """A server without patience."""
    with serve(shared_database_url, "tests.hurried") as server:
        yield server


def drip(raw: socket.socket, data: bytes) -> bytes:
    """Send byte by byte until there is an answer; returns all that was answered."""
    raw.settimeout(DRIP)
    for at in range(len(data)):
        with suppress(ConnectionError):
            raw.sendall(data[at : at + 1])
        with suppress(TimeoutError):
            if received := raw.recv(65_536):
                raw.settimeout(MARGIN)
                return received + read_to_end(raw)
            return b""
    raise AssertionError("nobody minded")


def assert_too_late(received: bytes, limit: str) -> None:
    head, body = answers_in(received)[-1]
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head
    extensions = orjson.loads(body)["errors"][0]["extensions"]
    assert (extensions["code"], extensions["limit"]["name"]) == ("BAD_REQUEST", limit)


def test_a_head_that_drips_is_refused_in_time(hasty: Served) -> None:
    with connected(hasty) as raw:
        began = time.monotonic()
        assert_too_late(drip(raw, START + b"x: y\r\n" * 1_000), "headSeconds")
        assert time.monotonic() - began < hurried.HEAD.total_seconds() + MARGIN


def test_a_second_head_that_drips_is_refused_too(hasty: Served) -> None:
    with connected(hasty) as raw:
        raw.sendall(plain())
        assert read_answer(raw)[1] == ANSWER
        assert_too_late(drip(raw, START + b"x: y\r\n" * 1_000), "headSeconds")


@pytest.mark.parametrize(
    "head",
    [b"content-length: 900\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n384\r\n"],
    ids=["plain", "in chunks"],
)
def test_a_body_that_drips_is_refused_in_time(hasty: Served, head: bytes) -> None:
    with connected(hasty) as raw:
        began = time.monotonic()
        raw.sendall(START + head)
        assert_too_late(drip(raw, b" " * 900), "bodySeconds")
        assert time.monotonic() - began < hurried.BODY.total_seconds() + MARGIN


def test_who_sends_slowly_but_in_time_is_answered(hasty: Served) -> None:
    whole = plain()
    with connected(hasty) as raw:
        for piece in (whole[:5], whole[5:-9], whole[-9:]):
            raw.sendall(piece)
            time.sleep(hurried.HEAD.total_seconds() / 2)
        assert read_answer(raw)[1] == ANSWER


@pytest.mark.parametrize("said", [b"", b"\r\n"], ids=["nothing", "an empty line"])
def test_who_says_nothing_is_hung_up_on_without_a_word(hasty: Served, said: bytes) -> None:
    with connected(hasty) as raw:
        raw.sendall(said)
        assert read_to_end(raw) == b""


@pytest.mark.parametrize(
    "before",
    [
        plain(),
        plain("transfer-encoding: chunked").replace(b"content-length: 27\r\n\r\n", b"\r\n1b\r\n")
        + b"\r\n0\r\n\r\n",
    ],
    ids=["plain", "in chunks"],
)
def test_a_connection_kept_for_nothing_is_closed(hasty: Served, before: bytes) -> None:
    with connected(hasty) as raw:
        raw.sendall(before)
        assert read_answer(raw)[1] == ANSWER
        began = time.monotonic()
        assert read_to_end(raw) == b""
        assert hurried.KEPT / 2 < time.monotonic() - began < hurried.KEPT + MARGIN


def test_a_body_that_nobody_waits_for_is_not_read_for_ever(hasty: Served) -> None:
    with connected(hasty) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900\r\n\r\n")
        assert b" 200 " in read_answer(raw)[0]
        assert read_to_end(raw) == b""


def test_who_is_too_late_behind_a_request_gets_its_answer_first(
    hasty: Served, shared_database_url: str
) -> None:
    given = {"name": "Last night", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 10}
    show_id = hasty.data(CREATE, input=given)["createShow"]["id"]
    booking = {"showId": show_id, "seatNumbers": [1], "userName": "Ada"}
    with psycopg.connect(shared_database_url) as stranger, connected(hasty) as raw:
        stranger.execute("SELECT FROM shows FOR UPDATE")
        raw.sendall(posted(BOOK, input=booking) + START)
        wait_for_a_lock(shared_database_url)
        time.sleep(2 * hurried.HEAD.total_seconds())
        stranger.rollback()
        received = read_to_end(raw)
    first = orjson.loads(answers_in(received)[0][1])
    assert first["data"]["bookSeats"]["__typename"] == "Booking"
    assert_too_late(received, "headSeconds")


def test_who_does_not_take_an_answer_is_cut_off(hasty: Served) -> None:
    given = {"name": "Stadium", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 50_000}
    show_id = hasty.data(CREATE, input=given)["createShow"]["id"]
    asked = 8
    with connected(hasty) as raw:
        raw.sendall(posted(MAP, id=show_id) * asked)
        time.sleep(3 * hurried.READ.total_seconds() + 1)
        received = read_to_end(raw)
    assert received.count(b"HTTP/1.1 200 ") < asked


def test_who_takes_an_answer_slowly_gets_it_whole(hasty: Served) -> None:
    given = {"name": "Stadium", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 50_000}
    show_id = hasty.data(CREATE, input=given)["createShow"]["id"]
    host, port = hasty.address.split(":")
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        raw.settimeout(5)
        raw.connect((host, int(port)))
        raw.sendall(posted(MAP, close=True, id=show_id))
        received = b""
        while chunk := raw.recv(262_144):
            received += chunk
            time.sleep(hurried.READ.total_seconds() / 20)
    [(_, body)] = answers_in(received)
    assert len(orjson.loads(body)["data"]["show"]["seatMap"]["seats"]) == 50_000


def test_what_lies_about_of_bodies_is_bounded(hasty: Served) -> None:
    half = START + b"content-length: 200000\r\n\r\n" + b" " * 100_000
    with ExitStack() as connections:
        raws = [connections.enter_context(connected(hasty)) for _ in range(5)]
        for raw in raws:
            with suppress(ConnectionError):
                raw.sendall(half[:200])
                raw.sendall(half[200:])
        statuses = []
        for raw in raws:
            [(head, body)] = answers_in(read_to_end(raw))
            statuses.append(head.split(b" ")[1])
            if statuses[-1] == b"503":
                error = orjson.loads(body)["errors"][0]
                assert error["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
    assert {b"408", b"503"} == set(statuses)
    with connected(hasty) as raw:  # there is room again
        body = b'{"query": "{ __typename }"}'.rjust(200_000)
        raw.sendall(START + b"content-length: 200000\r\n\r\n" + body[:-100])
        raw.sendall(body[-100:])
        assert read_answer(raw)[1] == ANSWER
