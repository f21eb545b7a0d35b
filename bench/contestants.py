"""Who is measured: how each is started, where its data is, and what it is asked."""

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import jwt

from bench.failure import Failure
from bench.postgres import SQL, Postgres
from bench.processes import Running, running
from db.migrations import migrate

PROJECT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"

BOOK = (
    "mutation Book($input: BookSeatsInput!) { bookSeats(input: $input) { __typename "
    "... on Booking { id status expiresAt } ... on SeatsUnavailable { unavailable } } }"
)
SEAT_MAP = "query Map($id: ID!) { show(id: $id) { seatMap { seats { number status } } } }"
WATCH = (
    "subscription Watch($id: ID!) "
    "{ seatMap(showId: $id) { version snapshot seats { number status } } }"
)
BOOK_GROUP = (
    "mutation Book($input: BookSeatsInput!) { bookSeats(input: $input) { __typename "
    "... on Booking { id seatNumbers } ... on SeatsUnavailable { availableSeats } } }"
)
USER = "Ada Lovelace"
# Longer than any round, so that no hold lapses in it, as none does with the peers.
HOLD_SECONDS = 3600
PEOPLE = 1_000
GOOD_FOR = 86_400  # seconds, more than a run takes
SECRET = "of a server that lives for a round, on loopback"


