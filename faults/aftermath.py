"""After the last fault: everything works again by itself, soon, and comes to rest."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from psycopg import AsyncConnection

from faults.house import House
from faults.load import Load
from faults.process import ServerError
from faults.shows import HOLDS, Shows
from faults.watchers import Watchers
from schema.ids import show_id

# A server is back within seconds of its database (tests/test_outage.py), here on a busy machine.
BACK_WITHIN = 5.0
# A hold is off the map two seconds after its deadline.
SWEPT_WITHIN = max(HOLDS) + 5.0
CAUGHT_UP_WITHIN = 10.0
POLL = 0.1

PENDING = "SELECT count(*) FROM bookings WHERE status = 'PENDING'"
VERSIONS = "SELECT id, version FROM shows"


async def settle(
    house: House, shows: Shows, load: Load, watchers: Watchers, say: Callable[[str], None]
) -> list[str]:
    """Wait until nothing moves any more, then stop the servers; returns what did not come right."""
    complaints = []
    show = await shows.add()
    for server in house.servers:
        given = {"showId": show.id, "seatCount": 1, "userName": "the next", "confirm": True}

        async def books(number: int = server.number, given: dict[str, Any] = given) -> bool:
            answer = await load.ask("the next", "bookSeats", {"input": given}, number)
            return answer.result is not None

        if not await _within(BACK_WITHIN, books):
            complaints.append(f"server {server.number} books nothing after everything was healed")
    async with await AsyncConnection.connect(house.postgres.url, autocommit=True) as conn:
        if not await _within(SWEPT_WITHIN, lambda: _is_swept(conn)):
            complaints.append("lapsed holds are not swept")
        versions = await _versions(conn)
        if not await _within(CAUGHT_UP_WITHIN, lambda: _caught_up(watchers, versions)):
            complaints += [f"behind at the end: {who}" for who in watchers.behind(versions)]
    await watchers.stop()
    try:
        await house.stop()
    except ServerError as error:
        complaints.append(str(error))
    say(f"at rest: {len(versions)} shows, {sum(versions.values())} versions")
    return complaints


async def _within(seconds: float, condition: Callable[[], Awaitable[bool]]) -> bool:
    """Try until something is so; returns whether it was in time."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while not await condition():
        if loop.time() > ends_at:
            return False
        await asyncio.sleep(POLL)
    return True


async def _is_swept(conn: AsyncConnection) -> bool:
    row = await (await conn.execute(PENDING)).fetchone()
    return row == (0,)


async def _versions(conn: AsyncConnection) -> dict[str, int]:
    rows = await (await conn.execute(VERSIONS)).fetchall()
    return {show_id(id_): version for id_, version in rows}


async def _caught_up(watchers: Watchers, versions: dict[str, int]) -> bool:
    return not watchers.behind(versions)
