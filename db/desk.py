"""The desk: the one way for every change of a show."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from booking.commands import Command, Expire, Outcome
from booking.decision import Change, Decision
from booking.model import Show
from db.batch import Batch, Locked, run_batch
from db.errors import (
    Disconnected,
    Interrupted,
    LockTimeout,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
)
from db.limits import LINES
from db.pool import Database
from db.queues import Entry, Queues
from db.statements import statements
from db.tally import Tally, count_failure
from telemetry import traces
from telemetry.metrics import OVERLOADED

BEGIN = statements["begin"]
COMMIT = statements["commit"]

# Lanes wait with a line in hand; one is left for everybody else.
MAX_LANES_AT_ONCE = LINES - 1
# Who would wait longer is told at once, and can come again as soon: to stand in line for longer
# serves nobody sooner. Two seconds after a rush all who were let in have been served.
MAX_WAIT = timedelta(seconds=1.5)
# Where strangers keep more shows locked than there are lanes: who then had no turn is told.
LONGEST_WAIT_ASIDE = timedelta(seconds=5)
# However fast they are served: a command that waits takes 0.5 to 1.5 kB, and its request some more.
MAX_WAITING = 20_000
# A deadlock, or a connection that broke, seldom comes twice in a row.
MAX_TRIES = 3
# What took longer to break, such as a silent network, would take as long again, for everybody.
LONGEST_REPETITION = timedelta(seconds=2)
# What became of a commit that broke is asked for so long: a database that was restarted is back
# within seconds. Most clients give up not much later.
LONGEST_SEARCH = timedelta(seconds=5)
SEARCH_INTERVAL = timedelta(seconds=0.2)


class _CommitBroken(Disconnected):
    """The connection broke when COMMIT was on its way: nobody knows, until somebody looks."""


log = logging.getLogger("boxoffice.desk")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command, and its show as the commit left it (None where there is none)."""

    outcome: Outcome
    show: Show | None


