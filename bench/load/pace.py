"""autocannon as a booker that keeps a pace while something else is measured."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.arena import House
from bench.contestants import PEERS
from bench.failure import Failure

# Enough that a slow answer does not hold up the pace.
CONNECTIONS = 40
PATIENCE = 30.0


@dataclass
class Booker:
    """What came of it, once its block has ended."""

    per_second: float = 0.0


@contextmanager
def booking(house: House, show: str, seats: int, rate: int, seconds: int) -> Iterator[Booker]:
    """Book the seats of a show in random order, so many a second, while the block runs.

    Raises:
        Failure: at the end, where bookings failed.
    """
    booker = Booker()
    if rate == 0:
        yield booker
        return
    given = {
        "url": house.url,
        "body": house.contestant.booking_body(),
        "marker": house.contestant.booked,
        "show": show,
        "seats": seats,
        "rate": rate,
        "seconds": seconds,
        "connections": CONNECTIONS,
    }
    process = subprocess.Popen(
        ["node", str(PEERS / "pace.mjs"), json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        process.stdout.readline()  # It says when it begins.
        yield booker
        said, complaint = process.communicate(timeout=seconds + PATIENCE)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise Failure(f"autocannon failed: {complaint[-500:]}")
    found = json.loads(said)
    booker.per_second = found["booked"] / found["seconds"]
    if found["failed"]:
        raise Failure(f"{found['failed']} bookings failed beside the load")
