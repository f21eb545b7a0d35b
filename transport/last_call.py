"""The end of this process, as its clients are told of it: at the first stop signal, before all."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class LastCall:
    """From when it is given, each answer is the last on its connection, and streams end."""

    def __init__(self) -> None:
        self.given = False
        self._endless: set[asyncio.Event] = set()

    def give(self) -> None:
        """Let everybody know."""
        self.given = True
        for told in self._endless:
            told.set()

    @contextmanager
    def tells(self, told: asyncio.Event) -> Iterator[None]:
        """Have something without an end of its own told, now or when it is time."""
        self._endless.add(told)
        if self.given:
            told.set()
        try:
            yield
        finally:
            self._endless.discard(told)


# A process gets its stop signals for all that is in it.
last_call = LastCall()
