"""Versions without gaps: who applies every update has the map that a query gives."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain, cycle, product
from typing import Any, NamedTuple

import httpx
import pytest
from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport

from db.following import FOLD_BEHIND
from tests.serving import Served

PATIENCE = 30.0
# At once, of each kind: twenty in all.
RUNS = 5
SEATS = 60
# The last seat is booked when everything else is over.
BELL = SEATS
GUESTS = 8
VISITS = 4
# After so many a watcher comes back on a new connection.
UPDATES_A_CONNECTION = 6
FOLD_MS = 20
# Reading certificates would take each new client 0.1 s, for nothing.
CHECK_CERTIFICATES = False

CREATE_SHOW = """
    mutation ($input: CreateShowInput!) {
        result: createShow(input: $input) { ... on Show { id } }
    }
"""
BOOK = """
    mutation ($input: BookSeatsInput!) {
        result: bookSeats(input: $input) { ... on Booking { id } }
    }
"""
CONFIRM = """
    mutation ($id: ID!) { result: confirmBooking(bookingId: $id) { ... on Booking { id } } }
"""
CANCEL = """
    mutation ($id: ID!) { result: cancelBooking(bookingId: $id) { ... on Booking { id } } }
"""
SHOW = "query ($id: ID!) { result: show(id: $id) { seatMap { version encoded } } }"
WATCH = """
    subscription ($id: ID!, $since: Int, $every: Int) {
        result: seatMap(showId: $id, sinceVersion: $since, everyMs: $every) {
            version snapshot seats { number status }
        }
    }
"""
# What becomes of a booking. Most are cancelled: a house that is full changes no more.
FATES: list[tuple[str, ...]] = [
    (),
    (CONFIRM,),
    (CANCEL,),
    (CANCEL,),
    (CONFIRM, CANCEL),
    (CONFIRM, CANCEL),
]

Watch = Callable[[Served, dict[str, Any]], AsyncGenerator[Any, None]]


class Update(NamedTuple):
    """How far an update led, and whether it was the first of its connection."""

    step: int
    snapshot: bool
    first: bool


async def over_socket(server: Served, variables: dict[str, Any]) -> AsyncGenerator[Any, None]:
    """Watch over a WebSocket of its own."""
    protocols = [WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL]
    transport = WebsocketsTransport(server.socket_url, subprotocols=protocols)
    request = GraphQLRequest(WATCH, variable_values=variables)
    async with Client(transport=transport) as session, aclosing(session.subscribe(request)) as seen:
        async for answer in seen:
            yield answer["result"]


async def over_event_stream(server: Served, variables: dict[str, Any]) -> AsyncGenerator[Any, None]:
    """Watch over an event stream."""
    body = {"query": WATCH, "variables": variables}
    accept = {"accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(timeout=PATIENCE, verify=CHECK_CERTIFICATES) as client,
        client.stream("POST", server.url, json=body, headers=accept) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))["data"]["result"]


@dataclass
class Screen:
    """A seat map as a client keeps it: from updates alone."""

    version: int = -1
    letters: list[str] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    connections: int = 0

    async def follow(
        self, show_id: str, servers: Sequence[Served], watch: Watch, every: int
    ) -> None:
        """Watch until the bell, coming back again and again, each time to the other process."""
        for server in cycle(servers):
            self.connections += 1
            since = None if self.version < 0 else self.version
            variables = {"id": show_id, "since": since, "every": every}
            async with aclosing(watch(server, variables)) as seen:
                await self._take(seen)
            if self.letters[BELL - 1] == "P":
                return

    async def _take(self, seen: AsyncGenerator[Any, None]) -> None:
        for number in range(UPDATES_A_CONNECTION):
            update = await anext(seen)
            step = update["version"] - self.version
            self.updates.append(Update(step, update["snapshot"], first=number == 0))
            self.version = update["version"]
            for seat in update["seats"]:
                if len(self.letters) < SEATS:
                    self.letters.append("")
                self.letters[seat["number"] - 1] = seat["status"][0]
            if self.letters[BELL - 1] == "P":
                return


class Sale:
    """A show under load, half of it at each of two processes."""

    def __init__(self, client: httpx.AsyncClient, servers: Sequence[Served], seed: int) -> None:
        self.client = client
        self.urls = cycle(server.url for server in servers)
        self.chance = random.Random(seed)

    async def ask(self, document: str, **variables: Any) -> Any:
        body = {"query": document, "variables": variables}
        answer = (await self.client.post(next(self.urls), json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]["result"]

    async def book(self, show_id: str, seats: Sequence[int]) -> str | None:
        asked = {"showId": show_id, "seatNumbers": seats, "userName": "Alice"}
        booking_id: str | None = (await self.ask(BOOK, input=asked)).get("id")
        return booking_id

    async def visit(self, show_id: str) -> None:
        """Book, and confirm, cancel, do both or neither, a few times over."""
        for _ in range(VISITS):
            seats = self.chance.sample(range(1, BELL), self.chance.randint(1, 3))
            if booking_id := await self.book(show_id, seats):
                for document in self.chance.choice(FATES):
                    await self.ask(document, id=booking_id)

    async def run(self, show_id: str, screens: Sequence[Screen]) -> None:
        """Let guests in until all who watch have come back once, and ring the bell behind them."""
        while any(screen.connections < 2 for screen in screens):
            await asyncio.gather(*(self.visit(show_id) for _ in range(GUESTS)))
        assert await self.book(show_id, [BELL])


async def sell_and_watch(
    servers: Sequence[Served], watch: Watch, every: int, seed: int
) -> list[Screen]:
    """One run: two watch a sale, and end with the map that each process answers."""
    screens = [Screen(), Screen()]
    async with (
        httpx.AsyncClient(timeout=PATIENCE, verify=CHECK_CERTIFICATES) as client,
        asyncio.TaskGroup() as tasks,
    ):
        sale = Sale(client, servers, seed)
        show = {"name": "Alphaville", "startTime": "2030-01-31T19:30:00Z", "totalSeats": SEATS}
        show_id = (await sale.ask(CREATE_SHOW, input=show))["id"]
        watchers = [
            tasks.create_task(screen.follow(show_id, order, watch, every))
            for screen, order in zip(screens, (servers, servers[::-1]), strict=True)
        ]
        await sale.run(show_id, screens)
        await asyncio.gather(*watchers)
        for screen, _ in product(screens, servers):
            seat_map = (await sale.ask(SHOW, id=show_id))["seatMap"]
            assert screen.version == seat_map["version"]
            assert "".join(screen.letters) == seat_map["encoded"]
    return screens


@pytest.mark.parametrize("watch", [over_socket, over_event_stream])
@pytest.mark.parametrize("every", [0, FOLD_MS])
def test_updates_lead_to_the_map_that_a_query_gives(
    two_served: list[Served], watch: Watch, every: int
) -> None:
    async def story() -> list[list[Screen]]:
        runs = (sell_and_watch(two_served, watch, every, seed) for seed in range(RUNS))
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*runs)

    for screen in chain.from_iterable(asyncio.run(story())):
        begin, *updates = screen.updates
        assert begin.snapshot
        for update in updates:
            # Who comes back gets what was missed, in one step or none.
            assert update.step > 0 or (update.first and update.step == 0)
            assert not (update.first and update.snapshot)
            if every == 0 and not update.first:
                # One by one; but who is too slow, by more than FOLD_BEHIND versions or what the
                # server remembers, gets all of them at once.
                assert update.step == 1 or update.step > FOLD_BEHIND or update.snapshot
