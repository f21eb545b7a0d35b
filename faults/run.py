"""A run: the house opened, the load on it, the faults as planned, and what is left put together."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from faults.aftermath import settle
from faults.caller import HANG, Callers
from faults.house import House
from faults.load import Load
from faults.on_database import FILLED
from faults.records import Records
from faults.schedule import LANES, Planned, make_schedule
from faults.shows import Shows
from faults.stage import Stage
from faults.watchers import Watchers

# A fault may meet nobody, because another is in its way: a stalled server commits nothing.
TRIES = 5
NEXT_TRY = 2.0


@dataclass
class Outcome:
    """What a run leaves.

    Attributes:
        complaints: what the harness itself saw that may not be; the checker's findings are apart.
        left_out: kinds of faults that can't be had here, and why.
    """

    seed: int
    seconds: float
    records: Records
    stage: Stage
    load: Load
    watchers: Watchers
    complaints: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


async def run(house: House, seed: int, seconds: float, say: Callable[[str], None]) -> Outcome:
    """Let load and faults at a house until they end, and let it come to rest.

    The servers are stopped afterwards; PostgreSQL runs on, to be looked into.
    """
    addresses = [server.address for server in house.servers]
    records, callers = Records(), Callers(addresses)
    watchers = Watchers(addresses, records, seed)
    shows = Shows(callers, Random(f"{seed} shows"), watchers.watch)
    load = Load(callers, shows, records, seed)
    outcome = Outcome(seed, 0.0, records, Stage(house, shows), load, watchers)
    began = time.monotonic()
    if not house.postgres.disk:
        outcome.left_out[FILLED.name] = house.postgres.without_disk
        say(f"left out: {FILLED.name}, {house.postgres.without_disk}")
    schedule = [p for p in make_schedule(seed, seconds) if p.kind.name not in outcome.left_out]
    try:
        await shows.open()
        await _under_faults(outcome, schedule, seconds, say)
        outcome.complaints += await settle(house, shows, load, watchers, say)
    finally:
        await watchers.stop()
        await callers.close()
    outcome.complaints += outcome.stage.complaints
    outcome.complaints += _faults_of_ours(records)
    outcome.seconds = time.monotonic() - began
    return outcome


async def _under_faults(
    outcome: Outcome, schedule: Sequence[Planned], seconds: float, say: Callable[[str], None]
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    keeping = asyncio.create_task(outcome.stage.shows.keep())
    selling = asyncio.create_task(outcome.load.run())
    lanes = [
        _follow([p for p in schedule if p.kind.lane == lane], outcome.stage, began, say)
        for lane in LANES
    ]
    try:
        await asyncio.gather(*lanes)
        await asyncio.sleep(began + seconds - loop.time())
        outcome.load.close()
        outcome.stage.complaints += [
            f"server {server.number} has ended by itself"
            for server in outcome.stage.house.servers
            if not server.runs
        ]
        await outcome.stage.house.heal()
        await selling
    finally:
        for task in (keeping, selling):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _follow(
    plan: Sequence[Planned], stage: Stage, began: float, say: Callable[[str], None]
) -> None:
    """Do the faults of a lane, each when it is due and the one before has ended."""
    loop = asyncio.get_running_loop()
    for fault in plan:
        await asyncio.sleep(began + fault.at - loop.time())
        for _ in range(TRIES):
            at = loop.time() - began
            how = await _do(fault, stage)
            lasted = loop.time() - began - at
            say(f"{at:7.1f} s  {fault.kind.name}: {how or 'met nobody'} ({lasted:.1f} s)")
            if how:
                break
            await asyncio.sleep(NEXT_TRY)


async def _do(fault: Planned, stage: Stage) -> str | None:
    try:
        how = await fault.kind.do(stage, **fault.drawn)
    except Exception as error:
        stage.complaints.append(f"{fault.kind.name}: {error!r}")
        return "failed"
    if how is not None:
        stage.happened[fault.kind.name, how] += 1
    return how


def _faults_of_ours(records: Records) -> list[str]:
    """Answers that may not be, whatever happens underneath."""
    complaints = []
    for request in records.requests:
        where = f"{request.client}, {request.operation} at {request.began_at:.3f}"
        if request.failure == HANG:
            complaints.append(f"{where}: {HANG}")
        if request.code not in (None, "UNAVAILABLE"):
            complaints.append(f"{where}: {request.code}")
    return complaints
