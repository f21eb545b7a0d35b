"""A subscription whose answers can be handed over the moment something happens."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from strawberry.types import ExecutionResult

Take = Callable[[Any], bool]
"""Takes an event, or refuses to: then it is still the next one."""


@runtime_checkable
class PushedEvents(Protocol):
    """Events that need not be waited for by a task for each who is told of them."""

    async def push(self, take: Take) -> None:
        """Hand over each event as it happens, until one is refused."""


class Answers(AsyncGenerator[ExecutionResult, None]):
    """The answers to a subscription's events: to be iterated, and pushed in between.

    A thousand who are told the same need no task's switch each: the answer, made once, is handed
    to each of them in a loop.
    """

    def __init__(self) -> None:
        self._results: AsyncGenerator[ExecutionResult, None]
        self._push: Callable[[Take], Awaitable[None]] | None = None
        self._answer: Callable[[Any], bytes | None]

    def begin(self, results: AsyncGenerator[ExecutionResult, None]) -> "Answers":
        """Take what is iterated; it calls `opened` as soon as there are events."""
        self._results = results
        return self

    def through(self, way: Callable[[Any], AsyncGenerator[ExecutionResult, None]]) -> "Answers":
        """Have what is iterated go through another generator."""
        self._results = way(self._results)
        return self

    def opened(self, events: object, answer: Callable[[Any], bytes | None]) -> None:
        """Take the events, and what answers one at once, or says with None that it can't."""
        if isinstance(events, PushedEvents):
            self._push, self._answer = events.push, answer

    async def push(self, take: Callable[[bytes], bool]) -> None:
        """Hand over the answer to each event as it happens, until one must be iterated to."""
        if self._push:
            answer = self._answer

            def take_event(event: Any) -> bool:
                encoded = answer(event)
                return encoded is not None and take(encoded)

            await self._push(take_event)

    async def asend(self, value: None) -> ExecutionResult:
        """The next answer."""
        return await self._results.asend(value)

    async def athrow(self, *error: Any) -> ExecutionResult:
        """End with an error."""
        return await self._results.athrow(*error)

    async def aclose(self) -> None:
        """End."""
        await self._results.aclose()
