"""How long others are waited for: one look at all of them every half second, no timer for each."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile
from typing import Any

# Nobody is let off sooner than they may be, and later by so much at the most.
LOOK_EVERY = timedelta(seconds=0.5)


class Waiting:
    """Those who are waited for to do one thing, the longest first, and what they hold meanwhile.

    Attributes:
        held: bytes that they have sent of what is not whole yet, as they count it themselves.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, longest: timedelta, act: Callable[[Any], object]
    ) -> None:
        self._now, self._longest, self._act = loop.time, longest.total_seconds(), act
        self._since: dict[Any, float] = {}
        self.held = 0

    def begin(self, who: Any) -> None:
        """Wait for somebody from now on."""
        self._since.pop(who, None)
        self._since[who] = self._now()

    def end(self, who: Any) -> None:
        """Wait no longer, if it was waited for them."""
        self._since.pop(who, None)

    def look(self, now: float) -> None:
        """Act on whoever has kept us waiting for too long."""
        begun = now - self._longest
        for who, _ in list(takewhile(lambda one: one[1] <= begun, self._since.items())):
            del self._since[who]
            self._act(who)


class Clock:
    """Looks at all who are waited for in a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[tuple[timedelta, Callable[[Any], object]], Waiting] = {}
        self._look()

    def waiting(self, longest: timedelta, act: Callable[[Any], object]) -> Waiting:
        """Those for whom nobody waits longer, then `act` is called with each."""
        if (longest, act) not in self._waiting:
            self._waiting[longest, act] = Waiting(self._loop, longest, act)
        return self._waiting[longest, act]

    def _look(self) -> None:
        # First of all: what fails with one must not leave the others waiting.
        self._loop.call_later(LOOK_EVERY.total_seconds(), self._look)
        for waiting in self._waiting.values():
            waiting.look(self._loop.time())


_clocks: dict[asyncio.AbstractEventLoop, Clock] = {}


def clock_of(loop: asyncio.AbstractEventLoop) -> Clock:
    """The clock of a loop."""
    if loop not in _clocks:
        for ended in [other for other in _clocks if other.is_closed()]:
            del _clocks[ended]
        _clocks[loop] = Clock(loop)
    return _clocks[loop]
