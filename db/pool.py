"""The connections: a bounded pool that gives up quickly and heals by itself."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection, Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from db.errors import Interrupted, translate
from db.gathering import Gathering
from db.line import Line, LineConnection
from db.statements import statements

SET_UP_SESSION = statements["set_up_session"]
PLAN_ONCE = statements["plan_once"]
PING = statements["ping"]

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

Row = Sequence[Any]
Connection = AsyncConnection[tuple[Any, ...]]

# They serve reads, which take well under a millisecond each.
POOL_SIZE = 5
# The desk's own: one, and one more for each show that somebody else has locked.
LINES = 6
# A client is told within this time that there is no database, and can decide what to do.
WAIT_FOR_CONNECTION = 1.0
# After so long the pool stops backing off, and the next caller makes it try again at once: it is
# back within a second of the database.
RECONNECT_TIMEOUT = 1.0

SESSION_LIMITS = {
    # Our statements take milliseconds. One that takes seconds is lost, and holds locks.
    "statement_timeout": "5s",
    # A show that somebody has locked for this long is better refused than queued for.
    "lock_timeout": "2s",
    # A process that stopped in the middle of a transaction gives its locks back.
    "idle_timeout": "10s",
}

# A line waits for locks no longer than another desk of ours keeps them: a batch takes 5 to 30 ms,
# and a few may stand in line. It holds up everybody in this process, once for each stranger.
LOCK_TIMEOUT_OF_A_LINE = "100ms"

_CONNECT = {
    "autocommit": True,
    "connect_timeout": 2,
    "application_name": "boxoffice",
    # A peer that vanished without a word is given up in seconds, not in hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

log = logging.getLogger("boxoffice.db")


class Database:
    """The way to PostgreSQL for one process."""

    def __init__(self, url: str) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url, min_size=2, max_size=POOL_SIZE, configure=_set_up_session, **_pool_options()
        )
        self._lines: AsyncConnectionPool[LineConnection] = AsyncConnectionPool(
            url,
            connection_class=LineConnection,
            min_size=1,
            max_size=LINES,
            configure=_set_up_line,
            **_pool_options(),
        )
        self._kept: Line | None = None  # the line used last: most often the next one
        self._healing: asyncio.Task[None] | None = None
        self._gatherings: dict[Callable[..., Any], Gathering[Any, Any]] = {}

    async def open(self) -> None:
        """Start connecting. A database that is down now is found when it is up."""
        await self._pool.open()
        await self._lines.open()

    async def close(self) -> None:
        """Close every connection."""
        if self._healing:
            await asyncio.wait({self._healing}, timeout=WAIT_FOR_CONNECTION)
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
        await self._heal_first()
        try:
            async with self._pool.connection() as conn:
                yield conn
        except (Error, PoolTimeout) as error:
            self._raise_translated(error)
            raise

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Lend the desk a line; as `connection` in everything else."""
        await self._heal_first()
        line, self._kept = self._kept, None
        try:
            line = line or await self._new_line()
            yield line
        except BaseException as error:
            if line:
                await self._put_back(line)  # which rolls back, or closes it
            self._raise_translated(error)
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

    async def _heal_first(self) -> None:
        if self._healing:  # whoever comes next would only get another dead connection
            await asyncio.wait({self._healing}, timeout=WAIT_FOR_CONNECTION)

    def _raise_translated(self, error: BaseException) -> None:
        if isinstance(error, Error | PoolTimeout) and (meaning := translate(error)):
            log.warning("%s: %s", type(error).__name__, error)
            self._heal(meaning)
            raise meaning from error

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
        """Run one writing statement, a transaction by itself; never a second time.

        Raises:
            Unavailable: as `connection`; whether it was committed is then not known.
        """
        return await asyncio.shield(asyncio.ensure_future(self._run(statement, params)))

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

    async def _run(
        self, statement: LiteralString, params: Mapping[str, Any], prepare: bool | None = None
    ) -> list[Row]:
        async with self.connection() as conn:
            cursor = await conn.execute(statement, params, prepare=prepare, binary=True)
            return list(await cursor.fetchall())

    def _heal(self, meaning: Exception) -> None:
        """Replace all connections that died with this one, instead of a failure for each."""
        if isinstance(meaning, Interrupted) and self._healing is None:
            self._healing = asyncio.ensure_future(self._check())
            self._healing.add_done_callback(self._healed)

    async def _check(self) -> None:
        await self._give_back()
        await asyncio.gather(self._pool.check(), self._lines.check())

    async def _give_back(self) -> None:
        line, self._kept = self._kept, None
        if line:
            await self._put_back(line)

    def _healed(self, healing: asyncio.Task[None]) -> None:
        self._healing = None
        if not healing.cancelled() and (error := healing.exception()):
            log.warning("could not check the connections: %s", error)


async def _set_up_session(conn: Connection) -> None:
    await conn.execute(SET_UP_SESSION, SESSION_LIMITS)


async def _set_up_line(conn: LineConnection) -> None:
    await conn.execute(SET_UP_SESSION, {**SESSION_LIMITS, "lock_timeout": LOCK_TIMEOUT_OF_A_LINE})
    await conn.execute(PLAN_ONCE)


def _pool_options() -> dict[str, Any]:
    return {
        "kwargs": _CONNECT,
        "timeout": WAIT_FOR_CONNECTION,
        "reconnect_timeout": RECONNECT_TIMEOUT,
        "open": False,
    }
