"""Who counts what clients ask for, and how much they have under way: a schema without doesn't."""

from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import strawberry


class Gate(Protocol):
    """Who counts how often somebody asks, given an operation's context.

    What is returned, if anything, is to be awaited.
    """

    def read(self, context: Any, count: int = 1) -> Awaitable[None] | None:
        """Count an operation, or so many; raise RateLimited where there were too many."""

    def book(self, context: Any, count: int) -> Awaitable[None] | None:
        """Count the root fields of a mutation."""


class Turnstiles(Protocol):
    """Who counts what each client has under way, given its context.

    To enter raises RateLimited where there is too much of it: nothing was done then.
    """

    def operation(self, context: Any) -> AbstractContextManager[object]:
        """For a query or a mutation."""

    def subscription(self, context: Any) -> AbstractContextManager[object]:
        """For a subscription."""


class CountedSchema(strawberry.Schema):
    """A schema whose operations somebody may count."""

    gate: Gate | None = None
    turnstiles: Turnstiles | None = None
