"""Each metric moves when the thing happens, and is told of a real server."""

import asyncio
import json
import platform
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from access.turnstile import Turnstile, Turnstiles
from app import graphql
from booking.commands import Cancel
from db import desk as desk_module
from db.errors import Overloaded
from db.limits import LINES, POOL_SIZE
from schema.errors import RateLimited
from schema.ids import parse_booking_id, parse_show_id
from telemetry import metrics
from telemetry.process import version
from tests.crowd import run
from tests.office import book, done, lapse, new_show, opened
from tests.scraping import becomes, rises, scrape
from tests.serving import Served, serve
from tests.tokens import SECRET, bearer
from transport.connections import Connections

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
BOOK = """
    mutation Book($input: BookSeatsInput!) {
        bookSeats(input: $input) {
            __typename ... on Booking { id } ... on SeatsUnavailable { message }
        }
    }
"""
CONFIRM = "mutation Confirm($id: ID!) { confirmBooking(bookingId: $id) { __typename } }"
CANCEL = "mutation Cancel($id: ID!) { cancelBooking(bookingId: $id) { __typename } }"
WATCH = """
    subscription Watch($id: ID!, $every: Int) {
        seatMap(showId: $id, everyMs: $every) { version }
    }
"""
NO_BOOKING = "Qm9va2luZzoxOjIwNDc4ODNiODE4YTQ3MmRhM2E3ODg0Yzg2YWI2NWJi"
BOOKINGS = "boxoffice_bookings_total"


def ask(server: Served, document: str, headers: dict[str, str] | None, **variables: Any) -> Any:
    body = {"query": document, "variables": variables}
    return httpx.post(server.url, json=body, headers=headers, verify=False).json()


class Sale:
    """A show of one test, and who books there."""

    def __init__(self, server: Served, headers: dict[str, str] | None = None) -> None:
        self.server, self.headers = server, headers
        given = {"name": "Show", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 50}
        self.id: str = self.ask(CREATE, input=given)["createShow"]["id"]

    def ask(self, document: str, **variables: Any) -> Any:
        return ask(self.server, document, self.headers, **variables)["data"]

    def book(self, *numbers: int, **more: Any) -> Any:
        given = {"showId": self.id, "seatNumbers": numbers, "userName": "Ada", **more}
        return self.ask(BOOK, input=given)["bookSeats"]

    def confirm(self, id_: str) -> None:
        self.ask(CONFIRM, id=id_)

    def cancel(self, id_: str) -> None:
        self.ask(CANCEL, id=id_)


@pytest.fixture
def sale(served: Served) -> Sale:
    return Sale(served)


def lapsed(url: str, id_: str) -> str:
    """A booking whose hold has ended a moment ago."""
    key = parse_booking_id(id_)
    assert key
    lapse(url, key[1])
    return id_


# What came of bookings


def test_a_booking_is_counted_as_it_was_made(served: Served, sale: Sale) -> None:
    with rises(served, BOOKINGS, command="book", outcome="pending"):
        sale.book(1)
    with rises(served, BOOKINGS, command="book", outcome="confirmed"):
        sale.book(2, confirm=True)
    with rises(served, BOOKINGS, command="book", outcome="seats_unavailable"):
        sale.book(2, 3)
    with rises(served, BOOKINGS, command="book", outcome="no_such_seats"):
        sale.book(51)
    with rises(served, BOOKINGS, command="book", outcome="not_found"):
        sale.book(1, showId="U2hvdzo5OTk5OTk")


def test_a_key_that_comes_again_is_no_booking(served: Served, sale: Sale) -> None:
    sale.book(1, idempotencyKey="one")
    sale.book(1, idempotencyKey="two")
    with rises(served, BOOKINGS, command="book", outcome="replayed"):
        sale.book(1, idempotencyKey="one")
    with rises(served, BOOKINGS, command="book", outcome="replayed"):
        sale.book(1, idempotencyKey="two")  # refused then, and told so again
    with rises(served, BOOKINGS, command="book", outcome="key_reused"):
        sale.book(2, idempotencyKey="one")
    with rises(served, BOOKINGS, by=0, command="book", outcome="pending"):
        sale.book(1, idempotencyKey="one")


