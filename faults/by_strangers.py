"""Faults by strangers in the database: a lock held for ten seconds, deadlocks."""

import asyncio
from random import Random

import psycopg
from psycopg import AsyncConnection

from faults.stage import Drawn, Kind, Stage
from schema.ids import parse_show_id

LOCK_SECONDS = 10.0
# Time for a batch of ours to lock what the stranger has not, and to wait for what it has.
BETWEEN_LOCKS = 0.03
# The stranger waits, and lets PostgreSQL find out by our wait: so we are the one who is stopped.
SET_UP = "SET deadlock_timeout = '30s'; SET lock_timeout = '1s'"
LOCK_SHOW = "SELECT FROM shows WHERE id = %s FOR UPDATE"
LOCK_BOOKING = """
    SELECT FROM bookings WHERE show_id = %s AND status = 'PENDING' LIMIT 1 FOR UPDATE
"""


def _draw_lock(chance: Random) -> tuple[Drawn, float]:
    return {"place": chance.random(), "seconds": LOCK_SECONDS}, LOCK_SECONDS


async def lock_show(stage: Stage, place: float, seconds: float) -> str | None:
    """A stranger locks a show on sale, and goes to lunch."""
    ids = _ids(stage)
    try:
        async with await AsyncConnection.connect(stage.house.postgres.url) as conn:
            await conn.execute(LOCK_SHOW, [ids[int(place * len(ids))]])
            await asyncio.sleep(seconds)
    except psycopg.Error:
        return None  # another fault was faster
    return f"for {seconds:.0f} s"


def _draw_deadlocks(chance: Random) -> tuple[Drawn, float]:
    seconds = chance.uniform(2, 5)
    return {"seconds": seconds, "seed": chance.getrandbits(32)}, seconds


async def deadlock(stage: Stage, seconds: float, seed: int) -> str | None:
    """A stranger locks shows and bookings in an order of its own, again and again."""
    loop, chance = asyncio.get_running_loop(), Random(seed)
    ends_at, before = loop.time() + seconds, stage.house.postgres.said("deadlock detected")
    while loop.time() < ends_at:
        try:
            async with await AsyncConnection.connect(stage.house.postgres.url) as conn:
                await conn.execute(SET_UP)
                await conn.commit()
                while loop.time() < ends_at:
                    await _cross(conn, _ids(stage), chance)
        except psycopg.Error:
            await asyncio.sleep(BETWEEN_LOCKS)
    found = stage.house.postgres.said("deadlock detected") - before
    stage.happened["deadlocks", "transactions stopped by PostgreSQL"] += found
    return "rounds" if found else None


async def _cross(conn: AsyncConnection, ids: list[int], chance: Random) -> None:
    lower, higher = sorted(chance.sample(sorted(ids), 2))
    first = (LOCK_BOOKING, lower) if chance.random() < 0.4 else (LOCK_SHOW, higher)
    try:
        for statement, show_id in (first, (LOCK_SHOW, lower)):
            await conn.execute(statement, [show_id])
            await asyncio.sleep(BETWEEN_LOCKS)
    finally:
        await conn.rollback()


def _ids(stage: Stage) -> list[int]:
    ids = [parse_show_id(show.id) for show in stage.shows.on_sale]
    return [id_ for id_ in ids if id_ is not None]


KINDS = [
    Kind("show locked by a stranger", "strangers", _draw_lock, lock_show),
    Kind("deadlocks", "strangers", _draw_deadlocks, deadlock),
]
