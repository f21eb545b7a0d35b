"""Faults of PostgreSQL itself: stopped at once, its disk full, its connections taken."""

import asyncio
from random import Random

from psycopg import AsyncConnection, OperationalError

from faults.house import SERVERS
from faults.stage import Drawn, Kind, Stage

START_SECONDS = 1.0
# At once, soon, or so late that a server gives up asking what became of a commit.
BACK_AFTER = [(0.0, 0.0), (0.2, 5.0), (6.0, 9.0)]
NEXT_TRY = 0.02


def _draw_crash(chance: Random) -> tuple[Drawn, float]:
    down = chance.uniform(*chance.choice(BACK_AFTER))
    return {"down": down}, down + START_SECONDS


async def crash(stage: Stage, down: float) -> str:
    """PostgreSQL stopped at once, and started a while later."""
    await asyncio.to_thread(stage.house.postgres.crash)
    await asyncio.sleep(down)
    await asyncio.to_thread(stage.house.postgres.start)
    return "immediate"


def _draw_disk(chance: Random) -> tuple[Drawn, float]:
    seconds = chance.uniform(2, 5)
    return {"seconds": seconds}, seconds


async def fill_disk(stage: Stage, seconds: float) -> str | None:
    """No room on the database's file system, for a time."""
    postgres = stage.house.postgres
    before = postgres.said("No space left on device")
    postgres.fill_disk()
    await asyncio.sleep(seconds)
    postgres.free_disk()
    return "PostgreSQL met it" if postgres.said("No space left on device") > before else None


def _draw_exhaust(chance: Random) -> tuple[Drawn, float]:
    seconds = chance.uniform(3, 7)
    return {"seconds": seconds, "doors": [chance.randrange(SERVERS)]}, seconds


async def exhaust(stage: Stage, seconds: float, doors: list[int]) -> str | None:
    """Strangers take every connection PostgreSQL has, and those of a server as they are reset."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    strangers: list[AsyncConnection] = []
    full = False
    try:
        while loop.time() < ends_at:
            try:
                strangers.append(await AsyncConnection.connect(stage.house.postgres.url))
            except OperationalError:
                if not full:
                    stage.house.proxy.reset(doors)
                full = True
                await asyncio.sleep(NEXT_TRY)
    finally:
        for stranger in strangers:
            await stranger.close()
    return "all taken by strangers" if full else None


# Where no small file system can be mounted, this one is left out.
FILLED = Kind("disk full", "database", _draw_disk, fill_disk)

KINDS = [
    Kind("PostgreSQL stopped at once", "database", _draw_crash, crash),
    FILLED,
    Kind("connections exhausted", "database", _draw_exhaust, exhaust),
]
