"""How often somebody may ask, of all processes together: they take from one count in Redis."""

import asyncio
import time
from collections.abc import Awaitable
from hashlib import blake2b

from limits import RateLimitItem

from access.rates import MAX_COUNTS, Rates
from access.shared_counts import SharedCounts

# A process takes a client's requests from the count so many at a time, not one by one: one of
# thirty reads waits for Redis. What it took and never needs, no other process has.
SHARES = 20


class Share:
    """What this process took for a client, and has not used."""

    def __init__(self) -> None:
        self.left = 0
        self.until = 0.0
        self.spent = False  # there is no more to take
        self.taking = asyncio.Lock()


class SharedRates(Rates):
    """As `Rates`, but no client gets more from all processes together.

    Windows begin by the clock. While Redis is away each process counts by itself.
    """

    def __init__(self, reads: str, bookings: str, log_ins: str, counts: SharedCounts) -> None:
        super().__init__(reads, bookings, log_ins)
        self._counts = counts
        self._shares: dict[tuple[str, str], Share] = {}

    async def open(self) -> None:
        await self._counts.open()

    async def close(self) -> None:
        await self._counts.close()

    def check_log_ins(self, client: str) -> None:
        share = self._shares.get(("logins", client))
        if share and share.spent and not share.left and time.time() < share.until:
            raise self._refusal("logins", share.until)
        super().check_log_ins(client)

    def _spend(self, client: str, name: str, count: int) -> Awaitable[None] | None:
        share = self._shares.get((name, client))
        if share and time.time() < share.until:
            if count <= share.left:
                share.left -= count
                return None
            if share.spent:
                raise self._refusal(name, share.until)
        if self._counts.away:
            return super()._spend(client, name, count)
        return self._take(client, name, count)

    async def _take(self, client: str, name: str, count: int) -> None:
        share = self._share(client, name)
        async with share.taking:
            item = self._items[name]
            if time.time() >= share.until:
                share.left, share.spent, share.until = 0, False, _window_end(item)
            if share.left < count and not share.spent:
                wanted = max(count - share.left, item.amount // SHARES)
                total = await self._counts.add(_key(name, client, item), wanted, item.get_expiry())
                if total is None:
                    super()._spend(client, name, count)
                    return
                share.left += max(0, wanted - max(0, total - item.amount))
                share.spent = total >= item.amount
            if share.left < count:
                raise self._refusal(name, share.until)
            share.left -= count

    def _share(self, client: str, name: str) -> Share:
        if len(self._shares) > MAX_COUNTS:
            now = time.time()
            self._shares = {key: share for key, share in self._shares.items() if now < share.until}
            if len(self._shares) > MAX_COUNTS:
                self._shares.clear()
        return self._shares.setdefault((name, client), Share())


def _window_end(item: RateLimitItem) -> float:
    length = item.get_expiry()
    return (time.time() // length + 1) * length


def _key(name: str, client: str, item: RateLimitItem) -> str:
    """Of the window, and the client without its name."""
    digest = blake2b(client.encode(), digest_size=16).hexdigest()
    return f"{name}/{item.get_expiry()}/{int(_window_end(item))}/{digest}"
