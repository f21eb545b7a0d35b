"""A client's whole story, told by gql over HTTP, WebSocket and event stream."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from functools import wraps
from typing import Any

import httpx
import psycopg
import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from schema.ids import parse_booking_id
from tests.serving import Served

PATIENCE = 15.0
SEATS = 6
# Longer than a handful of bookings takes on a busy machine.
FOLD_MS = 1000

BOOKING = "id userName status failureReason seatNumbers seats { number status } expiresAt"
CREATE_SHOW = """
    mutation ($input: CreateShowInput!) {
        result: createShow(input: $input) { ... on Show { id name totalSeats } }
    }
"""
SHOW = """
    query ($id: ID!) {
        result: show(id: $id) {
            availableSeats pendingSeats confirmedSeats seatMap { version encoded }
        }
    }
"""
SHOWS = "query ($search: String) { result: shows(search: $search) { edges { node { id name } } } }"
BOOK = f"""
    mutation ($input: BookSeatsInput!) {{
        result: bookSeats(input: $input) {{ ... on Booking {{ {BOOKING} }} }}
    }}
"""
CONFIRM = f"""
    mutation ($id: ID!) {{
        result: confirmBooking(bookingId: $id) {{
            ... on Booking {{ {BOOKING} confirmedAt }}
            ... on HoldExpired {{ expiredAt booking {{ {BOOKING} }} }}
        }}
    }}
"""
CANCEL = f"""
    mutation ($id: ID!) {{
        result: cancelBooking(bookingId: $id) {{ ... on Booking {{ {BOOKING} }} }}
    }}
"""
FIND = f"query ($id: ID!) {{ result: booking(id: $id) {{ {BOOKING} }} }}"
EXPIRE = "mutation { result: runExpiry { expiredBookings releasedSeats } }"
WATCH_SEATS = """
    subscription ($id: ID!, $since: Int, $every: Int = 0) {
        result: seatMap(showId: $id, sinceVersion: $since, everyMs: $every) {
            version snapshot seats { number status }
        }
    }
