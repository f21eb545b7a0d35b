"""The door of a process: requests that have come are begun a few at a time, in their order.

The desk's transactions need the loop between their round trips. Were all that has come begun at
once, each round of the loop would last as long as thousands of refusals, and the fewer bookings
were made the more were asked for.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta

# A request takes some 0.1 ms to be begun, and as long as this many the desk waits at the most.
BEGUN_AT_ONCE = 16
# Who would stand behind so many, for a fifth of a second or so, is refused unheard.
MOST_WAITING = 2_000
# So is whoever comes while the first in line has waited for so long, as behind a desk with dear
# decisions, where the rounds are long: to hear everybody out would leave it too little time.
LONGEST_WAIT = timedelta(seconds=0.3)


class Door:
    """Where requests wait to be begun."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[float, Callable[[], object]]] = deque()
        self._room = BEGUN_AT_ONCE
        self._turning = False

    @property
    def crowded(self) -> bool:
        """Whether too many wait already, or for too long."""
        if not self._waiting:
            return False
        waited = self._loop.time() - self._waiting[0][0]
        return len(self._waiting) >= MOST_WAITING or waited > LONGEST_WAIT.total_seconds()

    def enter(self, begin: Callable[[], object]) -> None:
        """Begin with a request, now or when it is its turn."""
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)
        if self._room and not self._waiting:
            self._room -= 1
            begin()
        else:
            self._waiting.append((self._loop.time(), begin))

    def _turn(self) -> None:
        """Another round of the loop."""
        self._room = BEGUN_AT_ONCE
        while self._waiting and self._room:
            self._room -= 1
            _, begin = self._waiting.popleft()
            begin()
        self._turning = self._room < BEGUN_AT_ONCE
        if self._turning:
            self._loop.call_soon(self._turn)


_doors: dict[asyncio.AbstractEventLoop, Door] = {}


def door_of(loop: asyncio.AbstractEventLoop) -> Door:
    """The door of a loop, which is all of a process' where it is a server's."""
    if loop not in _doors:
        _doors.clear()  # whichever was here has ended
        _doors[loop] = Door(loop)
    return _doors[loop]
