"""All the people of a run: who comes when, and that all have gone when it ends."""

import asyncio
import time
from collections.abc import Iterator
from itertools import chain, count, takewhile

from cli.load.people import Person, draw_arrivals, draw_person
from cli.load.plan import Plan
from cli.load.visit import House, Visit, closes_within

# Who waits for an answer when the run ends may hear it; then the connections are cut.
GRACE = 10.0
# Where everybody is refused at the door, too, they come no faster.
FOLLOWED_AFTER = 0.5


class Crowd:
    """Lets people in until the time is over or `house.closing` is set."""

    def __init__(self, plan: Plan, house: House) -> None:
        self._plan = plan
        self._house = house
        self._numbers = count(1)
        self._visits: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None

    async def run(self) -> None:
        """Stay until all have gone; a fault of the crowd's own ends it and is raised."""
        plan, closing = self._plan, self._house.closing
        began_at = time.monotonic()
        end = asyncio.get_running_loop().call_later(plan.seconds, closing.set)
        drawn = draw_arrivals(plan.seed, plan.arrivals) if plan.arrivals else self._entrances()
        await self._let_in(began_at, drawn)
        await closing.wait()
        end.cancel()
        await self._see_out()
        if self._fault:
            raise self._fault

    def _entrances(self) -> Iterator[float]:
        """When the first come, in seconds from the start."""
        for place in range(self._plan.people):
            yield self._plan.ramp * place / self._plan.people

    async def _let_in(self, began_at: float, times: Iterator[float]) -> None:
        for at in times:
            due_at = began_at + at
            if await closes_within(self._house.closing, due_at - time.monotonic()):
                late = takewhile((time.monotonic() - began_at).__gt__, chain([at], times))
                self._house.figures.left_out = sum(1 for _ in late)
                return
            if len(self._visits) < self._plan.people:
                self._start(due_at)
            else:
                self._house.figures.turned_away += 1

    def _start(self, due_at: float) -> None:
        task = asyncio.create_task(self._come_and_go(due_at))
        self._visits.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._visits.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            self._fault = self._fault or fault
            self._house.closing.set()

    async def _come_and_go(self, due_at: float) -> None:
        await Visit(self._house, self._next_person()).run(due_at)
        # Where nobody comes by themselves, whoever leaves is followed by another.
        while not self._plan.arrivals:
            due_at = time.monotonic() + FOLLOWED_AFTER
            if await closes_within(self._house.closing, FOLLOWED_AFTER):
                return
            await Visit(self._house, self._next_person()).run(due_at)

    def _next_person(self) -> Person:
        plan = self._plan
        return draw_person(plan.seed, next(self._numbers), len(self._house.shows), plan.pace)

    async def _see_out(self) -> None:
        if self._visits:
            await asyncio.wait(self._visits, timeout=GRACE)
        for visit in self._visits:
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)