class Desk:
    """Serves the commands of each show in the order they came, one transaction at a time.

    While a transaction is under way commands gather, and the next takes what has gathered, of one
    show or of many, which take turns. Shows that somebody else has locked are waited for as long as
    another desk takes for a batch: two desks on the same shows take turns, too. A show that is
    locked for longer waits in a lane of its own, with its commands, and holds up no other.
    A lone command on an idle desk starts at once.
    """

    def __init__(self, database: Database, on_commit: Callable[[Sequence[Change]], None]) -> None:
        """Take a database, and who to tell of the changes after each commit."""
        self._database = database
        self._on_commit = on_commit
        self._queues = Queues()
        self._lane_places = asyncio.Semaphore(MAX_LANES_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many commands wait."""
        return len(self._queues)

    async def submit(self, command: Command) -> Answer:
        """Have a command carried out; returns once it is committed.

        A caller that is cancelled takes the command along while it waits, but not out of a
        transaction that is under way.

        Raises:
            Overloaded: it would wait for longer than MAX_WAIT.
            Unavailable: the database can't be had.
        """
        if self._closed:
            raise Unavailable
        loop = asyncio.get_running_loop()
        if self._serving or self._queues:
            self._refuse_long_wait(command, loop.time())
        entry = Entry(command, loop.create_future())
        if traces.tracing is not None:
            entry.waiting = traces.tracing.wait(
                type(command).__name__, command.show_id, entry.answer
            )
        self._queues.add(entry)
        self._keep_serving()
        answer: Answer = await entry.answer
        return answer

    def turn_away(self) -> None:
        """Refuse who comes from now on, and who waits, if nothing can have been done."""
        self._closed = True
        for entry in self._queues.take_undone():
            entry.fail(Unavailable())

    async def close(self) -> None:
        """Refuse what comes from now on and finish what is under way."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _keep_serving(self) -> None:
        if not self._serving and self._queues.turning:
            self._serving = True
            self._start(self._serve())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # In nobody's name: it would begin in that of whoever came first, and serve everybody.
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refuse_long_wait(self, command: Command, now: float) -> None:
        if isinstance(command, Expire):
            return  # one a show and sweep at most, and it frees seats for those who wait
        wait = self._queues.expected_wait(command.show_id, now)
        if wait > MAX_WAIT.total_seconds() or len(self._queues) >= MAX_WAITING:
            OVERLOADED.add("desk")
            raise Overloaded(timedelta(seconds=wait))

    async def _serve(self) -> None:
        queues, loop = self._queues, asyncio.get_running_loop()
        try:
            while queues.turning:
                batch = queues.take()
                if not batch:
                    continue  # all of them have gone
                queues.pace.begin(loop.time())
                left = await self._settle(batch, queues.take_all, Locked.WAIT_BRIEFLY)
                if left:
                    left = await self._settle(left, queues.take_all, Locked.LEAVE_OUT)
                queues.pace.end(loop.time())
                for show_id in queues.set_aside(left):
                    self._start(self._serve_lane(show_id))
        finally:
            self._serving = False

    async def _serve_lane(self, show_id: int) -> None:
        """Let a show that is locked elsewhere wait by itself, with whoever comes meanwhile.

        Once its lock was had, or given up, it takes turns with the others again: together they
        need fewer transactions.
        """
        queues, loop = self._queues, asyncio.get_running_loop()
        queues.pace_of(show_id).begin(loop.time())
        latest = loop.time() + LONGEST_WAIT_ASIDE.total_seconds()
        behind = partial(queues.take_aside, show_id, everything=True)
        async with self._lane_places:
            if loop.time() < latest:
                await self._settle(queues.take_aside(show_id), behind, Locked.WAIT)
            else:  # so many are locked that it was not its turn
                self._give_up(behind(), LockTimeout())
        queues.bring_back(show_id)
        self._keep_serving()

    async def _settle(
        self, entries: Sequence[Entry], behind: Callable[[], Sequence[Entry]], locked: Locked
    ) -> list[Entry]:
        """Answer a batch; returns those to whom somebody else's locks were in the way."""
        if not entries:
            return []  # all have gone
        try:
            return await self._repeat(entries, locked)
        except Exception as error:
            if locked is not Locked.WAIT and isinstance(error, LockTimeout):
                return list(entries)  # of a show; or of a row, which can't be left out
            if isinstance(error, Unavailable):
                # Whoever stands behind would only find the same out after as long a wait.
                others = behind() if _is_hopeless(error) else ()
                self._give_up([*entries, *others], error)
                return []
            # To wait again for each of them would hold up the others.
            locked = Locked.WAIT if locked is Locked.WAIT else Locked.LEAVE_OUT
            return await self._settle_apart(entries, locked, error)

    async def _settle_apart(
        self, entries: Sequence[Entry], locked: Locked, error: Exception
    ) -> list[Entry]:
        """Try again what failed together, each by itself, so that none spoils its neighbours."""
        skipped: list[Entry] = []
        for entry in entries:
            if _is_hopeless(error):
                self._give_up([entry], error)
                continue
            if entry.command.show_id in {before.command.show_id for before in skipped}:
                skipped.append(entry)  # not before those of its show who came first
                continue
            try:
                skipped += await self._repeat([entry], locked)
            except Exception as latest:
                error = latest
                self._give_up([entry], error)
        return skipped

    def _give_up(self, entries: Sequence[Entry], error: Exception) -> None:
        """Tell that it failed; or, where it may have been committed, go on asking."""
        undecided: dict[int, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.undecided and not entry.answer.done():
                undecided[entry.command.show_id].append(entry)
            else:
                entry.fail(error)
        for of_a_show in undecided.values():
            self._start(self._find_out(of_a_show))

    async def _find_out(self, entries: Sequence[Entry]) -> None:
        """Learn what became of commands while the others are served; do what was not done."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_SEARCH.total_seconds()
        async with self._lane_places:
            while loop.time() < deadline:
                try:
                    # Behind the lock of their show: who had it then has committed, or never will.
                    await self._attempt(entries, Locked.WAIT)
                    return
                except Unavailable:
                    await asyncio.sleep(SEARCH_INTERVAL.total_seconds())
                except Exception:
                    log.exception("no way to find out what became of a commit")
                    break
        for entry in entries:
            entry.fail(OutcomeUnknown())

    async def _repeat(self, entries: Sequence[Entry], locked: Locked) -> list[Entry]:
        """Attempt a batch, and again where its transaction or its connection broke."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_REPETITION.total_seconds()
        for _ in range(MAX_TRIES - 1):
            try:
                return await self._attempt(entries, locked)
            except Interrupted:
                if loop.time() > deadline:
                    raise
        return await self._attempt(entries, locked)

    async def _attempt(self, entries: Sequence[Entry], locked: Locked) -> list[Entry]:
        commands = [entry.command for entry in entries]
        # Each command of a commit that broke is to find what it did.
        again = any(entry.undecided for entry in entries)
        began_at = monotonic()
        try:
            with traces.batch(entry.waiting for entry in entries):
                decision = await self._transact(Batch(commands, locked, again))
        except _CommitBroken:
            for entry in entries:
                entry.undecided = True
            raise
        self._queues.decided(sum([entry.size for entry in entries]), decision.seconds)
        tally = Tally(decision, began_at, monotonic())
        return self._answer(entries, decision, tally, locked is not Locked.LEAVE_OUT)

    async def _transact(self, batch: Batch) -> Decision:
        """Run one batch. Here, and only here, a transaction begins and ends: two round trips."""
        committing = False
        try:
            async with self._database.line() as line:
                line.send(BEGIN)
                decision = await run_batch(line, batch)
                committing = True
                line.send(COMMIT)
                await line.receive()
        except Exception as error:
            count_failure(error)
            if committing and isinstance(error, Disconnected):
                raise _CommitBroken from error
            raise
        try:
            self._on_commit(decision.changes)
        except Exception:  # the commit stands, and so do its answers
            log.exception("a commit could not be passed on")
        return decision

    def _answer(
        self, entries: Sequence[Entry], decision: Decision, tally: Tally, waited: bool
    ) -> list[Entry]:
        skipped: list[Entry] = []
        outcomes = iter(decision.outcomes)
        for entry in entries:
            show = decision.shows.get(entry.command.show_id)
            if show is None and not waited:
                skipped.append(entry)
                continue
            outcome = next(outcomes)
            tally.count(entry.command, outcome, entry.came_at)
            if not entry.answer.done():  # a caller that gave up has cancelled it
                entry.answer.set_result(Answer(outcome, show))
        return skipped


def _is_hopeless(error: Exception) -> bool:
    """Whether there is no database, or no lock to be had: another try would only wait again."""
    return isinstance(error, Unavailable) and not isinstance(error, Interrupted)
