"""The flags of a process: kept fresh from the table, and changed there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Concatenate, ParamSpec, TypeVar

from db.connection import Connection
from db.errors import Disconnected, OutcomeUnknown, Unavailable
from db.flags import delete_flag, list_flag_changes, list_flags, set_flag
from db.pool import Database
from db.statements import statements
from flags.flag import Flag, FlagChange, Value
from flags.provider import FlagProvider

READ_FLAG_REVISION = statements["read_flag_revision"]

# A change is in every process within two seconds: one until it looks, the other to read.
LOOK_INTERVAL = timedelta(seconds=1)

_P = ParamSpec("_P")
_T = TypeVar("_T")

log = logging.getLogger("boxoffice.flags")


class FlagWatch:
    """Looks once a second whether there is a new revision, and only then reads the flags.

    While the database is away the flags stay as they were read last.
    """

    def __init__(self, database: Database, provider: FlagProvider) -> None:
        self.provider = provider
        self._database = database
        self._refreshing = asyncio.Lock()
        self._first: asyncio.Task[None] | None = None
        self._stale = False

    async def ready(self) -> FlagProvider:
        """Return what evaluates the flags, once they have been read.

        Raises:
            Unavailable: they never were, and the database can't be had.
        """
        if self.provider.revision is None:
            # All who ask meanwhile share a try: one after the other the last would wait for ever.
            if self._first is None or self._first.done():
                self._first = asyncio.create_task(self.refresh())
            await asyncio.shield(self._first)
        return self.provider

    async def refresh(self) -> None:
        """Read the flags, if there is a new revision.

        Raises:
            Unavailable: the database can't be had; the flags stay as they are.
        """
        async with self._refreshing:  # or who began to read first might end last
            [[revision]] = await self._database.fetch(READ_FLAG_REVISION, {})
            if revision != self.provider.revision:
                # What is read may be newer than the revision: then it is read once more.
                self.provider.take(revision, await self._run(list_flags))
            elif self._stale:
                self.provider.be_ready()
            self._stale = False

    async def watch(self) -> None:
        """Look for changes for ever, whether the database is up or not."""
        while True:
            try:
                await self.refresh()
            except Unavailable as error:
                self._keep(str(error))
            except Exception:
                log.exception("could not look for changes of flags; looking again")
            await asyncio.sleep(LOOK_INTERVAL.total_seconds())

    async def set(self, key: str, value: Value, percentage: float, changed_by: str) -> Flag:
        """Set a flag, as `set_flag`; this process goes by it at once.

        Raises:
            OutcomeUnknown: its connection broke, and so did the next.
        """
        flag = await self._change(set_flag, key, value, percentage, changed_by)
        await self._refresh_now()
        return flag

    async def delete(self, key: str, changed_by: str) -> Flag | None:
        """Delete a flag, as `delete_flag`; this process goes without at once.

        Raises:
            OutcomeUnknown: as `set`.
        """
        flag = await self._change(delete_flag, key, changed_by)
        await self._refresh_now()
        return flag

    async def read(self) -> list[Flag]:
        """All flags as the table has them, by key."""
        return await self._run(list_flags)

    async def list_changes(self, size: int, key: str | None, before: int) -> list[FlagChange]:
        """The latest changes, as `list_flag_changes`."""
        return await self._run(list_flag_changes, size, key, before)

    async def _refresh_now(self) -> None:
        with suppress(Unavailable):  # it is done; this process will see it, as others do
            await self.refresh()

    def _keep(self, reason: str) -> None:
        if not self._stale:
            self._stale = True
            log.warning("no flags to read (%s): those that were read last stay", reason)
            self.provider.be_stale(reason)

    async def _change(
        self,
        work: Callable[Concatenate[Connection, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Make a change, which twice is no other than once."""
        try:
            return await self._run(work, *args, **kwargs)
        except Disconnected:
            try:
                return await self._run(work, *args, **kwargs)
            except Unavailable as error:
                raise OutcomeUnknown from error

    async def _run(
        self,
        work: Callable[Concatenate[Connection, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        async def run() -> _T:
            async with self._database.connection() as conn:
                return await work(conn, *args, **kwargs)

        # A cancelled caller must not cancel a wait inside the pool.
        return await asyncio.shield(asyncio.ensure_future(run()))
