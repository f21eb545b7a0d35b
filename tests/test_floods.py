"""Those who come by the hundred: half-open connections, slow bodies, subscriptions."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from access.turnstile import MAX_SUBSCRIPTIONS
from tests.attacks import meters
from tests.attacks.attack import ADMIN
from tests.attacks.siege import CREATE, GUARDED, made
from tests.serving import Served, serve
from tests.tokens import SECRET, token
from transport.web_socket import MAX_OPERATIONS_PER_SOCKET

MANY = 300
PATIENCE = 20.0
# What a connection may take while it is open, of its buffers and all that is kept for it.
CONNECTION_BYTES = 100_000
HEAD = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
BEGUN = {
    "nothing": b"",
    "half a head": HEAD,
    "half a body": HEAD + b"content-length: 900\r\n\r\n" + b" " * 400,
    "half a WebSocket": b"GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n",
}
WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version } }"


@pytest.fixture(scope="module")
def guarded(shared_database_url: str) -> Iterator[Served]:
    with serve(shared_database_url, AUTH_SECRET=SECRET, **GUARDED) as server:
        yield server


@pytest.mark.parametrize("begun", BEGUN)
def test_half_open_connections_by_the_hundred_cost_little(guarded: Served, begun: str) -> None:
    host, _, port = guarded.address.rpartition(":")
    pid = guarded.process.pid
    seconds, memory = meters.processor_seconds(pid), meters.resident_bytes(pid)
    with ExitStack() as connections:
        opened = [
            connections.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            for _ in range(MANY)
        ]
        for client in opened:
            client.sendall(BEGUN[begun])
        assert guarded.data("{ __typename }"), "others are served meanwhile"
        if meters.METERED:
            assert (meters.settled_seconds(pid) - seconds) / MANY < meters.DEAR
            assert meters.resident_bytes(pid) - memory < MANY * CONNECTION_BYTES


def test_subscriptions_by_the_thousand_are_refused_for_little(guarded: Served) -> None:
    show, pid = made(guarded, CREATE, ADMIN), guarded.process.pid
    seconds, memory = meters.processor_seconds(pid), meters.resident_bytes(pid)
    told: Counter[str] = Counter()
    sockets = MAX_SUBSCRIPTIONS // MAX_OPERATIONS_PER_SOCKET + 1
    per_socket = 1_000 // sockets
    with ExitStack() as stack:
        subprotocols = [Subprotocol("graphql-transport-ws")]
        all_opened = []
        for _ in range(sockets):
            opened = stack.enter_context(connect(guarded.socket_url, subprotocols=subprotocols))
            who = {"Authorization": f"Bearer {token('eve')}"}
            opened.send(json.dumps({"type": "connection_init", "payload": who}))
            opened.recv(PATIENCE)
            payload = {"query": WATCH, "variables": {"id": show}}
            for at in range(per_socket):
                opened.send(json.dumps({"type": "subscribe", "id": str(at), "payload": payload}))
            all_opened.append(opened)
        for opened in all_opened:
            for _ in range(per_socket):
                told[_answer(opened.recv(PATIENCE))] += 1
    assert told["next"] == MAX_SUBSCRIPTIONS
    assert told["operationsPerConnection"] + told["subscriptions"] == 1_000 - MAX_SUBSCRIPTIONS
    assert told["subscriptions"]
    if meters.METERED:
        assert (meters.settled_seconds(pid) - seconds) / 1_000 < meters.DEAR
        assert meters.resident_bytes(pid) - memory < 1_000 * CONNECTION_BYTES


def _answer(message: str | bytes) -> str:
    answer = json.loads(message)
    if answer["type"] != "error":
        return str(answer["type"])
    extensions = answer["payload"][0]["extensions"]
    assert extensions["code"] == "RATE_LIMITED"
    return str(extensions["limit"]["name"])


def test_event_streams_by_the_hundred_are_refused(guarded: Served) -> None:
    show = made(guarded, CREATE, ADMIN)
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {token('mallory')}"}
    body = {"query": WATCH, "variables": {"id": show}}
    with ExitStack() as stack:
        client = stack.enter_context(
            httpx.Client(verify=False, limits=httpx.Limits(max_connections=None))
        )
        asked = partial(client.stream, "POST", guarded.url, json=body, headers=headers)
        streams = []
        for _ in range(MAX_SUBSCRIPTIONS + 50):
            lines = stack.enter_context(asked(timeout=PATIENCE)).iter_lines()
            first = next(line for line in lines if "{" in line)
            streams.append((first, lines))  # kept: a stream whose lines nobody wants is closed
    firsts = [first for first, _ in streams]
    refused = [first for first in firsts if '"RATE_LIMITED"' in first]
    assert len(refused) == 50
    assert '"subscriptions"' in refused[0]
