"""Connections are bounded by what the process has files for, and one address doesn't get all."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import orjson
import pytest

from tests.hurried import CONNECTIONS
from tests.serving import PROJECT, Served, serve
from tests.test_http_protocol import ANSWER, answers_in
from tests.test_http_protocol import request as plain
from tests.test_sizes import read_answer, read_to_end
from tests.wire_attacks import GET, HOST, KEY, UPGRADE

PROXY = "127.0.0.9"
HALF = CONNECTIONS // 2
# The process raises what it may have to what it could have.
RAISE = """
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from server.open_files import ENOUGH, allow_many
_, hard = getrlimit(RLIMIT_NOFILE)
setrlimit(RLIMIT_NOFILE, (100, hard))
allow_many()
soft, same = getrlimit(RLIMIT_NOFILE)
assert same == hard and soft > 100 and soft in (hard, ENOUGH), (soft, hard, same)
"""


@pytest.fixture
def small(shared_database_url: str) -> Iterator[Served]:
    """A server with room for few."""
    with serve(shared_database_url, "tests.hurried", TRUSTED_PROXIES=PROXY) as server:
        yield server


@contextmanager
def connected(server: Served, source: str) -> Iterator[socket.socket]:
    """A connection from an address of this machine."""
    host, port = server.address.split(":")
    made = socket.create_connection((host, int(port)), timeout=5, source_address=(source, 0))
    with closing(made) as raw:
        yield raw


@contextmanager
def watchers(server: Served, source: str, count: int) -> Iterator[None]:
    """So many WebSockets."""
    with ExitStack() as stack:
        for _ in range(count):
            raw = stack.enter_context(connected(server, source))
            raw.sendall(GET + HOST + UPGRADE + KEY + b"\r\n")
            assert raw.recv(4_096).startswith(b"HTTP/1.1 101 ")
        yield


def answer_to(server: Served, source: str) -> bytes:
    with connected(server, source) as raw:
        raw.sendall(plain())
        return read_answer(raw)[1]


def until_served(server: Served, source: str) -> None:
    """Wait until there is room again: who has left is not gone at once."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if answer_to(server, source) == ANSWER:
            return
    raise AssertionError("there is no room")


def refused(server: Served, source: str) -> tuple[bytes, object]:
    """The status and extensions of what somebody is told who has said nothing yet."""
    with connected(server, source) as raw:
        [(head, body)] = answers_in(read_to_end(raw))
        return head.split(b" ")[1], orjson.loads(body)["errors"][0]["extensions"]


def test_one_address_has_half_of_them(small: Served) -> None:
    with watchers(small, "127.0.0.1", HALF):
        assert refused(small, "127.0.0.1") == (
            b"429",
            {"code": "RATE_LIMITED", "limit": {"name": "connectionsOfAddress", "max": HALF}},
        )
        assert answer_to(small, "127.0.0.2") == ANSWER
    until_served(small, "127.0.0.1")


def test_who_comes_when_it_is_full_is_told(small: Served) -> None:
    with watchers(small, "127.0.0.1", HALF), watchers(small, "127.0.0.2", HALF):
        limit = {"name": "connections", "max": CONNECTIONS}
        assert refused(small, "127.0.0.3") == (
            b"503",
            {"code": "UNAVAILABLE", "limit": limit, "retryAfter": 1},
        )
    until_served(small, "127.0.0.3")


def test_a_trusted_proxy_may_have_all(small: Served) -> None:
    with watchers(small, PROXY, CONNECTIONS - 1):
        assert answer_to(small, PROXY) == ANSWER


def test_a_process_has_as_many_open_files_as_it_may() -> None:
    subprocess.run([sys.executable, "-c", RAISE], cwd=PROJECT, check=True)
