"""Two servers under attack, with access control on, and what they spend and keep."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg

from tests.attacks import meters
from tests.attacks.attack import ADA, ADMIN, SHOP, Attack, Outcome
from tests.attacks.attacker import Attacker, House
from tests.attacks.tokens import KEY_SET
from tests.serving import Served, serve
from tests.tokens import AUDIENCE, ISSUER, SECRET

# The rates would refuse most attacks before what they are about.
UNLIMITED = {
    "RATE_LIMIT_READS": "1000000/minute",
    "RATE_LIMIT_BOOKINGS": "1000000/minute",
    "RATE_LIMIT_LOGINS": "1000000/minute",
}
GUARDED = {**UNLIMITED, "INTROSPECTION": "false", "ALLOWED_ORIGINS": SHOP}
TRIES = 5
CREATE = (
    'mutation { made: createShow(input: {name: "First night", startTime: "2030-01-01T20:00:00Z", '
    "totalSeats: 50, holdSeconds: 86400}) { ... on Show { id } } }"
)
BOOK = (
    "mutation ($show: ID!) { made: bookSeats(input: {showId: $show, seatCount: 2, userName: "
    '"Eve"}) { ... on Booking { id } } }'
)
ROWS = """
    SELECT
        (SELECT array_agg(shows ORDER BY id) FROM shows), (SELECT count(*) FROM bookings),
        (SELECT count(*) FROM taken_seats), (SELECT count(*) FROM changes),
        (SELECT count(*) FROM api_keys)
"""


@dataclass(frozen=True)
class Siege:
    """The servers, who attacks them, and their database."""

    served: Served
    attacker: Attacker
    keys_served: Served
    keys_attacker: Attacker
    database: psycopg.Connection[tuple[Any, ...]]
    log: Path

    def send(self, attack: Attack) -> Outcome:
        """Try an attack."""
        return (self.keys_attacker if attack.keys else self.attacker).send(attack)

    def server_of(self, attack: Attack) -> int:
        """The process that an attack is for."""
        return (self.keys_served if attack.keys else self.served).process.pid

    def measure(self, attack: Attack) -> tuple[Outcome, float]:
        """Try an attack; returns also the seconds on a processor that it cost the server.

        All that the server does meanwhile is counted. What seems dear is tried again, and the
        least counts: a neighbour on the machine slows us down by its use of the caches, and makes
        nothing faster.
        """
        pid, least = self.server_of(attack), float("inf")
        for _ in range(TRIES):
            before = meters.processor_seconds(pid)
            outcome = self.send(attack)
            least = min(least, meters.settled_seconds(pid) - before)
            if least < meters.DEAR:
                break
        return outcome, least

    def rows(self) -> Any:
        """What the database has: any change of it shows here."""
        return self.database.execute(ROWS).fetchone()


@contextmanager
def besieged(database_url: str) -> Iterator[Siege]:
    """Serve with a secret and with public keys, on one database."""
    with tempfile.TemporaryDirectory() as place, (Path(place) / "log").open("wb") as log:
        keys = Path(place) / "keys.json"
        keys.write_bytes(orjson.dumps(KEY_SET))
        known = {"AUTH_JWKS": str(keys), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE}
        with (
            serve(database_url, "server", log, AUTH_SECRET=SECRET, **GUARDED) as served,
            serve(database_url, "server", log, **known, **GUARDED) as keys_served,
            psycopg.connect(database_url, autocommit=True) as database,
        ):
            house = _furnish(served)
            with (
                closing(Attacker(served, house)) as attacker,
                closing(Attacker(keys_served, house)) as keys_attacker,
            ):
                yield Siege(
                    served, attacker, keys_served, keys_attacker, database, Path(place) / "log"
                )


def _furnish(served: Served) -> House:
    """A show, with a booking of ada's and one of the house."""
    show = made(served, CREATE, ADMIN)
    return House(show, made(served, BOOK, ADA, show=show), made(served, BOOK, ADMIN, show=show))


def made(served: Served, document: str, caller: str, **variables: Any) -> str:
    """Make something; returns its id."""
    answer = httpx.post(
        served.url,
        json={"query": document, "variables": variables},
        headers={"authorization": caller},
        verify=False,
    )
    return str(answer.json()["data"]["made"]["id"])