@dataclass(frozen=True)
class Contestant(ABC):
    """One server in one set-up.

    Attributes:
        processes: how many it runs as.
        connections: how many to the database it has, over all its processes.
    """

    name: ClassVar[str]
    path: ClassVar[str] = "/graphql"
    # Part of the answer to a booking that succeeded, and of no other answer.
    booked: ClassVar[str] = '"status":"PENDING"'
    # Part of the answer to whoever comes too late, where the request asks for it.
    sold_out: ClassVar[str] = '"availableSeats":0'
    add_shows: ClassVar[Path] = SQL / "add_peer_shows.sql"
    count: ClassVar[Path] = SQL / "count_peers.sql"
    shrink: ClassVar[Path] = SQL / "shrink_peer_show.sql"

    processes: int = 2
    connections: int = 16

    def with_(self, **changes: int) -> Self:
        """The same in another set-up."""
        return replace(self, **changes)

    def set_up(self, postgres: Postgres, database: str) -> None:
        """Make its tables."""
        postgres.run(database, PEERS / "schema.sql")

    def show_id(self, key: int) -> str:
        """What clients call a show."""
        return str(key)

    def booking_body(self) -> str:
        """A request to book, with $SHOW and $SEAT for the load generator to fill in."""
        given = {"showId": "$SHOW", "seatNumbers": ["$SEAT"], "userName": USER}
        return _seat_as_number(_operation(BOOK, input=given))

    def rush_body(self) -> str:
        """The same, by somebody who wants to know whether there is any point in going on."""
        return self.booking_body().replace("{ unavailable }", "{ unavailable availableSeats }")

    def tokens(self) -> list[str]:
        """What bookers show in turn; nothing where nobody is asked who they are."""
        return []

    @contextmanager
    def served(self, postgres: Postgres, database: str) -> Iterator[Running]:
        """Run it on a database until the end of the block."""
        environment = {
            **postgres.environment(database),
            "PORT": "0",
            "WORKERS": str(self.processes),
            "POOL_SIZE": str(max(1, self.connections // self.processes)),
            "NODE_ENV": "production",
        }
        with running(self.command(), PEERS, environment) as server:
            yield server

    @abstractmethod
    def command(self) -> list[str]:
        """The words that start it."""


class Boxoffice(Contestant):
    """This project, as the checkout has it."""

    name = "Boxoffice"
    add_shows = SQL / "add_our_shows.sql"
    count = SQL / "count_ours.sql"
    shrink = SQL / "shrink_our_show.sql"

    def set_up(self, postgres: Postgres, database: str) -> None:
        migrate(postgres.url(database))

    def show_id(self, key: int) -> str:
        return urlsafe_b64encode(f"Show:{key}".encode()).decode().rstrip("=")

    @contextmanager
    def served(self, postgres: Postgres, database: str) -> Iterator[Running]:
        environment = {
            "DATABASE_URL": postgres.url(database),
            "HOST": "127.0.0.1",
            "PORT": "0",
            "WEB_CONCURRENCY": str(self.processes),
            **self.settings(),
        }
        with running(self.command(), PROJECT, environment) as server:
            yield server

    def settings(self) -> dict[str, str]:
        """What is set beside the database and the address."""
        return {}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "server"]


class GuardedBoxoffice(Boxoffice):
    """This project with access control, asked by a thousand scripts of admins in turn."""

    name = "Boxoffice with tokens"
    role = "admin"

    def settings(self) -> dict[str, str]:
        return {"AUTH_SECRET": SECRET}

    def tokens(self) -> list[str]:
        return _tokens(self.role)


class BoundedBoxoffice(GuardedBoxoffice):
    """The same, asked by customers: what they hold and how often they book is counted, too."""

    name = "Boxoffice with customers"
    role = "customer"

    def settings(self) -> dict[str, str]:
        # One after another they book more than people do.
        plenty = {"MAX_PENDING_SEATS": "100000", "RATE_LIMIT_BOOKINGS": "1000000/minute"}
        return {**super().settings(), **plenty}


class QuietBoxoffice(Boxoffice):
    """This project without a line in the log for each operation."""

    name = "Boxoffice without lines"

    def settings(self) -> dict[str, str]:
        return {"LOG_LEVEL": "warning"}


class UnmeasuredBoxoffice(QuietBoxoffice):
    """This project with nothing counted, which nobody but the bench can have."""

    name = "Boxoffice without metrics"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bench.unmeasured"]


class BusyBoxoffice(Boxoffice):
    """This project on a database that has seen 100,000 shows, with ten bookings each."""

    def set_up(self, postgres: Postgres, database: str) -> None:
        super().set_up(postgres, database)
        postgres.run(database, SQL / "add_our_history.sql", {"shows": 100_000})


class Mercurius(Contestant):
    """Fastify and Mercurius with JIT, one SQL function a booking."""

    name = "Mercurius"

    def command(self) -> list[str]:
        return _node("mercurius.mjs")


class Express(Contestant):
    """Express and pg, a transaction in separate statements a booking."""

    name = "Express"
    path = "/book"
    sold_out = '"sold out"'

    def booking_body(self) -> str:
        return _seat_as_number(
            json.dumps({"showId": "$SHOW", "seatNumber": "$SEAT", "userName": USER})
        )

    def command(self) -> list[str]:
        return _node("express.mjs")


class StockStrawberry(Contestant):
    """Strawberry as it comes, under uvicorn, one SQL function a booking."""

    name = "Strawberry"

    def command(self) -> list[str]:
        words = ["uvicorn", "strawberry_app:app", "--port=0", "--no-access-log"]
        return [sys.executable, "-m", *words, f"--workers={self.processes}"]


@cache
def _tokens(role: str) -> list[str]:
    """Everybody's own, the same for the whole run: people log in once, and then book."""
    known = {"iss": "boxoffice", "aud": "boxoffice", "exp": int(time.time()) + GOOD_FOR}
    return [
        jwt.encode({**known, "sub": f"{role}-{number}", "roles": [role]}, SECRET, "HS256")
        for number in range(PEOPLE)
    ]


def asking_for_map(show_id: str) -> str:
    """A request for a show's seats."""
    return _operation(SEAT_MAP, id=show_id)


def booking_for_group() -> str:
    """A request for seats side by side, with $SHOW and $COUNT to fill in."""
    given = {"showId": "$SHOW", "seatCount": "$COUNT", "userName": USER}
    return _operation(BOOK_GROUP, input=given).replace('"$COUNT"', "$COUNT")


def _operation(query: str, **variables: Any) -> str:
    return json.dumps({"query": query, "variables": variables})


def _seat_as_number(body: str) -> str:
    return body.replace('"$SEAT"', "$SEAT")


def _node(script: str) -> list[str]:
    if not (PEERS / "node_modules").exists():
        raise Failure("the peers are not installed: npm ci --prefix bench/peers")
    return ["node", os.fspath(PEERS / script)]
