"""The connections: a bounded pool that gives up quickly and heals by itself."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Any, LiteralString, TypeVar

from psycopg import Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from db import limits
from db.connection import Connection
from db.errors import Disconnected, Interrupted, OutcomeUnknown, Unavailable, translate
from db.gathering import Gathering
from db.line import Line, LineConnection
from db.statements import name_of, statements
from telemetry import traces

SET_UP_SESSION = statements["set_up_session"]
PLAN_ONCE = statements["plan_once"]
PING = statements["ping"]

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

Row = Sequence[Any]

log = logging.getLogger("boxoffice.db")


class Database:
    """The way to PostgreSQL for one process."""

    def __init__(self, url: str) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=Connection,
            min_size=2,
            max_size=limits.POOL_SIZE,
            configure=_set_up_session,
            **_pool_options(),
        )
        self._lines: AsyncConnectionPool[LineConnection] = AsyncConnectionPool(
            url,
            connection_class=LineConnection,
            min_size=1,
            max_size=limits.LINES,
            configure=_set_up_line,
            **_pool_options(),
        )
        self._kept: Line | None = None  # the line used last: most often the next one
        self._renewed_at = 0.0
        self._gatherings: dict[Callable[..., Any], Gathering[Any, Any]] = {}

    def stats(self) -> dict[str, Mapping[str, int]]:
        """What each of the two pools says of itself; the kept line is in nobody's hands."""
        desk = self._lines.get_stats()
        desk["pool_available"] += self._kept is not None
        return {"reads": self._pool.get_stats(), "desk": desk}

    async def open(self) -> None:
        """Start connecting. A database that is down now is found when it is up."""
        await self._pool.open()
        await self._lines.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._give_back()
        await self._lines.close()
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection. What psycopg raises inside is translated here, after the rollback.

        Raises:
            Unavailable: no connection within WAIT_FOR_CONNECTION, or a session limit ran out.
            Interrupted: the connection or transaction broke; another try may succeed.
        """
        lent_at = monotonic()
        try:
            async with self._pool.connection() as conn:
                yield conn
        except (Error, PoolTimeout) as error:
            await self._raise_translated(error, lent_at)
            raise

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Lend the desk a line; as `connection` in everything else."""
        lent_at = monotonic()
        line, self._kept = self._kept, None
        try:
            line = line or await self._new_line()
            yield line
        except BaseException as error:
            if line:
                await self._put_back(line)  # which rolls back, or closes it
            await self._raise_translated(error, lent_at)
            raise
        if self._kept is None:
            self._kept = line
        else:
            await self._put_back(line)

    async def _new_line(self) -> Line:
        conn = await self._lines.getconn()
        try:
            return Line(conn)
        except BaseException:  # it is dead
            await self._lines.putconn(conn)
            raise

    async def _put_back(self, line: Line) -> None:
        await self._lines.putconn(await line.leave())

    async def _give_back(self) -> None:
        line, self._kept = self._kept, None
        if line:
            await self._put_back(line)

    async def _raise_translated(self, error: BaseException, lent_at: float) -> None:
        if isinstance(error, Error | PoolTimeout) and (meaning := translate(error)):
            log.warning("%s: %s", type(error).__name__, error)
            if isinstance(meaning, Disconnected):
                await self._renew(lent_at)
            raise meaning from error

    async def _renew(self, lent_at: float) -> None:
        """Replace all connections that may have died with this one, not a failure for each."""
        if lent_at < self._renewed_at:
            return  # it was among those that were replaced since
        self._renewed_at = monotonic()
        # Not asked whether they live: where the network is silent, each would take its time.
        await self._give_back()
        await self._pool.drain()
        await self._lines.drain()

    async def fetch(
        self, statement: LiteralString, params: Mapping[str, Any], prepare: bool | None = None
    ) -> list[Row]:
        """Run one reading statement, once more where its connection turns out to be dead.

        Without `prepare` psycopg prepares what it has seen a few times; with False it never does,
        and PostgreSQL plans for just these parameters.

        Raises:
            Unavailable: as `connection`.
        """
        # A cancelled caller (a closed WebSocket) must not cancel a wait inside the pool: before
        # Python 3.12 that can lose a connection.
        return await asyncio.shield(asyncio.ensure_future(self._fetch(statement, params, prepare)))

    def together(
        self, read: Callable[["Database", Sequence[_K]], Awaitable[Mapping[_K, _V]]]
    ) -> Gathering[_K, _V]:
        """Where those meet who look up by key with this reader, to share its statements."""
        if read not in self._gatherings:
            self._gatherings[read] = Gathering(partial(read, self))
        return self._gatherings[read]

    async def write(self, statement: LiteralString, params: Mapping[str, Any]) -> list[Row]:
        """Run one writing statement that does no more when it is run twice, as `fetch` does.

        Raises:
            OutcomeUnknown: its connection broke, and so did the next.
            Unavailable: as `connection`; nothing was done.
        """
        return await asyncio.shield(asyncio.ensure_future(self._write(statement, params)))

    async def ping(self) -> None:
        """Return if the database answers; raise Unavailable otherwise."""
        await self.fetch(PING, {})

    async def _fetch(
        self, statement: LiteralString, params: Mapping[str, Any], prepare: bool | None
    ) -> list[Row]:
        try:
            return await self._run(statement, params, prepare)
        except Interrupted:
            return await self._run(statement, params, prepare)

    async def _write(self, statement: LiteralString, params: Mapping[str, Any]) -> list[Row]:
        try:
            return await self._run(statement, params)
        except Disconnected:
            try:
                return await self._run(statement, params)
            except Unavailable as error:
                raise OutcomeUnknown from error

    async def _run(
        self, statement: LiteralString, params: Mapping[str, Any], prepare: bool | None = None
    ) -> list[Row]:
        async with self.connection() as conn:
            with traces.statement(name_of(statement)):
                cursor = await conn.execute(statement, params, prepare=prepare, binary=True)
                return list(await cursor.fetchall())


async def _set_up_session(conn: Connection) -> None:
    await conn.execute(SET_UP_SESSION, limits.SESSION_LIMITS)


async def _set_up_line(conn: LineConnection) -> None:
    lock_timeout = limits.LOCK_TIMEOUT_OF_A_LINE
    await conn.execute(SET_UP_SESSION, {**limits.SESSION_LIMITS, "lock_timeout": lock_timeout})
    await conn.execute(PLAN_ONCE)


def _pool_options() -> dict[str, Any]:
    return {
        "kwargs": limits.CONNECTING,
        "timeout": limits.WAIT_FOR_CONNECTION.total_seconds(),
        "reconnect_timeout": limits.RECONNECT_TIMEOUT.total_seconds(),
        "open": False,
    }
