"""Subscriptions as event streams."""

import json
import socket
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.transport.stage import (
    DEEP,
    Logged,
    assert_throttled,
    feed,
    open_socket,
    request_head,
    until,
)
from transport import event_stream, stalls

STREAM = {"accept": "text/event-stream"}


def events_of(response: httpx.Response) -> list[Any]:
    lines = [line for line in response.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream, multipart/mixed",  # as urql asks
        "application/json;q=0.5, text/event-stream",
        "text/event-stream, application/json",
    ],
)
def test_a_stream_is_for_who_prefers_one(client: httpx.Client, accept: str) -> None:
    response = client.post("", json={"query": "{echo}"}, headers={"accept": accept})
    assert response.headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_subscription_is_an_event_stream(client: httpx.Client, method: str) -> None:
    request = {"query": "subscription { count(upTo: 2) }"}
    argument: Any = {"params": request} if method == "GET" else {"json": request}
    response = client.request(method, "", headers=STREAM, **argument)
    assert response.headers["content-type"] == "text/event-stream"
    assert events_of(response) == [{"data": {"count": 0}}, {"data": {"count": 1}}]
    assert response.text.endswith("event: complete\r\ndata: \r\n\r\n")
    assert feed.closed == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "BAD_REQUEST"),
        ("subscription { nonsense }", "BAD_REQUEST"),
        ("subscription { count(upTo: 1", "BAD_REQUEST"),
        ('subscription { fail(kind: "unavailable") }', "UNAVAILABLE"),
        ('subscription { fail(kind: "unavailable", after: 1) }', "UNAVAILABLE"),
        (DEEP, "BAD_REQUEST"),
        ("query A { echo } query B { echo }", "BAD_REQUEST"),
    ],
)
def test_an_event_stream_codes_its_errors(client: httpx.Client, query: str, code: str) -> None:
    events = events_of(client.post("", json={"query": query}, headers=STREAM))
    assert [error["extensions"]["code"] for error in events[-1]["errors"]] == [code]
    assert feed.closed == feed.opened


def test_a_generator_that_breaks_is_hidden_and_logged(client: httpx.Client, logged: Logged) -> None:
    request = {"query": 'subscription { fail(kind: "value", after: 1) }'}
    response = client.post("", json=request, headers=STREAM)
    assert "secret" not in response.text
    assert events_of(response)[-1]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert [record.name for record in logged()] == ["boxoffice"]


@pytest.mark.parametrize("subscription", ["silence", "flood"])
def test_a_client_that_leaves_an_event_stream_ends_its_generator(
    client: httpx.Client, subscription: str
) -> None:
    request = {"query": f"subscription {{ {subscription} }}"}
    with client.stream("POST", "", json=request, headers=STREAM) as response:
        parts = response.iter_bytes()  # kept: one that is dropped closes the connection
        next(parts)
        assert feed.opened == 1
        assert feed.closed == 0
    until(lambda: feed.closed == 1, seconds=1)


def test_a_silent_event_stream_shows_that_it_lives(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = event_stream.EventStream.__init__

    def impatient(
        self: Any, events: Any, headers: Any, beat: str, every: float, *more: Any
    ) -> None:
        made(self, events, headers, beat, 0.05, *more)

    monkeypatch.setattr(event_stream.EventStream, "__init__", impatient)
    request = {"query": "subscription { silence }"}
    with client.stream("POST", "", json=request, headers=STREAM) as response:
        lines = (line for line in response.iter_lines() if line)
        assert [next(lines) for _ in range(3)] == [
            "event: next",
            'data: {"data":{"silence":0}}',
            ": ping",
        ]
    until(lambda: feed.closed == 1, seconds=1)


def open_stalled_stream(address: str) -> socket.socket:
    raw = open_socket(address)
    body = json.dumps({"query": "subscription { flood }"}).encode()
    head = request_head(f"content-length: {len(body)}", accept="text/event-stream")
    raw.sendall(head + body)
    return raw


def test_an_event_stream_waits_for_a_client_that_does_not_read(address: str) -> None:
    with open_stalled_stream(address):
        assert_throttled()
        assert feed.closed == 0
    until(lambda: feed.closed == 1)


def test_an_event_stream_gives_up_on_a_client_that_never_reads(
    address: str, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalls, "SEND_TIMEOUT", timedelta(seconds=0.5))
    with open_stalled_stream(address):
        until(lambda: feed.closed == 1)
    # uvicorn's own line; there is no way to tell it that the answer was cut on purpose.
    messages = {record.getMessage() for record in logged()}
    assert messages <= {"ASGI callable returned without completing response."}
