"""The log has a line for each operation: what it was, what came of it, and nothing private."""

import json
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from telemetry import operations
from telemetry.log import Lines, LogHandler
from telemetry.log_stream import LogStream
from telemetry.request_log import begin_request_log
from tests.collector import collecting
from tests.serving import PROJECT, Served, serve
from tests.tokens import SECRET, bearer

pytestmark = pytest.mark.any_postgres

PATIENCE = 5.0
MADE = re.compile(r"[0-9a-f]{16}")


@dataclass
class Watched:
    """A server, and its log so far."""

    served: Served
    path: Path
    read: int = 0

    def lines(self, count: int = 1) -> list[dict[str, Any]]:
        """The next lines of operations, as soon as there are so many."""
        deadline = time.monotonic() + PATIENCE
        while True:
            lines = self.path.read_bytes()[self.read :].splitlines(keepends=True)
            found = [json.loads(line) for line in lines if line.endswith(b"\n")]
            found = [line for line in found if line["logger"] == "boxoffice.requests"]
            if len(found) >= count:
                self.read += sum(map(len, lines))
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.02)

    def ask(self, query: str, **headers: str) -> httpx.Response:
        """Post a query."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(self.served.url, json={"query": query}, headers=names, verify=False)


@pytest.fixture(scope="module")
def watched(
    shared_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    path = tmp_path_factory.mktemp("log") / "log"
    settings = {"LOG_LEVEL": "info", "LOG_FORMAT": "json", "AUTH_SECRET": SECRET}
    with path.open("wb") as log, serve(shared_database_url, "server", log, **settings) as server:
        yield Watched(server, path)


def test_a_request_has_one_line(watched: Watched) -> None:
    answer = watched.ask("query Look { shows(first: 1) { edges { cursor } } }")
    [line] = watched.lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert 0 < line.pop("duration_ms") < 5000
    assert MADE.fullmatch(answer.headers["x-request-id"])
    assert line == {
        "level": "info",
        "logger": "boxoffice.requests",
        "event": "operation",
        "operation": "Look",
        "type": "query",
        "outcome": "ok",
        "status": 200,
        "client": "visitor",
        "request_id": answer.headers["x-request-id"],
    }


def test_the_documentation_shows_a_line_as_it_is(watched: Watched) -> None:
    text = (PROJECT / "docs" / "observability.md").read_text("utf-8")
    [example] = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    watched.ask("{ __typename }")
    [line] = watched.lines()
    assert list(json.loads(example)) == [*line, "trace_id"]
    for field in line.keys() - {"time", "level", "logger", "event"}:
        assert f"`{field}`" in text


def test_it_says_what_the_client_is_and_not_who(watched: Watched) -> None:
    create = (
        'mutation { createShow(input: {name: "x", startTime: "2030-01-01T20:00:00Z", '
        "totalSeats: 5}) { __typename } }"
    )
    for roles, client, outcome in (([], "customer", "FORBIDDEN"), (["admin"], "admin", "ok")):
        watched.ask(create, **bearer("sub-of-ada", name="Ada Lovelace", roles=roles))
        [line] = watched.lines()
        assert (line["client"], line["outcome"]) == (client, outcome)
        assert (line["operation"], line["type"]) == ("createShow", "mutation")
    watched.ask("{ __typename }", authorization="Bearer nonsense")
    [line] = watched.lines()
    assert (line["outcome"], line["status"], line["client"]) == ("UNAUTHENTICATED", 401, "unknown")
    for private in ("sub-of-ada", "Lovelace", "eyJ", "nonsense"):
        assert private not in watched.path.read_text()


@pytest.mark.parametrize("way", ["short", "long", "get"])
def test_each_way_over_http_has_its_line(watched: Watched, way: str) -> None:
    query = "query Way { shows(first: 1) { edges { cursor } } }"
    url, id_ = watched.served.url, {"x-request-id": f"ours-{way}.1"}
    if way == "short":
        answer = watched.ask(query, **id_)
    elif way == "long":
        body = iter([json.dumps({"query": query}).encode()])
        head = {"content-type": "application/json", **id_}
        answer = httpx.post(url, content=body, headers=head, verify=False)
    else:
        answer = httpx.get(url, params={"query": query}, headers=id_, verify=False)
    [line] = watched.lines()
    assert (line["operation"], line["status"]) == ("Way", 200)
    assert line["request_id"] == answer.headers["x-request-id"] == f"ours-{way}.1"


@pytest.mark.parametrize("theirs", ["a b", "x" * 65, 'a"b', "zoë".encode().decode("latin-1"), ""])
def test_a_request_id_that_is_no_word_is_not_taken(watched: Watched, theirs: str) -> None:
    host, port = watched.served.address.split(":")
    body = b'{"query":"{ __typename }"}'
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\nx-request-id: {theirs}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode("latin-1") + body)
        answered = b"".join(iter(lambda: client.recv(65536), b""))
    [line] = watched.lines()
    assert MADE.fullmatch(line["request_id"])
    assert f"x-request-id: {line['request_id']}".encode() in answered


def test_a_secret_is_hidden_though_it_is_sent_as_an_id_or_a_name(watched: Watched) -> None:
    key = "bo_17_Zk3qPvx9wT0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123"
    watched.ask(f"query {key} {{ __typename }}", x_request_id=key)
    [line] = watched.lines()
    assert (line["operation"], line["request_id"]) == ("bo_***", "bo_***")


def test_a_stream_has_its_line_when_it_ends(watched: Watched) -> None:
    head = {"accept": "text/event-stream"}
    url, body = (
        watched.served.url,
        {"query": 'subscription Nothing { seatMap(showId: "U2hvdzo5OTk=") { version } }'},
    )
    httpx.post(url, json=body, headers=head, verify=False)
    [line] = watched.lines()
    assert (line["operation"], line["type"], line["status"]) == ("Nothing", "subscription", 200)


def test_operations_on_a_web_socket_have_their_lines(watched: Watched) -> None:
    protocol = Subprotocol("graphql-transport-ws")
    token = bearer("ada")["authorization"]
    with connect(watched.served.socket_url, subprotocols=[protocol]) as web_socket:
        init = {"type": "connection_init", "payload": {"Authorization": token}}
        web_socket.send(json.dumps(init))
        web_socket.recv()
        for number in "12":
            payload = {"query": "query OnSocket { shows(first: 1) { edges { cursor } } }"}
            web_socket.send(json.dumps({"id": number, "type": "subscribe", "payload": payload}))
            while json.loads(web_socket.recv())["type"] != "complete":
                pass
    lines = watched.lines(2)
    assert {(line["operation"], line["client"], line["status"]) for line in lines} == {
        ("OnSocket", "customer", None)
    }
    assert lines[0]["request_id"] != lines[1]["request_id"]


def test_a_masked_error_has_the_id_of_its_line_and_of_its_record(
    watched: Watched, shared_database_url: str
) -> None:
    with psycopg.connect(shared_database_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE shows RENAME COLUMN name TO elsewhere")
    try:
        before = watched.path.stat().st_size
        # The way takes several tries: a statement that was prepared fails in a way of its own.
        answers = [watched.ask("{ shows(first: 1) { edges { node { name } } } }") for _ in "1234"]
    finally:
        with psycopg.connect(shared_database_url, autocommit=True) as conn:
            conn.execute("ALTER TABLE shows RENAME COLUMN elsewhere TO name")
    watched.lines(len(answers))
    [error] = answers[-1].json()["errors"]
    id_ = error["extensions"]["requestId"]
    assert id_ == answers[-1].headers["x-request-id"]
    records = [json.loads(line) for line in watched.path.read_bytes()[before:].splitlines()]
    of_it = [record for record in records if record.get("request_id") == id_]
    assert {record["logger"] for record in of_it} == {"boxoffice", "boxoffice.requests"}
    assert [record["exception"] for record in of_it if "exception" in record]


def test_as_text_it_is_a_line_to_be_read(shared_database_url: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = {"LOG_LEVEL": "info", "LOG_FORMAT": "text"}
    with log.open("wb") as out, collecting() as collector:
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        with serve(shared_database_url, "server", out, **settings) as server:
            server.ask("query Look { __typename }")
    pattern = (
        r"\S+\+00:00 INFO boxoffice\.requests: query Look ok status=200 duration_ms=[\d.]+ "
        r"client=admin request_id=[0-9a-f]{16} trace_id=([0-9a-f]{32})"
    )
    found = [re.fullmatch(pattern, line) for line in log.read_text().splitlines()]
    [trace_id] = [each[1] for each in found if each]
    assert trace_id in {span.trace_id for span in collector.spans}


def test_who_wants_no_lines_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_listeners", [])
    handler = LogHandler.__new__(LogHandler)
    handler.formatter, handler.stream = Lines(), LogStream(2, lambda count: b"")
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    for level, listeners in ((logging.WARNING, 0), (logging.INFO, 1)):
        monkeypatch.setattr(logging.getLogger("boxoffice.requests"), "level", level)
        logging.getLogger("boxoffice.requests")._cache.clear()  # type: ignore[attr-defined]
        begin_request_log()
        assert len(operations._listeners) == listeners


def test_a_log_that_nobody_reads_stops_no_server(shared_database_url: str) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb") as log:
        settings = {"LOG_LEVEL": "info", "LOG_FORMAT": "json"}
        with (
            serve(shared_database_url, "server", log, **settings) as server,
            httpx.Client(verify=False, timeout=10) as client,
        ):
            for _ in range(800):  # some 200 KB of lines, and a pipe has room for 64
                assert client.post(server.url, json={"query": "{ __typename }"}).is_success
