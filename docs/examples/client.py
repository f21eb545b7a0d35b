# ruff: noqa: T201 -- a tour says what it sees
"""A tour of Boxoffice for a Python client: create a show, book seats, watch the map change.

With a server running (`make run`):

    python docs/examples/client.py [http://127.0.0.1:8000/graphql]

It needs `gql[httpx,websockets]`, which `make install-dev` installs.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

CREATE_SHOW = """
    mutation ($input: CreateShowInput!) {
        result: createShow(input: $input) {
            ... on Show { id name totalSeats }
            ... on Error { message }
        }
    }
"""

LIST_SHOWS = """
    query { shows(first: 3) { edges { node { name availableSeats totalSeats } } } }
"""

WATCH_SEATS = """
    subscription ($showId: ID!) {
        seatMap(showId: $showId) { version snapshot seats { label status } }
    }
"""

# What can come of a booking is data: a Booking, or one of the reasons why there is none. Asking
# for `... on Error` covers all of them; `__typename` tells which it was.
BOOK_SEATS = """
    mutation ($input: BookSeatsInput!) {
        result: bookSeats(input: $input) {
            __typename
            ... on Booking { id status seats { label } }
            ... on Error { message }
        }
    }
"""

CONFIRM_BOOKING = """
    mutation ($id: ID!) {
        result: confirmBooking(bookingId: $id) {
            ... on Booking { status }
            ... on Error { message }
        }
    }
"""

CANCEL_BOOKING = """
    mutation ($id: ID!) {
        result: cancelBooking(bookingId: $id) {
            ... on Booking { status failureReason }
            ... on Error { message }
        }
    }
"""


async def tour(office: AsyncClientSession, live: AsyncClientSession) -> None:
    """Walk through the box office: `office` answers questions, `live` tells what changes."""
    next_week = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    film = {"name": "The Third Man", "startTime": next_week, "totalSeats": 6}
    show = await ask(office, CREATE_SHOW, input=film)
    print(f"created: {show['name']}, {show['totalSeats']} seats")

    for edge in (await office.execute(GraphQLRequest(LIST_SHOWS)))["shows"]["edges"]:
        print("on sale: {name}, {availableSeats} of {totalSeats} seats free".format(**edge["node"]))

    watch = GraphQLRequest(WATCH_SEATS, variable_values={"showId": show["id"]})
    async with aclosing(live.subscribe(watch)) as updates:
        # The first update is the whole map, and each one after it a change: apply them in turn, and
        # your map is always the box office's. `version` is where to resume (`sinceVersion`).
        await see(updates)

        # The key makes a retry safe: sent again after a timeout, say, it finds the same booking.
        asked = {"showId": show["id"], "seatNumbers": [1, 2], "userName": "Holly"}
        booking = await ask(office, BOOK_SEATS, input=asked | {"idempotencyKey": "holly-1"})
        print(f"booked: {labels(booking['seats'])} for Holly, {booking['status']}")
        await see(updates)

        # Somebody else wants one of them.
        refused = await ask(office, BOOK_SEATS, input=asked | {"userName": "Harry"})
        print(f"refused: {refused['__typename']}: {refused['message']}")

        # A booking is held for two minutes. Whoever confirms it by then, keeps it.
        confirmed = await ask(office, CONFIRM_BOOKING, id=booking["id"])
        print(f"confirmed: {confirmed['status']}")
        await see(updates)

        # The best three that are left, and then he changes his mind.
        asked = {"showId": show["id"], "seatCount": 3, "userName": "Harry"}
        booking = await ask(office, BOOK_SEATS, input=asked)
        print(f"booked: {labels(booking['seats'])} for Harry, {booking['status']}")
        await see(updates)
        cancelled = await ask(office, CANCEL_BOOKING, id=booking["id"])
        print("cancelled: {status}, {failureReason}".format(**cancelled))
        await see(updates)


async def ask(office: AsyncClientSession, document: str, **variables: Any) -> Any:
    """Send a mutation; returns what came of it. An entry in `errors` is raised by gql."""
    answer = await office.execute(GraphQLRequest(document, variable_values=variables))
    return answer["result"]


async def see(updates: AsyncIterator[Any]) -> None:
    """Wait for the next update of the map and print it."""
    update = (await anext(updates))["seatMap"]
    seats = " ".join(f"{seat['label']}={seat['status']}" for seat in update["seats"])
    print(f"  {'map' if update['snapshot'] else 'change'} {update['version']}: {seats}")


def labels(seats: list[dict[str, str]]) -> str:
    """The seats as they are painted on the chairs."""
    return ", ".join(seat["label"] for seat in seats)


async def main(url: str) -> None:
    """Open both ways to the server: HTTP for questions, a WebSocket for what changes."""
    http = HTTPXAsyncTransport(url)
    socket = WebsocketsTransport(
        url.replace("http", "ws", 1), subprotocols=["graphql-transport-ws"]
    )
    async with Client(transport=http) as office, Client(transport=socket) as live:
        await tour(office, live)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/graphql"))
