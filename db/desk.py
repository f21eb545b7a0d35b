"""The desk: the one way for every change of a show."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from booking.commands import Book, Command, Expire, Outcome
from booking.decision import Change, Decision
from booking.model import Show
from db.batch import Batch, run_batch
from db.errors import Interrupted, Unavailable
from db.pool import LINES, Database
from db.statements import statements

BEGIN = statements["begin"]
COMMIT = statements["commit"]

# Past some 128 commands a transaction gains nothing more: the statements' cost a command is flat.
MAX_BATCH = 128
# Deciding and saving a seat takes some 10 us, and nobody else is served meanwhile.
MAX_SEATS_IN_BATCH = 2_000
# Finding the best seats takes up to 0.1 s in the largest of houses.
SEATS_WORTH_OF_SEARCHING = 100
# Lanes wait with a line in hand; one is left for everybody else.
MAX_LANES_AT_ONCE = LINES - 1
# At a thousand bookings a second this is ten seconds' wait. Who would wait longer is told at once.
MAX_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command, and its show as the commit left it (None where there is none)."""

    outcome: Outcome
    show: Show | None


@dataclass(slots=True)
class _Entry:
    command: Command
    answer: asyncio.Future[Answer]
    again: bool = False  # it was tried before, and may have been committed

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


Queue = deque[_Entry]


class Desk:
    """Serves the commands of each show in the order they came, one transaction at a time.

    While a transaction is under way commands gather, and the next takes what has gathered, of one
    show or of many. A show that somebody else has locked waits in a lane of its own, with its
    commands, and holds up no other. A lone command on an idle desk starts at once.
    """

    def __init__(self, database: Database, on_commit: Callable[[Sequence[Change]], None]) -> None:
        """Take a database, and who to tell of the changes after each commit."""
        self._database = database
        self._on_commit = on_commit
        self._queue: Queue = deque()
        self._lanes: dict[int, Queue] = {}
        self._lane_places = asyncio.Semaphore(MAX_LANES_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = False
        self._waiting = 0
        self._closed = False

    async def submit(self, command: Command) -> Answer:
        """Have a command carried out; returns once it is committed.

        A caller that is cancelled doesn't take the command with it.

        Raises:
            Unavailable: the database can't be had, or too many are waiting.
        """
        if self._closed or self._waiting >= MAX_WAITING:
            raise Unavailable("Too many are waiting at the box office. Try again in a moment.")
        entry = _Entry(command, asyncio.get_running_loop().create_future())
        self._waiting += 1
        self._lanes.get(command.show_id, self._queue).append(entry)
        if not self._serving:
            self._serving = True
            self._start(self._serve())
        return await entry.answer

    async def close(self) -> None:
        """Refuse what comes from now on and finish what is under way."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        try:
            while self._queue:
                skipped = await self._settle(self._queue, wait=False)
                self._open_lanes(skipped)
        finally:
            self._serving = False

    def _open_lanes(self, skipped: Iterable[_Entry]) -> None:
        """Let the shows that are locked elsewhere wait by themselves, with whoever comes later."""
        for entry in skipped:
            self._lanes.setdefault(entry.command.show_id, deque()).append(entry)
        opened = {entry.command.show_id for entry in skipped}
        if opened:
            behind = [entry for entry in self._queue if entry.command.show_id in opened]
            self._queue = deque(e for e in self._queue if e.command.show_id not in opened)
            for entry in behind:
                self._lanes[entry.command.show_id].append(entry)
        for show_id in opened:
            self._start(self._serve_lane(show_id))

    async def _serve_lane(self, show_id: int) -> None:
        lane = self._lanes[show_id]
        try:
            while lane:
                async with self._lane_places:
                    await self._settle(lane, wait=True)
        finally:
            # No await since the lane was seen empty: nobody can have joined it.
            del self._lanes[show_id]

    async def _settle(self, queue: Queue, wait: bool) -> list[_Entry]:
        """Answer the next entries; returns those whose shows were locked by somebody else."""
        entries = self._take(queue)
        try:
            return await self._attempt(entries, wait)
        except Exception as error:
            if _is_hopeless(error):
                # Whoever stands behind would only find the same out after as long a wait.
                for entry in (*entries, *self._take(queue, everything=True)):
                    entry.fail(error)
                return []
            return await self._settle_apart(entries, wait, error)

    def _take(self, queue: Queue, everything: bool = False) -> list[_Entry]:
        """Take what one transaction carries, and at least one entry."""
        taken: list[_Entry] = []
        seats = 0
        while queue and (everything or (len(taken) < MAX_BATCH and seats < MAX_SEATS_IN_BATCH)):
            seats += _seats_worth(queue[0].command)
            taken.append(queue.popleft())
        self._waiting -= len(taken)
        return taken

    async def _settle_apart(
        self, entries: Sequence[_Entry], wait: bool, error: Exception
    ) -> list[_Entry]:
        """Try again what failed together, each by itself, so that none spoils its neighbours."""
        skipped: list[_Entry] = []
        for entry in entries:
            entry.again = True
            if _is_hopeless(error):
                entry.fail(error)
                continue
            if entry.command.show_id in {before.command.show_id for before in skipped}:
                skipped.append(entry)  # not before those of its show who came first
                continue
            try:
                skipped += await self._attempt([entry], wait)
            except Exception as latest:
                error = latest
                entry.fail(error)
        return skipped

    async def _attempt(self, entries: Sequence[_Entry], wait: bool) -> list[_Entry]:
        commands = [entry.command for entry in entries]
        # The first try may have been committed just before its connection broke; then each
        # command is to find what it did.
        again = any(entry.again for entry in entries)
        decision = await self._transact(Batch(commands, wait, again))
        return self._answer(entries, decision, wait)

    async def _transact(self, batch: Batch) -> Decision:
        """Run one batch. Here, and only here, a transaction begins and ends: two round trips."""
        async with self._database.line() as line:
            line.send(BEGIN)
            decision = await run_batch(line, batch)
            line.send(COMMIT)
            await line.receive()
        self._on_commit(decision.changes)
        return decision

    def _answer(self, entries: Sequence[_Entry], decision: Decision, waited: bool) -> list[_Entry]:
        skipped: list[_Entry] = []
        outcomes = iter(decision.outcomes)
        for entry in entries:
            show = decision.shows.get(entry.command.show_id)
            if show is None and not waited:
                skipped.append(entry)
                continue
            outcome = next(outcomes)
            if not entry.answer.done():  # a caller that gave up has cancelled it
                entry.answer.set_result(Answer(outcome, show))
        return skipped


def _is_hopeless(error: Exception) -> bool:
    """Whether there is no database, or no lock to be had: another try would only wait again."""
    return isinstance(error, Unavailable) and not isinstance(error, Interrupted)


def _seats_worth(command: Command) -> int:
    match command:
        case Book(seat_count=int(count)):
            return SEATS_WORTH_OF_SEARCHING + count
        case Book():
            return len(command.seat_numbers)
        case Expire():
            return len(command.booking_ids)
    return 1
