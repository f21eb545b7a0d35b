"""Stock Strawberry under uvicorn: its own app, a generator a subscriber, one call a booking."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Annotated

import strawberry
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.routing import Mount
from strawberry.asgi import GraphQL

# A peer has its SQL where its users would write it.
BOOK = "SELECT booking_id, expires_at, show_version, available FROM book_seat(%s, %s, %s)"

pool = AsyncConnectionPool("", max_size=int(os.environ.get("POOL_SIZE", "8")), open=False)


@strawberry.enum
class SeatStatus(Enum):
    """What a seat is."""

    AVAILABLE = "AVAILABLE"
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"


@strawberry.type
class Seat:
    """One seat."""

    number: int
    status: SeatStatus


@strawberry.type
class SeatMapUpdate:
    """A change of a show."""

    show_id: strawberry.ID
    version: int
    snapshot: bool
    seats: list[Seat]


@strawberry.type
class Booking:
    """A seat that is held."""

    id: strawberry.ID
    status: str
    expires_at: str


@strawberry.type
class SeatsUnavailable:
    """A refusal."""

    unavailable: list[int]
    available_seats: int


BookSeatsResult = Annotated[Booking | SeatsUnavailable, strawberry.union("BookSeatsResult")]


@strawberry.input
class BookSeatsInput:
    """What to book."""

    show_id: strawberry.ID
    seat_numbers: list[int]
    user_name: str


watchers: defaultdict[str, set[asyncio.Queue[SeatMapUpdate]]] = defaultdict(set)


@strawberry.type
class Query:
    """What can be read."""

    ready: bool = True


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    async def book_seats(self, input: BookSeatsInput) -> BookSeatsResult:
        """Book one seat."""
        seat = input.seat_numbers[0]
        async with pool.connection() as conn:
            cursor = await conn.execute(BOOK, [int(input.show_id), seat, input.user_name])
            row = await cursor.fetchone()
        assert row is not None
        booking_id, expires_at, version, available = row
        if booking_id is None:
            return SeatsUnavailable(unavailable=[seat], available_seats=available)
        change = [Seat(number=seat, status=SeatStatus.PENDING)]
        update = SeatMapUpdate(show_id=input.show_id, version=version, snapshot=False, seats=change)
        for queue in watchers[input.show_id]:
            queue.put_nowait(update)
        key = strawberry.ID(str(booking_id))
        return Booking(id=key, status="PENDING", expires_at=expires_at.isoformat())


@strawberry.type
class Subscription:
    """What can be watched."""

    @strawberry.subscription
    async def seat_map(self, show_id: strawberry.ID) -> AsyncIterator[SeatMapUpdate]:
        """Each change of a show."""
        queue = asyncio.Queue[SeatMapUpdate]()
        watchers[show_id].add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            watchers[show_id].discard(queue)


schema = strawberry.Schema(Query, Mutation, Subscription)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Connect to the database that PG* names."""
    async with pool:
        yield


app = Starlette(routes=[Mount("/", GraphQL(schema))], lifespan=lifespan)
