"""The sweep by the clock: it goes on whatever becomes of the wall clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta, tzinfo
from typing import Any, cast

import pytest
from apscheduler.schedulers import asyncio as schedulers
from apscheduler.schedulers import base
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from db.expiry import Expiry
from jobs import sweeper
from jobs.sweeper import start_sweeping

INTERVAL = timedelta(seconds=0.05)
Stop = Callable[[], Awaitable[None]]


class WallClock(datetime):
    """What APScheduler takes for the time of day; somebody may set it."""

    wrong = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "WallClock":
        right = datetime.now(tz) + cls.wrong
        return cls.fromtimestamp(right.timestamp(), tz)


class Ended:
    bookings = seats = 0


class CountedExpiry:
    """Sweeps nothing, and counts how often."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self, patience: timedelta) -> Ended:
        self.runs += 1
        return Ended()


def with_a_job_each_time(expiry: Expiry) -> Callable[[], Coroutine[Any, Any, None]]:
    """The sweep as one would write it first: a job of APScheduler's for each interval."""
    scheduler = AsyncIOScheduler()
    scheduler.add_job(
        expiry.run,
        "interval",
        [INTERVAL],
        seconds=INTERVAL.total_seconds(),
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    scheduler.start()

    async def stop() -> None:
        scheduler.shutdown(wait=False)

    return stop


async def runs_after(start: Callable[[Expiry], Stop], expiry: CountedExpiry) -> int:
    """How many sweeps there are in the 20 intervals after the wall clock was set back an hour."""
    stop = start(cast(Expiry, expiry))
    try:
        deadline = time.monotonic() + 5
        while expiry.runs < 2:
            assert time.monotonic() < deadline, "it does not sweep at all"
            await asyncio.sleep(INTERVAL.total_seconds() / 5)
        WallClock.wrong = timedelta(hours=-1)
        # One that is due may come yet.
        await asyncio.sleep(2 * INTERVAL.total_seconds())
        before = expiry.runs
        await asyncio.sleep(20 * INTERVAL.total_seconds())
        return expiry.runs - before
    finally:
        await stop()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "datetime", WallClock)
    monkeypatch.setattr(WallClock, "wrong", timedelta())
    monkeypatch.setattr(sweeper, "SWEEP_INTERVAL", INTERVAL)
    assert not hasattr(schedulers, "datetime")


def test_a_clock_that_is_set_back_does_not_stop_the_sweep() -> None:
    assert asyncio.run(runs_after(start_sweeping, CountedExpiry())) >= 5


def test_it_would_stop_a_job_for_each_second() -> None:
    """The control: what the clock does to the other way of doing it."""
    assert asyncio.run(runs_after(with_a_job_each_time, CountedExpiry())) == 0
