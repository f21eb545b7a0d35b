"""Commands that wait: a queue for each show, the shows in rotation, and how long a wait will be."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from booking.commands import Book, Command, Expire

if TYPE_CHECKING:
    from telemetry.tracing import Waiting

# Processor time a booking, ours and PostgreSQL's, in batches of 1, 8, 32, 64, 128, 256: 800, 140,
# 70, 60, 53, 53 us. Past this nothing is gained, and those behind wait longer for their turn.
MAX_BATCH = 128
# Deciding and saving a seat more takes some 10 us, and nobody else is served meanwhile.
MAX_SEATS_IN_BATCH = 2_000
# Finding the best seats usually takes no longer; where it does, batches become smaller.
SEATS_WORTH_OF_SEARCHING = 100
# What a show puts into a batch before the next one's turn, as part of the batch. A batch of few
# shows is cheaper than one of many; a quiet show waits for so much of each that stands before it.
TURN = 0.25
# Nothing else runs in the process while a batch is decided, and another desk waits for its locks,
# for 100 ms at the most. In the largest of houses a group that no row has room for takes 30 ms.
LONGEST_DECISION = 0.05
# How much of a batch's time the estimate takes over: the last five or so count.
NEWEST = 0.2


@dataclass(slots=True)
class Entry:
    """A command, and who waits for what comes of it."""

    command: Command
    answer: asyncio.Future[Any]
    undecided: bool = False  # its commit broke: it may have been done
    size: float = 0.0  # what it takes of a batch
    waiting: "Waiting | None" = None  # its span, where there are traces
    came_at: float = field(default_factory=monotonic)

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits any more, and nothing can have been done."""
        return self.answer.cancelled() and not self.undecided

    def fail(self, error: Exception) -> None:
        """Tell whoever still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True)
class Pace:
    """How long one batch takes after another."""

    seconds: float = 0.0
    began_at: float | None = None

    def begin(self, now: float) -> None:
        """A batch sets out."""
        self.began_at = now

    def end(self, now: float) -> None:
        """It is done."""
        if self.began_at is not None:
            took = now - self.began_at
            self.seconds += (took - self.seconds) * (NEWEST if self.seconds else 1.0)
            self.began_at = None

    def expected(self, now: float) -> float:
        """What a batch takes by the latest, in seconds; one that hangs counts while it hangs."""
        return self.seconds if self.began_at is None else max(self.seconds, now - self.began_at)


@dataclass(slots=True)
class _Queue:
    entries: deque[Entry] = field(default_factory=deque)
    size: float = 0.0  # in batches
    pace: Pace = field(default_factory=Pace)  # its own, while it is set aside

    def push(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.size += entry.size

    def pop(self) -> Entry:
        entry = self.entries.popleft()
        self.size = self.size - entry.size if self.entries else 0.0
        return entry


class Queues:
    """The order within a show is the order they came in; the shows take turns.

    A show can be set aside: it leaves the rotation, and its queue is taken from by itself.
    """

    def __init__(self) -> None:
        self.pace = Pace()
        self._room = 1.0  # what a batch takes
        self._rotation: OrderedDict[int, _Queue] = OrderedDict()
        self._aside: dict[int, _Queue] = {}
        self._size = 0.0  # of the rotation, in batches
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    @property
    def turning(self) -> bool:
        """Whether anybody waits in the rotation."""
        return bool(self._rotation)

    def add(self, entry: Entry) -> None:
        """Put a command behind those of its show."""
        entry.size = _size(entry.command)
        show_id = entry.command.show_id
        queue = self._aside.get(show_id) or self._rotation.get(show_id)
        if queue is None:
            queue = self._rotation[show_id] = _Queue()
        queue.push(entry)
        self._waiting += 1
        if show_id not in self._aside:
            self._size += entry.size

    def take(self) -> list[Entry]:
        """Take the next batch of the rotation, at least one entry where anybody waits yet."""
        taken: list[Entry] = []
        room = self._room
        while self._rotation and room > 0:
            show_id, queue = next(iter(self._rotation.items()))
            before = queue.size
            turn = self._fill(queue, min(room, TURN))
            self._size -= before - queue.size
            room -= sum([entry.size for entry in turn])
            taken += turn
            if queue.entries:
                self._rotation.move_to_end(show_id)
            else:
                del self._rotation[show_id]
        if not self._rotation:
            self._size = 0.0
        return taken

    def take_all(self) -> list[Entry]:
        """Take everybody in the rotation."""
        taken = [entry for queue in self._rotation.values() for entry in queue.entries]
        self._rotation.clear()
        self._waiting -= len(taken)
        self._size = 0.0
        return taken

    def take_undone(self) -> list[Entry]:
        """Take everybody, in the rotation or aside, for whom nothing can have been done."""
        undone = []
        for queue in (*self._rotation.values(), *self._aside.values()):
            waiting, queue.entries, queue.size = queue.entries, deque(), 0.0
            for entry in waiting:
                if entry.undecided:
                    queue.push(entry)
                else:
                    undone.append(entry)
        self._rotation = OrderedDict(
            (show_id, queue) for show_id, queue in self._rotation.items() if queue.entries
        )
        self._size = sum([queue.size for queue in self._rotation.values()])
        self._waiting -= len(undone)
        return undone

    def decided(self, size: float, seconds: float) -> None:
        """Learn from a batch how much the next may take, where decisions are dear."""
        if seconds > 0:
            self._room = min(1.0, 2 * self._room, LONGEST_DECISION * size / seconds)

    def set_aside(self, entries: Iterable[Entry]) -> list[int]:
        """Give entries that were taken back to their shows, and set those aside; returns these."""
        opened: dict[int, list[Entry]] = {}
        for entry in entries:
            opened.setdefault(entry.command.show_id, []).append(entry)
        for show_id, first in opened.items():
            # What its batches take is not known yet, but hardly less than those of all.
            queue = self._aside[show_id] = _Queue(pace=Pace(self.pace.seconds))
            behind = self._rotation.pop(show_id, _Queue())
            for entry in (*first, *behind.entries):
                queue.push(entry)
            self._size = self._size - behind.size if self._rotation else 0.0
            self._waiting += len(first)
        return list(opened)

    def bring_back(self, show_id: int) -> None:
        """Let a show that was set aside take turns again, behind the others."""
        queue = self._aside.pop(show_id)
        if queue.entries:
            self._rotation[show_id] = queue
            self._size += queue.size

    def pace_of(self, show_id: int) -> Pace:
        """The pace of a show that was set aside."""
        return self._aside[show_id].pace

    def take_aside(self, show_id: int, everything: bool = False) -> list[Entry]:
        """Take the next batch of a show that was set aside."""
        return self._fill(self._aside[show_id], float("inf") if everything else self._room)

    def expected_wait(self, show_id: int, now: float) -> float:
        """For how many seconds a command that came now would wait."""
        aside = self._aside.get(show_id)
        if aside is not None:
            return (1 + aside.size / self._room) * aside.pace.expected(now)
        own = self._rotation.get(show_id)
        rounds = (own.size if own else 0.0) + TURN
        # Each show before it has a turn a round, or less where it has no more to do.
        ahead = min(self._size, rounds * len(self._rotation))
        return (1 + ahead / self._room) * self.pace.expected(now)

    def _fill(self, queue: _Queue, room: float) -> list[Entry]:
        """Take what there is room for, and at least one; who has gone is dropped."""
        taken = []
        while queue.entries and room > 0:
            entry = queue.pop()
            self._waiting -= 1
            if not entry.abandoned:
                room -= entry.size
                taken.append(entry)
        return taken


def _size(command: Command) -> float:
    """What a command takes of a batch."""
    return max(1 / MAX_BATCH, _seats_worth(command) / MAX_SEATS_IN_BATCH)


def _seats_worth(command: Command) -> int:
    match command:
        case Book(seat_count=int(count)):
            return SEATS_WORTH_OF_SEARCHING + count
        case Book():
            return len(command.seat_numbers)
        case Expire():
            return len(command.booking_ids)
    return 1
