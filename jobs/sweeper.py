"""The sweep by the clock: APScheduler runs the expiry every second in each server process."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from db.errors import Unavailable
from db.expiry import Expiry
from telemetry.metrics import SWEEP_SECONDS, SWEEPS

# Seats are on the map again within two seconds of the deadline (the contract): one second to the
# sweep, the other for the sweep.
SWEEP_INTERVAL = timedelta(seconds=1)
# A show that takes longer than this is locked, and is left to end by itself.
PATIENCE = timedelta(seconds=0.5)

log = logging.getLogger("boxoffice.jobs")


def start_sweeping(expiry: Expiry) -> Callable[[], Coroutine[Any, Any, None]]:
    """Sweep every second; returns what ends it, and waits for a sweep that is under way."""
    sweeper = _Sweeper(expiry)
    scheduler = AsyncIOScheduler()
    # One job without an end, not one each second: the scheduler goes by the wall clock, and a clock
    # that is set back must not stop the sweep.
    scheduler.add_job(sweeper.run, misfire_grace_time=None, coalesce=True, max_instances=1)
    scheduler.start()

    async def stop() -> None:
        # APScheduler would cancel the job, and a wait inside the pool must not be cancelled.
        await sweeper.stop()
        scheduler.shutdown(wait=False)

    return stop


class _Sweeper:
    def __init__(self, expiry: Expiry) -> None:
        self._expiry = expiry
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()

    async def run(self) -> None:
        """Sweep each second by the monotonic clock until stopped."""
        self._ended.clear()
        while not self._stopping.is_set():
            await self._sweep()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), SWEEP_INTERVAL.total_seconds())
        self._ended.set()

    async def stop(self) -> None:
        """Let the sweep under way end, and sweep no more."""
        self._stopping.set()
        await self._ended.wait()

    async def _sweep(self) -> None:
        began_at = monotonic()
        try:
            ended = await self._expiry.run(PATIENCE)
        except Unavailable as error:
            SWEEPS.add("failed")
            log.warning("no sweep: %s", error)
        except Exception:
            SWEEPS.add("failed")
            log.exception("the sweep failed")
        else:
            SWEEPS.add("done")
            SWEEP_SECONDS.observe(monotonic() - began_at)
            if ended.bookings:
                log.debug("%s bookings expired, %s seats freed", ended.bookings, ended.seats)