"""
WATCH_BOOKING = f"subscription ($id: ID!) {{ result: booking(id: $id) {{ {BOOKING} }} }}"


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for PATIENCE seconds at most."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), PATIENCE))

    return run


class Visitor:
    """Somebody at the box office, with a gql session of either kind."""

    def __init__(self, session: Any) -> None:
        self.session = session

    async def ask(self, document: str, **variables: Any) -> Any:
        request = GraphQLRequest(document, variable_values=variables)
        return (await self.session.execute(request))["result"]

    async def watch(self, document: str, **variables: Any) -> AsyncGenerator[Any, None]:
        request = GraphQLRequest(document, variable_values=variables)
        async with aclosing(self.session.subscribe(request)) as updates:
            async for update in updates:
                yield update["result"]

    async def open_show(self, **fields: Any) -> str:
        show = {"name": "Solaris", "startTime": "2030-01-31T19:30:00Z", "totalSeats": SEATS}
        return str((await self.ask(CREATE_SHOW, input=show | fields))["id"])

    async def book(self, show_id: str, *seats: int, **fields: Any) -> Any:
        asked = {"showId": show_id, "seatNumbers": seats, "userName": "Kris", **fields}
        return await self.ask(BOOK, input=asked)


def over_http(served: Served) -> Client:
    return Client(transport=HTTPXAsyncTransport(served.url))


def over_socket(served: Served) -> Client:
    protocols = [WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL]
    return Client(transport=WebsocketsTransport(served.socket_url, subprotocols=protocols))


@asynccontextmanager
async def visiting(
    served: Served, way: Callable[[Served], Client] = over_socket
) -> AsyncIterator[Visitor]:
    async with way(served) as session:
        yield Visitor(session)


async def stream(served: Served, document: str, **variables: Any) -> AsyncGenerator[Any, None]:
    """Subscribe over an event stream."""
    body = {"query": document, "variables": variables}
    accept = {"accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("POST", served.url, json=body, headers=accept) as response,
        aclosing(response.aiter_lines()) as lines,  # type: ignore[type-var]  # it is a generator
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in lines:
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))["data"]["result"]


def lapse(database_url: str, *booking_ids: str) -> None:
    """Let the holds of these bookings have ended a second ago."""
    keys = [parse_booking_id(id_) for id_ in booking_ids]
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "UPDATE bookings SET expires_at = clock_timestamp() - interval '1 second'"
            " WHERE id = ANY(%s)",
            [[key[1] for key in keys if key]],
        )


def step(version: int, status: str, *numbers: int) -> dict[str, Any]:
    """A change of the map, as a subscriber sees it."""
    seats = [{"number": number, "status": status} for number in numbers]
    return {"version": version, "snapshot": False, "seats": seats}


def snapshot(version: int, letters: str) -> dict[str, Any]:
    """The whole map, as a subscriber sees it."""
    statuses = {"A": "AVAILABLE", "P": "PENDING", "C": "CONFIRMED"}
    seats = [{"number": n, "status": statuses[letter]} for n, letter in enumerate(letters, 1)]
    return {"version": version, "snapshot": True, "seats": seats}


@pytest.mark.parametrize("way", [over_http, over_socket])
@story
async def test_visitor_books_and_sees_each_change(
    served: Served, way: Callable[[Served], Client]
) -> None:
    async with visiting(served, way) as kris, visiting(served) as hari:
        show_id = await kris.open_show(name=f"Stalker {way.__name__}")
        listed = await kris.ask(SHOWS, search=f"stalker {way.__name__}")
        assert [edge["node"]["id"] for edge in listed["edges"]] == [show_id]
        async with aclosing(hari.watch(WATCH_SEATS, id=show_id)) as updates:
            assert await anext(updates) == snapshot(0, "AAAAAA")
            booking = await kris.book(show_id, 3, 2)
            assert (booking["status"], booking["seatNumbers"]) == ("PENDING", [2, 3])
            assert await anext(updates) == step(1, "PENDING", 2, 3)
            confirmed = await kris.ask(CONFIRM, id=booking["id"])
            assert (confirmed["status"], confirmed["expiresAt"]) == ("CONFIRMED", None)
            assert await anext(updates) == step(2, "CONFIRMED", 2, 3)
            assert await kris.ask(CONFIRM, id=booking["id"]) == confirmed
            cancelled = await kris.ask(CANCEL, id=booking["id"])
            assert (cancelled["failureReason"], cancelled["seats"]) == ("CANCELLED", [])
            assert await anext(updates) == step(3, "AVAILABLE", 2, 3)
            assert await kris.ask(CANCEL, id=booking["id"]) == cancelled
        assert await kris.ask(SHOW, id=show_id) == {
            "availableSeats": SEATS,
            "pendingSeats": 0,
            "confirmedSeats": 0,
            "seatMap": {"version": 3, "encoded": "AAAAAA"},
        }


@story
async def test_lapsed_hold_leaves_the_map_by_itself(
    served: Served, shared_database_url: str
) -> None:
    async with visiting(served) as kris:
        show_id = await kris.open_show(holdSeconds=5)
        booking = await kris.book(show_id, 1, 2)
        async with (
            aclosing(kris.watch(WATCH_SEATS, id=show_id)) as updates,
            aclosing(kris.watch(WATCH_BOOKING, id=booking["id"])) as looks,
        ):
            assert await anext(updates) == snapshot(1, "PPAAAA")
            assert await anext(looks) == booking
            lapse(shared_database_url, booking["id"])
            assert await anext(updates) == step(2, "AVAILABLE", 1, 2)
            ended = await anext(looks)
            assert (ended["status"], ended["failureReason"]) == ("FAILED", "EXPIRED")
            with pytest.raises(StopAsyncIteration):
                await anext(looks)
        late = await kris.ask(CONFIRM, id=booking["id"])
        assert late["booking"] == ended
        assert late["expiredAt"] < booking["expiresAt"]


@story
async def test_lapsed_hold_is_over_before_the_sweep(
    served: Served, shared_database_url: str
) -> None:
    async with visiting(served) as kris, visiting(served) as hari:
        show_id = await kris.open_show()
        booking = await kris.book(show_id, 1, 2)
        lapse(shared_database_url, booking["id"])
        found = await kris.ask(FIND, id=booking["id"])
        assert (found["status"], found["failureReason"]) == ("FAILED", "EXPIRED")
        assert (found["seats"], found["expiresAt"]) == ([], None)
        assert (await hari.book(show_id, 2, 3))["status"] == "PENDING"
        late = await kris.ask(CONFIRM, id=booking["id"])
        assert late["booking"] == found
        assert (await hari.ask(SHOW, id=show_id))["seatMap"]["encoded"] == "APPAAA"


@story
async def test_expiry_now_frees_what_is_due(served: Served, shared_database_url: str) -> None:
    runs = []
    async with visiting(served) as kris:
        # The sweep comes by each second and may be first, but not every time.
        for _ in range(4):
            show_id = await kris.open_show()
            await kris.book(show_id, 6, confirm=True)
            due = [(await kris.book(show_id, *seats))["id"] for seats in ((1, 2), (3,))]
            lapse(shared_database_url, *due)
            runs.append(await kris.ask(EXPIRE))
            seat_map = (await kris.ask(SHOW, id=show_id))["seatMap"]
            assert seat_map["encoded"] == "AAAAAC"
    assert {"expiredBookings": 2, "releasedSeats": 3} in runs


@story
async def test_missed_statuses_of_a_booking_are_told_in_order(two_served: list[Served]) -> None:
    near, far = two_served
    async with visiting(near) as watcher, visiting(far) as kris:
        booking = await kris.book(await kris.open_show(), 1)
        async with aclosing(watcher.watch(WATCH_BOOKING, id=booking["id"])) as looks:
            assert await anext(looks) == booking
            # While the watcher's process stands still, another one makes both changes.
            near.process.send_signal(signal.SIGSTOP)
            try:
                confirmed = await kris.ask(CONFIRM, id=booking["id"])
                cancelled = await kris.ask(CANCEL, id=booking["id"])
            finally:
                near.process.send_signal(signal.SIGCONT)
            seen = [look async for look in looks]
        assert [look["status"] for look in seen] == ["CONFIRMED", "FAILED"]
        assert seen[0] == {name: confirmed[name] for name in seen[0]}
        assert seen[1] == cancelled


@story
async def test_booking_tells_each_status_as_it_comes(two_served: list[Served]) -> None:
    near, far = two_served
    async with visiting(near) as watcher, visiting(far, over_http) as kris:
        booking = await kris.book(await kris.open_show(), 1)
        async with aclosing(watcher.watch(WATCH_BOOKING, id=booking["id"])) as looks:
            assert (await anext(looks))["status"] == "PENDING"
            await kris.ask(CONFIRM, id=booking["id"])
            assert (await anext(looks))["status"] == "CONFIRMED"
            await kris.ask(CANCEL, id=booking["id"])
            assert (await anext(looks))["failureReason"] == "CANCELLED"
            with pytest.raises(StopAsyncIteration):
                await anext(looks)


@story
async def test_map_is_resumed_from_a_version(two_served: list[Served]) -> None:
    near, far = two_served
    async with visiting(near) as kris, visiting(far) as hari:
        show_id = await kris.open_show()
        first = await kris.book(show_id, 1)
        await kris.book(show_id, 2, 3)
        await kris.ask(CANCEL, id=first["id"])
        whole = snapshot(3, "APPAAA")
        resumed = {
            None: whole,
            -1: whole,
            4: whole,
            2_000_000_000: whole,
            3: step(3, "AVAILABLE"),
            2: step(3, "AVAILABLE", 1),
        }
        for visitor in (kris, hari):
            for version, expected in resumed.items():
                async with aclosing(visitor.watch(WATCH_SEATS, id=show_id, since=version)) as seen:
                    assert await anext(seen) == expected
            async with aclosing(visitor.watch(WATCH_SEATS, id=show_id, since=1)) as seen:
                update = await anext(seen)
            assert update["seats"] == [
                {"number": 1, "status": "AVAILABLE"},
                {"number": 2, "status": "PENDING"},
                {"number": 3, "status": "PENDING"},
            ]


@story
async def test_fast_changes_are_folded(two_served: list[Served]) -> None:
    near, far = two_served
    async with visiting(near) as kris, visiting(far) as hari:
        show_id = await kris.open_show()
        async with aclosing(kris.watch(WATCH_SEATS, id=show_id, every=FOLD_MS)) as updates:
            assert await anext(updates) == snapshot(0, "AAAAAA")
            first = await hari.book(show_id, 1, 2)
            await kris.ask(CONFIRM, id=(await kris.book(show_id, 4))["id"])
            await kris.ask(CANCEL, id=first["id"])
            await kris.book(show_id, 2)
            update = await anext(updates)
            assert (update["version"], update["snapshot"]) == (5, False)
            assert update["seats"] == [
                {"number": 1, "status": "AVAILABLE"},
                {"number": 2, "status": "PENDING"},
                {"number": 4, "status": "CONFIRMED"},
            ]


@story
async def test_event_stream_tells_the_same(two_served: list[Served]) -> None:
    near, far = two_served
    async with visiting(near) as kris:
        show_id = await kris.open_show()
        booking = await kris.book(show_id, 1)
        async with (
            aclosing(kris.watch(WATCH_SEATS, id=show_id)) as over_a_socket,
            aclosing(stream(near, WATCH_SEATS, id=show_id)) as updates,
            aclosing(stream(far, WATCH_SEATS, id=show_id)) as elsewhere,
            aclosing(stream(far, WATCH_BOOKING, id=booking["id"])) as looks,
        ):
            ways = (over_a_socket, updates, elsewhere)
            assert [await anext(way) for way in ways] == [snapshot(1, "PAAAAA")] * 3
            assert await anext(looks) == booking
            cancelled = await kris.ask(CANCEL, id=booking["id"])
            assert [await anext(way) for way in ways] == [step(2, "AVAILABLE", 1)] * 3
            assert await anext(looks) == cancelled


@pytest.mark.parametrize("document", [WATCH_SEATS, WATCH_BOOKING])
@story
async def test_watching_what_is_not_there_is_refused(served: Served, document: str) -> None:
    async with visiting(served) as kris:
        show_id = await kris.open_show()
        gone = (await kris.book(show_id, 1))["id"][:-1]
        other = show_id if document is WATCH_BOOKING else (await kris.book(show_id, 2))["id"]
        for unknown in ("", "nobody", gone, other):
            await assert_refused(kris.watch(document, id=unknown))


@pytest.mark.parametrize("every", [-1, 60_001])
@story
async def test_folding_beyond_a_minute_is_refused(served: Served, every: int) -> None:
    async with visiting(served) as kris:
        await assert_refused(kris.watch(WATCH_SEATS, id=await kris.open_show(), every=every))


async def assert_refused(updates: AsyncGenerator[Any, None]) -> None:
    async with aclosing(updates):
        with pytest.raises(TransportQueryError) as refusal:
            await anext(updates)
    errors = refusal.value.errors or []
    assert [error["extensions"]["code"] for error in errors] == ["BAD_REQUEST"]
