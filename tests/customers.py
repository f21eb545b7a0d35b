"""Clients of a proxy: each asks again, with the same key, where a server broke off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx

from tests.crowd import BOOK
from tests.fleet import Fleet

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
SHOW = {"name": "Composed", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 5_000}
BOOKERS = 8
# What a proxy says where a server broke off, or doesn't answer.
COME_AGAIN = {502, 503, 504}


class Client:
    """An admin at the proxy, who asks again with the same key where that failed."""

    def __init__(self, up: Fleet, http: httpx.AsyncClient) -> None:
        self._url, self._http = f"http://{up.address}/graphql", http
        self._http.headers["authorization"] = f"Bearer {up.run('boxoffice', 'token', '--admin')}"

    async def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        for _ in range(3):
            answer = await self._http.post(self._url, json=body)
            if answer.status_code == 200 and "errors" not in answer.json():
                return answer.json()["data"]
            assert answer.status_code in COME_AGAIN, answer.text
        raise AssertionError(answer.text)

    async def book(self, show: str, seat: int) -> Any:
        given = {
            "showId": show,
            "seatNumbers": [seat],
            "userName": "Ada",
            "idempotencyKey": f"seat {seat}",
        }
        return (await self.ask(BOOK, input=given))["bookSeats"]

    async def create(self) -> str:
        show: str = (await self.ask(CREATE, input=SHOW))["createShow"]["id"]
        return show


class Sale:
    """Many who book one seat after another until the block ends, none of whom may fail."""

    def __init__(self, client: Client, show: str) -> None:
        self.booked: list[int] = []
        self._client, self._show, self._seats = client, show, count(1)
        self._stopping = False

    async def __aenter__(self) -> "Sale":
        self._bookers = [asyncio.create_task(self._book()) for _ in range(BOOKERS)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._bookers)

    async def goes_on(self) -> None:
        """Wait until some more is booked."""
        aim = len(self.booked) + 50
        while len(self.booked) < aim:
            failed, _ = await asyncio.wait(self._bookers, timeout=0.02)
            for booker in failed:
                booker.result()

    async def _book(self) -> None:
        while not self._stopping:
            made = await self._client.book(self._show, seat := next(self._seats))
            assert made["__typename"] == "Booking", made
            self.booked.append(seat)


@asynccontextmanager
async def admin(up: Fleet) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(timeout=20, verify=False) as http:
        yield Client(up, http)