def test_what_confirming_comes_to_is_counted(
    served: Served, sale: Sale, shared_database_url: str
) -> None:
    ids = [sale.book(number)["id"] for number in (1, 2, 3)]
    with rises(served, BOOKINGS, command="confirm", outcome="confirmed"):
        sale.confirm(ids[0])
    with rises(served, BOOKINGS, command="confirm", outcome="confirmed_before"):
        sale.confirm(ids[0])
    sale.cancel(ids[1])
    with rises(served, BOOKINGS, command="confirm", outcome="not_active"):
        sale.confirm(ids[1])
    with rises(served, BOOKINGS, command="confirm", outcome="hold_expired"):
        sale.confirm(lapsed(shared_database_url, ids[2]))
    with rises(served, BOOKINGS, command="confirm", outcome="not_found"):
        sale.confirm(NO_BOOKING)


def test_what_cancelling_comes_to_is_counted(served: Served, sale: Sale) -> None:
    id_ = sale.book(1)["id"]
    with rises(served, BOOKINGS, command="cancel", outcome="cancelled"):
        sale.cancel(id_)
    with rises(served, BOOKINGS, command="cancel", outcome="ended_before"):
        sale.cancel(id_)
    with rises(served, BOOKINGS, command="cancel", outcome="not_found"):
        sale.cancel(NO_BOOKING)


def test_a_hold_that_ends_is_counted_once_with_how_late_that_was(
    served: Served, sale: Sale, shared_database_url: str
) -> None:
    expired = scrape(served).sum(BOOKINGS, command="expire") or 0
    late = scrape(served).sum("boxoffice_expiry_lag_seconds_count") or 0
    for number in (1, 2, 3):
        lapsed(shared_database_url, sale.book(number)["id"])
    becomes(served, BOOKINGS, lambda found: found == expired + 3, command="expire")
    becomes(served, "boxoffice_expiry_lag_seconds_count", lambda found: found == late + 3)


@run
async def test_two_who_cancel_at_once_cancel_once(database_url: str) -> None:
    async with opened(database_url) as office:
        show = await new_show(office)
        id_ = await done(office, book(show, 1))
        before = [
            metrics.BOOKINGS.cells["cancel", word][0] for word in ("cancelled", "ended_before")
        ]
        await asyncio.gather(*(office.desk.submit(Cancel(show, id_)) for _ in range(3)))
        after = [
            metrics.BOOKINGS.cells["cancel", word][0] for word in ("cancelled", "ended_before")
        ]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 2]


# The desk


def test_each_command_waits_and_is_settled_in_a_batch(served: Served, sale: Sale) -> None:
    with (
        rises(served, "boxoffice_desk_wait_seconds_count"),
        rises(served, "boxoffice_desk_batch_commands_sum"),
        rises(served, "boxoffice_desk_batch_commands_count"),
        rises(served, "boxoffice_desk_transaction_seconds_count"),
        rises(served, "boxoffice_desk_decision_seconds_count"),
    ):
        sale.book(1)


def test_a_show_that_somebody_has_locked_is_seen(
    served: Served, sale: Sale, shared_database_url: str
) -> None:
    failures, overdue = "boxoffice_desk_failures_total", "boxoffice_oldest_overdue_hold_seconds"
    locked = scrape(served).sum(failures, reason="locked") or 0
    id_ = sale.book(1)["id"]
    with psycopg.connect(shared_database_url) as conn, ThreadPoolExecutor() as threads:

        def come(number: int) -> None:
            given = {"showId": sale.id, "seatNumbers": [number], "userName": "Ada"}
            threads.submit(ask, served, BOOK, None, input=given)

        conn.execute("SELECT FROM shows WHERE id = %s FOR UPDATE", [parse_show_id(sale.id)])
        come(2)
        becomes(served, failures, lambda found: found > locked, reason="locked")
        come(3)
        becomes(served, "boxoffice_desk_waiting_commands", lambda found: found > 0)
        lapsed(shared_database_url, id_)
        becomes(served, overdue, lambda found: found > 0)
        conn.rollback()
    becomes(served, "boxoffice_desk_waiting_commands", lambda found: found == 0)
    becomes(served, overdue, lambda found: found == 0)


def test_connections_that_break_are_counted(
    served: Served, sale: Sale, shared_database_url: str
) -> None:
    failures = "boxoffice_desk_failures_total"
    before = scrape(served).sum(failures, reason="disconnected") or 0
    with psycopg.connect(shared_database_url) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert sale.book(1)["id"], "it was tried again"
    assert (scrape(served).sum(failures, reason="disconnected") or 0) > before


