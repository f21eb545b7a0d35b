"""How often somebody may ask: operations that read, bookings, and log-ins that fail."""

import time
from typing import Any

from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter

from access.caller import Caller, Role
from access.windows import Windows
from schema.errors import RateLimited

# Of each client, reads, bookings and failed log-ins apart; some 300 bytes until the window is over.
MAX_COUNTS = 100_000


class Rates:
    """The counts of this process, for each client: a token's subject, or a visitor's address.

    Admins are not counted.
    """

    def __init__(self, reads: str, bookings: str, log_ins: str) -> None:
        """Take the limits as the library writes them: "600/minute"."""
        self._items = {
            "reads": parse(reads),
            "bookings": parse(bookings),
            "logins": parse(log_ins),
        }
        self._limiter = FixedWindowRateLimiter(Windows(MAX_COUNTS))

    def read(self, context: Any) -> None:
        """Count an operation.

        Raises:
            RateLimited: there were too many.
        """
        self._count(context.get("caller"), "reads", 1)

    def book(self, context: Any, count: int) -> None:
        """Count the fields of a mutation, as `read`."""
        self._count(context.get("caller"), "bookings", count)

    def failed(self, client: str) -> None:
        """Count a log-in that failed, as `read`; who is right is not counted, nor kept out."""
        self._spend(client, "logins", 1)

    def _count(self, caller: Caller | None, name: str, count: int) -> None:
        if caller is not None and caller.role is not Role.ADMIN:
            self._spend(caller.client, name, count)

    def _spend(self, client: str, name: str, count: int) -> None:
        item = self._items[name]
        if not self._limiter.hit(item, name, client, cost=count):
            raise self._refusal(name, item, client)

    def _refusal(self, name: str, item: RateLimitItem, client: str) -> RateLimited:
        reset_at, _ = self._limiter.get_window_stats(item, name, client)
        limit = {"name": name, "max": item.amount}
        wait = max(1, int(reset_at - time.time()) + 1)
        return RateLimited(
            f"Too many {name}: {item.amount} in {item.get_expiry()} seconds at most.",
            {"limit": limit, "retryAfter": wait},
        )
