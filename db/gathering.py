"""Look-ups by key that wait at the same moment, and share a statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")

# Past some hundred keys a statement costs no less a key, and those behind it wait longer.
MAX_KEYS = 256

_Waiting = dict[_K, list[asyncio.Future[_V | None]]]


class Gathering(Generic[_K, _V]):
    """Look-ups of one kind. While a statement is under way they gather, and share the next.

    Nobody joins a statement that is under way: its answer may be older than a commit that they
    know of. Who is alone starts at once.
    """

    def __init__(self, read: Callable[[Sequence[_K]], Awaitable[Mapping[_K, _V]]]) -> None:
        """Take what reads these keys with one statement, and leaves unknown ones out."""
        self._read = read
        self._waiting: _Waiting[_K, _V] = {}
        self._serving: asyncio.Task[None] | None = None

    async def find(self, key: _K) -> _V | None:
        """Return what has this key, as it is now, or None.

        A caller that is cancelled takes nobody else with it; what the statement raises, each gets.
        """
        answer: asyncio.Future[_V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        if self._serving is None:
            self._serving = asyncio.ensure_future(self._serve())
        return await answer

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._settle(self._take())
        finally:
            # No await since nobody was seen waiting: nobody can have come.
            self._serving = None

    def _take(self) -> _Waiting[_K, _V]:
        """Take the next keys; from now on nobody joins them."""
        return {key: self._waiting.pop(key) for key in list(islice(self._waiting, MAX_KEYS))}

    async def _settle(self, taken: _Waiting[_K, _V]) -> None:
        try:
            found = await self._read(list(taken))
        except Exception as error:
            for answer in _undone(taken):
                answer.set_exception(error)
        else:
            for key, answers in taken.items():
                value = found.get(key)
                for answer in answers:
                    if not answer.done():  # a caller that gave up has cancelled it
                        answer.set_result(value)


def _undone(taken: _Waiting[_K, _V]) -> list[asyncio.Future[_V | None]]:
    return [answer for answers in taken.values() for answer in answers if not answer.done()]
