"""What is a value already, and what is still to be waited for."""

from collections.abc import Sequence
from types import CoroutineType, GeneratorType
from typing import Any

from graphql.pyutils import gather_with_cancel
from orjson import Fragment
from strawberry.execution import optimized_is_awaitable

# What most completed values are, told without a call.
SETTLED = frozenset({type(None), bool, int, float, str, list, dict, Fragment})


def pends(value: Any) -> bool:
    """Whether a value is to be awaited, as the stock executor judges it."""
    kind = type(value)
    return kind is CoroutineType or (kind not in SETTLED and optimized_is_awaitable(value))


class Settled(set[type]):
    """Types met so far none of whose values is to be awaited: asked once for each."""

    def holds(self, value: Any) -> bool:
        """Whether this value needs no waiting."""
        kind = type(value)
        if kind in self:
            return True
        if optimized_is_awaitable(value):
            return False
        if kind is not GeneratorType:  # of which some are coroutines
            self.add(kind)
        return True


async def fill(completed: Any, waiting: Sequence[Any]) -> Any:
    """Wait for all at these places together, each to be replaced by what comes of it.

    The first error cancels the others.
    """
    if len(waiting) == 1:
        [place] = waiting
        completed[place] = await completed[place]
        return completed
    results = await gather_with_cancel(*(completed[place] for place in waiting))
    for place, result in zip(waiting, results, strict=True):
        completed[place] = result
    return completed
