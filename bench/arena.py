"""A fresh server on a fresh database for each round, filled alike."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.contestants import HOLD_SECONDS, Contestant
from bench.failure import Failure
from bench.plan import Plan
from bench.postgres import Postgres
from bench.processes import Running

# A slow server has seconds of work under way when its load ends, and commits it in bursts: it is
# through when nothing is added and it takes less than this share of a core.
IDLE = 0.2
BETWEEN_LOOKS = 0.5
MOST_LOOKS = 50


@dataclass(frozen=True)
class House:
    """Shows on sale at one server."""

    contestant: Contestant
    postgres: Postgres
    database: str
    keys: list[int]
    server: Running

    @property
    def shows(self) -> list[str]:
        """What clients call the shows."""
        return [self.contestant.show_id(key) for key in self.keys]

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://{self.server.address}{self.contestant.path}"

    def count(self) -> int:
        """Count the bookings on record."""
        return count_bookings(self.postgres, self.database, self.contestant, self.keys)

    def settled(self) -> int:
        """Count the bookings on record once what is under way has come to its end.

        Raises:
            Failure: a seat was sold twice, or there is no end to it.
        """
        found, cpu = self.count(), self.server.cpu_seconds()
        for _ in range(MOST_LOOKS):
            time.sleep(BETWEEN_LOOKS)
            before, found = found, self.count()
            before_cpu, cpu = cpu, self.server.cpu_seconds()
            if found == before and cpu - before_cpu < IDLE * BETWEEN_LOOKS:
                return found
        raise Failure(f"{self.contestant.name}: bookings are still being made after the load")


class Arena:
    """The PostgreSQL, and databases filled once to be copied for each round."""

    def __init__(self, postgres: Postgres, plan: Plan) -> None:
        self.postgres = postgres
        self.plan = plan
        self._filled: dict[tuple[type[Contestant], int, int], tuple[str, list[int]]] = {}

    @contextmanager
    def database(
        self, contestant: Contestant, shows: int, seats: int
    ) -> Iterator[tuple[str, list[int]]]:
        """A database with shows and nothing booked, and the shows' keys."""
        template, keys = self._fill(contestant, shows, seats)
        with self.postgres.copy(template) as name:
            yield name, keys

    @contextmanager
    def house(self, contestant: Contestant, shows: int, seats: int) -> Iterator[House]:
        """A server on such a database."""
        with (
            self.database(contestant, shows, seats) as (name, keys),
            contestant.served(self.postgres, name) as server,
        ):
            yield House(contestant, self.postgres, name, keys, server)

    def _fill(self, contestant: Contestant, shows: int, seats: int) -> tuple[str, list[int]]:
        kind = (type(contestant), shows, seats)
        if kind not in self._filled:
            name = self.postgres.create()
            contestant.set_up(self.postgres, name)
            params = {"shows": shows, "seats": seats, "hold_seconds": HOLD_SECONDS}
            keys = [row[0] for row in self.postgres.run(name, contestant.add_shows, params)]
            self.postgres.settle(name)
            self._filled[kind] = (name, keys)
        return self._filled[kind]


def count_bookings(
    postgres: Postgres, database: str, contestant: Contestant, shows: Sequence[int]
) -> int:
    """Count what is on record as booked for these shows.

    Raises:
        Failure: a seat was sold twice, or the tables contradict each other.
    """
    [found] = postgres.run(database, contestant.count, {"shows": shows})
    bookings, seats, *others = (int(number) for number in found)
    if any(number != seats for number in others):
        raise Failure(f"{contestant.name}: seats, their table and counters disagree: {found}")
    return bookings
