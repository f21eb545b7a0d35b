"""Counts in Redis, for all processes and machines; done without while it is away or slow.

A question to Redis takes twice as long as a booking. So those that come while one is under way wait
for it, and go together: of sixty each takes an eighth of that.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from limits.aio.storage import RedisStorage
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

# Redis beside us answers within a millisecond. Nobody waits longer than this for a count.
PATIENCE = timedelta(milliseconds=200)
# So often we look whether it is back.
PAUSE = timedelta(seconds=2)
PREFIX = "boxoffice"

log = logging.getLogger("boxoffice.access")


class Addition(NamedTuple):
    """What is to be added, and who waits for the count."""

    key: str
    amount: int
    expiry: int
    total: "asyncio.Future[int | None]"


class SharedCounts:
    """Counts that processes share, each under a key of its own that expires.

    Attributes:
        away: whether Redis could not be had lately; then it is looked for beside the requests.
    """

    def __init__(self, url: str) -> None:
        # What is asked twice would be counted twice.
        self._redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0))
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=PREFIX,
            connection_pool=self._redis.connection_pool,  # type: ignore[arg-type]  # as documented
        )
        self._bridge: Any = storage.bridge
        self._waiting: list[Addition] = []
        self._sending: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        return self._looking is not None

    async def open(self) -> None:
        """Say in the log where Redis can't be had from the start."""
        try:
            await self._ping()
        except Exception as error:
            self._give_up(error)

    async def close(self) -> None:
        """Hang up."""
        if self._looking:
            self._looking.cancel()
        await self._redis.aclose()

    async def add(self, key: str, amount: int, expiry: int) -> int | None:
        """Add to a count and return it; None where Redis can't be had.

        Args:
            expiry: how long the count is kept from its first addition on, in seconds.
        """
        if self.away:
            return None
        addition = Addition(key, amount, expiry, asyncio.get_running_loop().create_future())
        self._waiting.append(addition)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await addition.total

    async def _send(self) -> None:
        while self._waiting:
            additions, self._waiting = self._waiting, []
            totals = await self._try_to_add(additions)
            for addition, total in zip(additions, totals, strict=True):
                if not addition.total.done():  # by its caller, who has gone
                    addition.total.set_result(total)
        self._sending = None

    async def _try_to_add(self, additions: Sequence[Addition]) -> Sequence[int | None]:
        if not self.away:
            try:
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    return await self._add(additions)
            except Exception as error:  # whatever it is, nobody waits for it
                self._give_up(error)
        return [None] * len(additions)

    async def _add(self, additions: Sequence[Addition]) -> list[int]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, amount, expiry, _ in additions:
                keys = [self._bridge.prefixed_key(key)]
                await self._bridge.lua_incr_expire(keys, [expiry, amount], client=pipe)
            totals: list[int] = await pipe.execute()
        return totals

    def _give_up(self, error: Exception) -> None:
        if self._looking is None:  # others may have waited, too
            why = type(error).__name__
            log.warning("Redis can't be had (%s): limits are counted in each process.", why)
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(PAUSE.total_seconds())
            try:
                await self._ping()
            except Exception:  # as above
                continue
            log.warning("Redis is back: limits are counted in it again.")
            self._looking = None
            return

    async def _ping(self) -> None:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await self._redis.ping()
