"""Whoever follows the map of a show, and how they are told of its changes."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from booking.history import History, Update
from telemetry.metrics import UPDATES

# A subscriber this far behind can't keep up: it gets everything since in one update.
FOLD_BEHIND = 32

_NOWHERE = -1

Look = Callable[[Update], Any]


class Audience:
    """All who follow, by show: those who wait for its next change, and those it is pushed to."""

    def __init__(self, left: Callable[[int], None]) -> None:
        """Take whom to tell when nobody follows a show any more."""
        self._left = left
        self.watched: Counter[int] = Counter()
        self.waiting: defaultdict[int, set[asyncio.Future[None]]] = defaultdict(set)
        self._pushed: defaultdict[int, set[Callable[[], None]]] = defaultdict(set)

    @contextmanager
    def following(self, show_id: int) -> Iterator[None]:
        """Count as somebody who follows."""
        self.watched[show_id] += 1
        try:
            yield
        finally:
            self.watched[show_id] -= 1
            if not self.watched[show_id]:
                del self.watched[show_id]
                self.waiting.pop(show_id, None)
                self._pushed.pop(show_id, None)
                self._left(show_id)

    @contextmanager
    def pushed(self, show_id: int, push: Callable[[], None]) -> Iterator[None]:
        """Have something called at each change."""
        pushed = self._pushed[show_id]
        pushed.add(push)
        try:
            yield
        finally:
            pushed.discard(push)

    def tell(self, show_id: int) -> None:
        """Let all know of a change of this show."""
        for push in tuple(self._pushed.get(show_id, ())):
            push()
        for news in self.waiting.pop(show_id, ()):
            if not news.done():
                news.set_result(None)


class Following(AsyncIterator[Any]):
    """The updates of a show for one who follows: to be iterated, and pushed in between.

    Changes within `every` of an update are folded into the next, and so is everything that was
    missed by who is FOLD_BEHIND steps late: nothing is queued for anybody.
    """

    def __init__(
        self,
        show_id: int,
        begin: Callable[[], Awaitable[tuple[History, Update]]],
        every: timedelta,
        look: Look,
        audience: Audience,
    ) -> None:
        self._show_id, self._every, self._look = show_id, every, look
        self._audience = audience
        self._history: History
        self._version = _NOWHERE
        self._updates = self._follow(begin)

    async def __anext__(self) -> Any:
        return await self._updates.__anext__()

    async def aclose(self) -> None:
        """Follow no longer."""
        await self._updates.aclose()

    async def push(self, take: Callable[[Any], bool]) -> None:
        """Hand over each update as it happens; returns when one is refused: it is the next.

        None is, where updates are to be folded for a time, or where none was iterated to before.
        """
        if self._every or self._version == _NOWHERE:
            return
        refused = asyncio.get_running_loop().create_future()

        def hand_over() -> None:
            while self._history.version != self._version and not refused.done():
                update = self._next(self._version)
                if _taken(take, self._look, update):
                    self._move_on(update)
                else:
                    refused.set_result(None)

        with self._audience.pushed(self._show_id, hand_over):
            hand_over()
            await refused

    async def _follow(
        self, begin: Callable[[], Awaitable[tuple[History, Update]]]
    ) -> AsyncGenerator[Any, None]:
        loop = asyncio.get_running_loop()
        with self._audience.following(self._show_id):
            self._history, update = await begin()
            self._move_on(update)
            while True:
                yield self._look(update)
                del update  # or each who waits would keep the last
                if self._every:
                    await asyncio.sleep(self._every.total_seconds())
                while self._history.version == self._version:
                    # No coroutine of its own: a thousand may go through here for each change.
                    waiting, news = self._audience.waiting[self._show_id], loop.create_future()
                    waiting.add(news)
                    try:
                        await news
                    finally:
                        waiting.discard(news)
                update = self._next(self._version)
                self._move_on(update)

    def _move_on(self, update: Update) -> None:
        """The update is handed over."""
        steps = 0 if self._version == _NOWHERE else update.version - self._version
        UPDATES.add("first" if not steps else "step" if steps == 1 else "folded")
        self._version = update.version

    def _next(self, version: int) -> Update:
        latest = self._history.version
        folded = bool(self._every) or latest - version > FOLD_BEHIND
        upto = latest if folded else version + 1
        return self._history.since(version, upto) or self._history.snapshot()


def _taken(take: Callable[[Any], bool], look: Look, update: Update) -> bool:
    try:
        return take(look(update))
    except Exception:
        return False  # whoever iterates to it meets the same, and can say so