@run
async def test_who_is_refused_at_the_desk_is_counted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = metrics.OVERLOADED.cells[("desk",)][0]
    async with opened(database_url) as office:
        show = await new_show(office)
        monkeypatch.setattr(desk_module, "MAX_WAITING", 1)
        commands = [office.desk.submit(book(show, number)) for number in range(1, 5)]
        answers = await asyncio.gather(*commands, return_exceptions=True)
    refused = sum(isinstance(answer, Overloaded) for answer in answers)
    assert refused > 0
    assert metrics.OVERLOADED.cells[("desk",)][0] == before + refused


def test_who_is_refused_at_the_door_is_counted() -> None:
    before = metrics.OVERLOADED.cells[("door",)][0]
    graphql.refuse_plainly("application/json")
    assert metrics.OVERLOADED.cells[("door",)][0] == before + 1


# The house


def test_the_seats_of_shows_to_come_are_summed(served: Served, shared_database_url: str) -> None:
    with psycopg.connect(shared_database_url) as conn:
        conn.execute("UPDATE shows SET start_time = '2020-01-01'")  # those of other tests are over
    sale = Sale(served)
    sale.book(1, 2)
    sale.book(3, confirm=True)
    becomes(served, "boxoffice_seats", lambda found: found == 1, state="confirmed")
    seen = scrape(served)
    assert seen.sum("boxoffice_seats", state="pending") == 2
    assert seen.sum("boxoffice_seats", state="available") == 47
    assert seen.sum("boxoffice_shows") == 1


def test_sweeps_go_on(served: Served) -> None:
    sweeps = scrape(served).sum("boxoffice_sweeps_total", outcome="done") or 0
    becomes(served, "boxoffice_sweeps_total", lambda found: found > sweeps, outcome="done")
    assert (scrape(served).sum("boxoffice_sweep_seconds_count") or 0) > sweeps


# Who asks


@pytest.mark.parametrize(
    ("document", "name", "type_", "outcome"),
    [
        ("query Shows { shows { edges { cursor } } }", "Shows", "query", "ok"),
        ("{ shows { edges { cursor } } }", "shows", "query", "ok"),
        ("query Far { shows(first: 1000) { edges { cursor } } }", "Far", "query", "BAD_REQUEST"),
        ("query { nothing }", "unknown", "unknown", "BAD_REQUEST"),
        ("mutation Sweep { runExpiry { expiredBookings } }", "Sweep", "mutation", "ok"),
    ],
)
def test_operations_are_counted_by_name_and_outcome(
    served: Served, document: str, name: str, type_: str, outcome: str
) -> None:
    ended, timed = "boxoffice_graphql_operations_total", "boxoffice_graphql_operation_seconds_count"
    times = int(type_ != "unknown")
    with (
        rises(served, ended, operation=name, type=type_, outcome=outcome),
        rises(served, timed, by=times, operation=name, type=type_),
    ):
        served.ask(document)


def test_who_follows_is_counted_and_each_update(served: Served, sale: Sale) -> None:
    with following(sale) as web_socket:
        becomes(served, "boxoffice_subscribers", lambda found: found == 1)
        becomes(served, "boxoffice_shows_followed", lambda found: found == 1)
        becomes(served, "boxoffice_web_sockets", lambda found: found == 1)
        with rises(served, "boxoffice_updates_total", by=2, kind="step"):
            for number in (1, 2):
                sale.book(number)
                web_socket.recv()
    becomes(served, "boxoffice_subscribers", lambda found: found == 0)
    becomes(served, "boxoffice_shows_followed", lambda found: found == 0)
    becomes(served, "boxoffice_web_sockets", lambda found: found == 0)


def test_connections_are_counted_while_they_last(served: Served) -> None:
    host, port = served.address.split(":")
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(closing(socket.create_connection((host, int(port)))))
        becomes(served, "boxoffice_connections", lambda found: found > 20)
    becomes(served, "boxoffice_connections", lambda found: found < 20)


def test_updates_that_are_folded_are_counted_as_one(served: Served, sale: Sale) -> None:
    with rises(served, "boxoffice_updates_total", kind="first"), following(sale, 200) as web_socket:
        sale.book(1)
        sale.book(2)
        with rises(served, "boxoffice_updates_total", kind="folded"):
            web_socket.recv()


