"""Counts in Redis, for all processes and machines; done without while it is away or slow."""

import asyncio
import logging
from datetime import timedelta

from limits.aio.storage import RedisStorage
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

# Redis beside us answers within a millisecond. Nobody waits longer than this for a count.
PATIENCE = timedelta(milliseconds=200)
# So often we look whether it is back.
PAUSE = timedelta(seconds=2)
# Each asks for one count at a time, some 10,000 in a second.
CONNECTIONS = 8
PREFIX = "boxoffice"

log = logging.getLogger("boxoffice.access")


class SharedCounts:
    """Counts that processes share, each under a key of its own that expires.

    Attributes:
        away: whether Redis could not be had lately; then it is looked for beside the requests.
    """

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=PATIENCE.total_seconds(),
            # What is asked twice would be counted twice.
            retry=Retry(NoBackoff(), 0),
        )
        self._storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=PREFIX,
            connection_pool=pool,  # type: ignore[arg-type]  # as it says in its documentation
        )
        self._redis = Redis(connection_pool=pool)
        self._looking: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        return self._looking is not None

    async def open(self) -> None:
        """Say in the log where Redis can't be had from the start."""
        try:
            await self._ping()
        except (RedisError, OSError) as error:
            self._give_up(error)

    async def close(self) -> None:
        """Hang up."""
        if self._looking:
            self._looking.cancel()
        await self._redis.connection_pool.disconnect()

    async def add(self, key: str, amount: int, expiry: int) -> int | None:
        """Add to a count and return it; None where Redis can't be had.

        Args:
            expiry: how long the count is kept from its first addition on, in seconds.
        """
        if self.away:
            return None
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await self._storage.incr(key, expiry, amount)
        except (RedisError, OSError) as error:
            self._give_up(error)
            return None

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
            except (RedisError, OSError):
                continue
            log.warning("Redis is back: limits are counted in it again.")
            self._looking = None
            return

    async def _ping(self) -> None:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await self._redis.ping()
