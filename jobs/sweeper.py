"""The sweep by the clock: APScheduler runs the expiry every second in each server process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from db.desk import Desk
from db.errors import Unavailable
from db.expiry import run_expiry
from db.pool import Database

# Seats are on the map again within two seconds of the deadline (the contract): one second to the
# sweep, the other for the sweep.
SWEEP_INTERVAL = 1

log = logging.getLogger("boxoffice.jobs")
# It warns whenever a sweep takes longer than a second, which is no harm: the next one sees.
logging.getLogger("apscheduler").setLevel(logging.ERROR)


@asynccontextmanager
async def sweeping(database: Database, desk: Desk) -> AsyncIterator[None]:
    """Sweep every second while the block lasts; ends only when a sweep under way has ended."""
    sweeper = _Sweeper(database, desk)
    scheduler = AsyncIOScheduler()
    # A sweep that is late or still running makes the ones behind it needless, never wrong.
    scheduler.add_job(
        sweeper.sweep,
        "interval",
        seconds=SWEEP_INTERVAL,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
        # APScheduler doesn't wait for coroutines, and the pool closes behind us.
        await sweeper.finish()


class _Sweeper:
    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._desk = desk
        self._work: asyncio.Task[None] | None = None

    async def sweep(self) -> None:
        # A task of its own: shutting the scheduler down cancels the job, and a cancelled wait
        # inside the pool can lose a connection.
        if self._work is None or self._work.done():
            self._work = asyncio.ensure_future(self._sweep())
        await asyncio.shield(self._work)

    async def finish(self) -> None:
        if self._work:
            await asyncio.wait({self._work})

    async def _sweep(self) -> None:
        try:
            ended = await run_expiry(self._database, self._desk)
        except Unavailable as error:
            log.warning("no sweep: %s", error)
        except Exception:
            log.exception("the sweep failed")
        else:
            if ended.bookings:
                log.debug("%s bookings expired, %s seats freed", ended.bookings, ended.seats)
