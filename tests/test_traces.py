"""Traces: one from a request through the desk's batch to its statements; nothing where off."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from telemetry.tracing import Tracing
from tests.collector import Collector, Kept, collecting
from tests.crowd import run
from tests.serving import PROJECT, Served, serve

pytestmark = pytest.mark.any_postgres

CREATE = (
    'mutation Create { createShow(input: {name: "Secretly named", startTime: '
    '"2030-01-01T20:00:00Z", totalSeats: 20}) { ... on Show { id } } }'
)
BOOK = """
mutation Book($id: ID!, $seat: Int!) {
  bookSeats(input: {showId: $id, seatNumbers: [$seat], userName: "Ada Lovelace"}) { __typename }
}
"""
INTERNAL, SERVER, CLIENT = 1, 2, 3
PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
# Sent at once, where the library would gather them for five seconds.
AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as it:
        yield it


@pytest.fixture(scope="module")
def traced(shared_database_url: str, collector: Collector) -> Iterator[Served]:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=let%20me%20in",
        **AT_ONCE,
    }
    with serve(shared_database_url, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def show(traced: Served) -> str:
    found: str = traced.data(CREATE)["createShow"]["id"]
    return found


def post(server: Served, document: str, trace: str | None = None, **variables: Any) -> None:
    headers = {"traceparent": f"00-{trace}-{PARENT[1]}-01"} if trace else {}
    body = {"query": document, "variables": variables}
    answer = httpx.post(server.url, json=body, headers=headers, verify=False).json()
    assert "errors" not in answer


def of(spans: Sequence[Kept], trace: str, name: str) -> Kept:
    [found] = [span for span in spans if span.trace_id == trace and span.name == name]
    return found


def below(spans: Sequence[Kept], parent: Kept) -> list[Kept]:
    return [span for span in spans if span.parent_id == parent.span_id]


def test_a_booking_is_one_trace_that_leads_to_its_batch(
    traced: Served, collector: Collector, show: str
) -> None:
    trace, remote = PARENT
    post(traced, BOOK, trace, id=show, seat=1)
    spans = collector.wait_for(
        lambda spans: any((s.trace_id, s.name) == (trace, "POST /graphql") for s in spans)
    )
    request = of(spans, trace, "POST /graphql")
    operation = of(spans, trace, "mutation Book")
    submit = of(spans, trace, "desk.submit")
    assert (request.parent_id, request.kind) == (remote, SERVER)
    assert request.attributes["http.response.status_code"] == 200
    assert (operation.parent_id, operation.kind) == (request.span_id, INTERNAL)
    assert operation.attributes["graphql.operation.type"] == "mutation"
    assert submit.parent_id == operation.span_id
    assert submit.attributes["boxoffice.command"] == "Book"
    assert 0 <= submit.attributes["boxoffice.desk.wait"] < 5
    [event] = submit.events
    assert submit.links == {(event["trace_id"], event["span_id"])}
    batch = of(spans, event["trace_id"], "desk.batch")
    assert (batch.span_id, batch.parent_id) == (event["span_id"], "")
    assert batch.links == {(trace, submit.span_id)}
    assert batch.attributes["boxoffice.batch.size"] == 1
    lock, decide, save = below(spans, batch)
    assert decide.name == "desk.decide"
    for span in (lock, save):
        assert span.kind == CLIENT
        assert span.attributes["db.system.name"] == "postgresql"
        size = span.attributes["db.operation.batch.size"]
        assert size == len(span.attributes["db.query.summary"].split())
    assert lock.attributes["db.query.summary"].startswith("begin lock_shows find_holders")
    assert save.attributes["db.query.summary"].startswith("create_bookings")
    assert save.attributes["db.query.summary"].endswith("take_seats commit")


def test_a_batch_leads_to_all_whom_it_serves(
    traced: Served, collector: Collector, show: str
) -> None:
    before = len(collector.spans)
    with ThreadPoolExecutor(8) as crowd:
        for seat in range(2, 18):
            crowd.submit(post, traced, BOOK, id=show, seat=seat)

    def submits(spans: Sequence[Kept]) -> set[tuple[str, str]]:
        return {(s.trace_id, s.span_id) for s in spans[before:] if s.name == "desk.submit"}

    def linked(spans: Sequence[Kept]) -> set[tuple[str, str]]:
        return {link for s in spans[before:] if s.name == "desk.batch" for link in s.links}

    spans = collector.wait_for(
        lambda spans: len(submits(spans)) == 16 and submits(spans) <= linked(spans)
    )
    assert len({trace for trace, _ in submits(spans)}) == 16


def test_what_is_read_is_told_by_its_statements_name(
    traced: Served, collector: Collector, show: str
) -> None:
    trace = "1" * 32
    post(traced, "query Look($id: ID!) { show(id: $id) { name availableSeats } }", trace, id=show)
    spans = collector.wait_for(
        lambda spans: any((s.trace_id, s.name) == (trace, "POST /graphql") for s in spans)
    )
    [statement] = below(spans, of(spans, trace, "query Look"))
    assert (statement.name, statement.kind) == ("read_shows", CLIENT)
    assert statement.attributes == {
        "db.system.name": "postgresql",
        "db.operation.name": "read_shows",
        "db.query.summary": "read_shows",
    }


def test_the_long_way_and_streams_have_traces_too(
    traced: Served, collector: Collector, show: str
) -> None:
    of_get, of_stream = "2" * 32, "3" * 32
    query = f'query Look {{ show(id: "{show}") {{ name }} }}'
    head = {"traceparent": f"00-{of_get}-{PARENT[1]}-01"}
    httpx.get(traced.url, params={"query": query}, headers=head, verify=False)
    watch = f'subscription Watch {{ seatMap(showId: "{show}") {{ version }} }}'
    head = {"traceparent": f"00-{of_stream}-{PARENT[1]}-01", "accept": "text/event-stream"}
    body = {"query": watch}
    with httpx.stream("POST", traced.url, json=body, headers=head, verify=False) as stream:
        next(stream.iter_lines())
    spans = collector.wait_for(
        lambda spans: (
            {of_get, of_stream}
            <= {s.trace_id for s in spans if s.kind == SERVER and s.name.endswith("/graphql")}
        )
    )
    assert of(spans, of_get, "query Look").parent_id == of(spans, of_get, "GET /graphql").span_id
    request = of(spans, of_stream, "POST /graphql")
    assert of(spans, of_stream, "subscription Watch").parent_id == request.span_id


def test_an_operation_on_a_web_socket_is_a_trace_of_its_own(
    traced: Served, collector: Collector
) -> None:
    protocol = Subprotocol("graphql-transport-ws")
    with connect(traced.socket_url, subprotocols=[protocol]) as socket:
        socket.send('{"type":"connection_init"}')
        socket.recv()
        for number in "12":
            payload = {"query": "query OnSocket { shows(first: 1) { edges { cursor } } }"}
            socket.send(json.dumps({"id": number, "type": "subscribe", "payload": payload}))
            while json.loads(socket.recv())["type"] != "complete":
                pass
    spans = collector.wait_for(lambda spans: [s.name for s in spans].count("query OnSocket") == 2)
    found = [span for span in spans if span.name == "query OnSocket"]
    assert {(span.parent_id, span.kind) for span in found} == {("", SERVER)}
    assert len({span.trace_id for span in found}) == 2


def test_what_went_wrong_is_told_by_its_code(traced: Served, collector: Collector) -> None:
    trace = "4" * 32
    headers = {"traceparent": f"00-{trace}-{PARENT[1]}-01"}
    body = {"query": "query Wrong { shows(first: 0) { edges { cursor } } }"}
    httpx.post(traced.url, json=body, headers=headers, verify=False)
    spans = collector.wait_for(
        lambda spans: any((s.trace_id, s.name) == (trace, "POST /graphql") for s in spans)
    )
    wrong = of(spans, trace, "query Wrong")
    assert (wrong.attributes["error.type"], wrong.failed) == ("BAD_REQUEST", False)


def test_a_collector_learns_no_names_and_gets_its_headers(
    traced: Served, collector: Collector, show: str
) -> None:
    post(traced, BOOK, "5" * 32, id=show, seat=18)
    collector.wait_for(lambda spans: any(s.trace_id == "5" * 32 for s in spans))
    for private in (b"Ada", b"Lovelace", b"Secretly", show.encode(), b"127.0.0.1"):
        assert private not in collector.raw
    assert {each["x-key"] for each in collector.headers} == {"let me in"}
    assert collector.services == {"boxoffice"}


def test_a_server_without_a_collector_serves_and_says_so_once(
    shared_database_url: str, tmp_path: Path
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **AT_ONCE}
    settings |= {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    log = tmp_path / "log"
    with log.open("wb") as out, serve(shared_database_url, "server", out, **settings) as server:
        deadline = time.monotonic() + 10
        while not log.stat().st_size:
            assert time.monotonic() < deadline, "nobody was told"
            post(server, "{ __typename }")
        # What is traced after that is not delivered either, and nothing more is said of it.
        for _ in range(20):
            post(server, "{ __typename }")
            time.sleep(0.1)
    said = log.read_text().splitlines()
    assert [line for line in said if "traces can't be delivered" in line] == said[:1]
    assert [line for line in said[1:] if "did not close in time" not in line] == []


def test_the_last_spans_are_sent_at_the_end(shared_database_url: str, collector: Collector) -> None:
    settings = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"}
    settings |= {"OTEL_SERVICE_NAME": "last"}
    with serve(shared_database_url, **settings) as server:
        post(server, "query Last { __typename }")
    collector.wait_for(lambda spans: any(span.name == "query Last" for span in spans))
    assert "last" in collector.services


def test_where_traces_are_off_their_library_is_not_there() -> None:
    code = "import sys, app; sys.stdout.write(str('opentelemetry' in sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False"


def test_what_the_sampler_leaves_out_has_no_spans_at_all(
    shared_database_url: str, collector: Collector
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **AT_ONCE}
    settings |= {"OTEL_TRACES_SAMPLER": "parentbased_always_off", "OTEL_SERVICE_NAME": "sampled"}
    before = len(collector.spans)
    with serve(shared_database_url, **settings) as server:
        show = server.data(CREATE)["createShow"]["id"]
        post(server, BOOK, id=show, seat=1)
        post(server, BOOK, "6" * 32, id=show, seat=2)  # whose sender wants it to be traced
    names = [span.name for span in collector.spans[before:]]
    assert sorted(names) == [
        "BATCH commit",
        "BATCH find_holders",
        "POST /graphql",
        "desk.batch",
        "desk.decide",
        "desk.submit",
        "mutation Book",
    ]


@run
async def test_a_batch_says_nothing_of_who_has_left(caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    tracing = Tracing(provider.get_tracer("test"))
    tracing.begin("POST", None).known("Book", "mutation")
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    waiting = tracing.wait("book", 1, answer)
    assert waiting
    assert waiting.span.is_recording()
    answer.cancel()
    await asyncio.sleep(0)
    with tracing.batch([waiting]):
        pass
    assert caplog.records == []