def test_who_asks_too_often_is_counted(guarded: Sale) -> None:
    guarded.book(40)  # a mutation that is seen for the first time counts as a read, too
    names = ("reads", "bookings", "logins")
    before = [scrape(guarded.server, BOSS).sum("boxoffice_limited_total", limit=n) for n in names]
    for number in range(1, 5):
        given = {"showId": guarded.id, "seatNumbers": [number]}
        ask(guarded.server, "{ shows { edges { cursor } } }", bearer("ada"))
        ask(guarded.server, BOOK, bearer("ada"), input=given)
        ask(guarded.server, "{ shows { edges { cursor } } }", NOBODY)
    after = [scrape(guarded.server, BOSS).sum("boxoffice_limited_total", limit=n) for n in names]
    assert [(now or 0) - (then or 0) for now, then in zip(after, before, strict=True)] == [2, 1, 2]


def test_who_holds_too_much_is_counted(guarded: Sale) -> None:
    with rises(guarded.server, BOOKINGS, headers=BOSS, command="book", outcome="too_many_held"):
        given = {"showId": guarded.id, "seatNumbers": [11, 12, 13, 14]}
        ask(guarded.server, BOOK, bearer("bob"), input=given)


@pytest.mark.parametrize("name", ["operations", "subscriptions", "sockets"])
def test_who_has_too_much_under_way_is_counted(name: str) -> None:
    before = metrics.LIMITED.cells[(name,)][0]
    turnstile: Turnstile = getattr(Turnstiles(), name)
    turnstile.inside["somebody"] = 1_000
    with pytest.raises(RateLimited):
        turnstile.enter("somebody")
    assert metrics.LIMITED.cells[(name,)][0] == before + 1


def test_connections_that_are_refused_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = metrics.CONNECTIONS_REFUSED.cells
    before = [counted[(name,)][0] for name in ("connections", "connectionsOfAddress")]
    monkeypatch.setattr(Connections, "most", 4)
    few = Connections()
    told = [few.enter("127.0.0.1", proxy=False) for _ in range(3)]
    told += [few.enter(f"127.0.0.{number}", proxy=False) for number in range(2, 5)]
    assert len([refusal for refusal in told if refusal]) == 3
    after = [counted[(name,)][0] for name in ("connections", "connectionsOfAddress")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1]


# The process


def test_the_pools_tell_their_connections(served: Served) -> None:
    seen = scrape(served)
    for pool, most in (("reads", POOL_SIZE), ("desk", LINES)):
        there = [
            seen.sum("boxoffice_pool_connections", pool=pool, state=state) or 0
            for state in ("idle", "in_use")
        ]
        assert 1 <= sum(there) <= most
        assert seen.sum("boxoffice_pool_connections", pool=pool, state="most") == most
        assert seen.sum("boxoffice_pool_waiting", pool=pool) == 0
        assert seen.sum("boxoffice_pool_errors_total", pool=pool) == 0


def test_the_process_tells_what_it_is(served: Served) -> None:
    seen = scrape(served)
    python = platform.python_version()
    assert seen.sum("boxoffice_build_info", version=version(), python=python) == 1
    assert seen.sum("boxoffice_postgres_info") == seen.sum("boxoffice_database_up") == 1
    assert seen.sum("boxoffice_processes") == 1
    assert 0 <= time.time() - (seen.sum("boxoffice_start_time_seconds") or 0) < 300
    assert 1 << 24 < (seen.sum("boxoffice_resident_memory_bytes") or 0) < 1 << 30
    used = seen.sum("boxoffice_cpu_seconds_total") or 0
    becomes(served, "boxoffice_cpu_seconds_total", lambda found: found > used > 0)
    becomes(served, "boxoffice_event_loop_lag_seconds_count", lambda found: found > 0)


@contextmanager
def following(sale: Sale, every: int = 0) -> Iterator[ClientConnection]:
    """Somebody who follows the sale, and has got the first update."""
    url, protocol = sale.server.socket_url, Subprotocol("graphql-transport-ws")
    with connect(url, subprotocols=[protocol]) as web_socket:
        web_socket.send('{"type":"connection_init"}')
        web_socket.recv()
        asked = {"query": WATCH, "variables": {"id": sale.id, "every": every}}
        web_socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
        web_socket.recv()
        yield web_socket


BOSS = bearer("boss", roles="admin")
NOBODY = {"authorization": "Bearer nobody"}


@pytest.fixture(scope="module")
def guarded(shared_database_url: str) -> Iterator[Sale]:
    """A sale at a server with access control, where little is allowed."""
    few = {"RATE_LIMIT_READS": "2/hour", "RATE_LIMIT_BOOKINGS": "3/hour"}
    settings = {"RATE_LIMIT_LOGINS": "2/hour", "MAX_PENDING_SEATS": "3", **few}
    with serve(shared_database_url, AUTH_SECRET=SECRET, **settings) as server:
        yield Sale(server, BOSS)
