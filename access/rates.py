"""How often somebody may ask: operations that read, bookings, and log-ins that fail."""

import time
from collections.abc import Awaitable
from typing import Any

from limits import parse
from limits.strategies import FixedWindowRateLimiter

from access.caller import Caller, Role
from access.windows import Windows
from schema.errors import RateLimited
from telemetry.metrics import LIMITED

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

    async def open(self) -> None:
        """Find what is counted elsewhere."""

    async def close(self) -> None:
        """Leave it."""

    def read(self, context: Any, count: int = 1) -> Awaitable[None] | None:
        """Count an operation, or more for one that is large, up to half of what somebody may.

        What is returned, if anything, is to be awaited.

        Raises:
            RateLimited: there were too many.
        """
        most = max(1, self._items["reads"].amount // 2)
        return self._count(context.get("caller"), "reads", min(count, most))

    def book(self, context: Any, count: int) -> Awaitable[None] | None:
        """Count the fields of a mutation, as `read`."""
        return self._count(context.get("caller"), "bookings", count)

    def failed(self, client: str) -> Awaitable[None] | None:
        """Count a log-in that failed, as `read`; who is right is not counted, nor kept out."""
        return self._spend(client, "logins", 1)

    def check_log_ins(self, client: str) -> None:
        """Refuse, as `read`, whose log-ins have failed so often that the next would be refused."""
        item = self._items["logins"]
        if not self._limiter.test(item, "logins", client):
            raise self._refusal("logins", self._limiter.get_window_stats(item, "logins", client)[0])

    def _count(self, caller: Caller | None, name: str, count: int) -> Awaitable[None] | None:
        if caller is None or caller.role is Role.ADMIN:
            return None
        return self._spend(caller.client, name, count)

    def _spend(self, client: str, name: str, count: int) -> Awaitable[None] | None:
        item = self._items[name]
        if not self._limiter.hit(item, name, client, cost=count):
            reset_at, _ = self._limiter.get_window_stats(item, name, client)
            raise self._refusal(name, reset_at)
        return None

    def _refusal(self, name: str, reset_at: float) -> RateLimited:
        LIMITED.add(name)
        item = self._items[name]
        limit = {"name": name, "max": item.amount}
        wait = max(1, int(reset_at - time.time()) + 1)
        return RateLimited(
            f"Too many {name}: {item.amount} in {item.get_expiry()} seconds at most.",
            {"limit": limit, "retryAfter": wait},
        )
