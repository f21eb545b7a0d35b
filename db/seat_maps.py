"""Seat maps in memory: read once, advanced by the log of changes, watched by subscribers."""

import asyncio
import logging
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from booking.decision import Change
from booking.history import MAX_STEPS, History, SeatMap, Update, fold, undo
from db.errors import Unavailable
from db.pool import Database, Row
from db.statements import statements

READ_MAP = statements["read_map"]
READ_CHANGES = statements["read_changes"]
READ_VERSIONS = statements["read_versions"]

# Changes made by this process are seen at once, others' within this time.
WATCH_INTERVAL = 0.1
# A map takes a byte a seat, and up to about 0.5 MB for its last steps.
MAX_MAPS = 1_000
# A subscriber this far behind can't keep up: it gets everything since in one update.
FOLD_BEHIND = 32

_PENDING = ord("P")
_CONFIRMED = ord("C")

log = logging.getLogger("boxoffice.seat_maps")


class NoSuchShow(Exception):
    """There is no show with this id."""


class SeatMaps:
    """The maps of the shows that were asked for lately.

    A map is never stale: a caller names the version that it has read, and gets that one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._histories: OrderedDict[int, History] = OrderedDict()
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watched: Counter[int] = Counter()
        self._news: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take over what this process has just committed."""
        for change in changes:
            history = self._histories.get(change.show.id)
            if history:
                letters = {number: ord(status[0]) for number, status in change.seats.items()}
                history.advance(change.show.version, letters)
                self._tell(change.show.id)

    async def at(self, show_id: int, version: int) -> SeatMap:
        """Return the map of a show at a version that exists.

        Raises:
            Unavailable: the database can't be had.
        """
        history = await self._reach(show_id, version)
        return history.at(version) or await self._read_old(history, version)

    async def follow(
        self, show_id: int, since: int | None = None, every: timedelta = timedelta()
    ) -> AsyncGenerator[Update, None]:
        """Yield what changed after version `since` (or the whole map), then each change.

        Changes within `every` of an update are folded into the next, and so is everything a
        subscriber has missed who is FOLD_BEHIND steps late: nothing is queued for anybody.

        Raises:
            NoSuchShow: there is no show with this id.
            Unavailable: the database can't be had at the start; later it is waited for.
        """
        with self._watching(show_id):
            history = await self._reach(show_id, await self._read_version(show_id))
            update = await self._first(history, since)
            while True:
                version = update.version
                yield update
                await asyncio.sleep(every.total_seconds())
                while history.version == version:
                    await self._news[show_id].wait()
                update = self._next(history, version, folded=bool(every))

    async def watch(self) -> None:
        """Look for changes made by other processes, for ever, whether the database is up or not."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            if self._watched:
                try:
                    await self._look()
                except Unavailable:
                    log.info("no database to watch; looking again")
                except Exception:
                    log.exception("could not look for changes; looking again")

    async def _look(self) -> None:
        for show_id, version in await self._database.fetch(
            READ_VERSIONS, {"ids": list(self._watched)}
        ):
            history = self._histories.get(show_id)
            if history and history.version < version:
                await self._reach(show_id, version)

    def _tell(self, show_id: int) -> None:
        """Wake everybody who waits for a change of this show."""
        if news := self._news.pop(show_id, None):
            news.set()

    @contextmanager
    def _watching(self, show_id: int) -> Iterator[None]:
        self._watched[show_id] += 1
        try:
            yield
        finally:
            self._watched[show_id] -= 1
            if not self._watched[show_id]:
                del self._watched[show_id]

    async def _first(self, history: History, since: int | None) -> Update:
        """What a new subscriber gets: the changes since its version where that can be told."""
        upto = history.version
        if since is None or not 0 <= since <= upto or upto - since > MAX_STEPS:
            return history.snapshot()
        known = history.since(since, upto)
        if known:
            return known
        rows = await self._read_changes(history.show_id, since, upto)
        return Update(history.show_id, upto, False, fold(_letters(row) for row in rows))

    def _next(self, history: History, version: int, folded: bool) -> Update:
        behind = history.version - version
        upto = history.version if folded or behind > FOLD_BEHIND else version + 1
        return history.since(version, upto) or history.snapshot()

    async def _reach(self, show_id: int, version: int) -> History:
        """Bring the show's map to this version or a later one."""
        history = self._histories.get(show_id)
        if history is None or history.version < version:
            async with self._locks[show_id]:
                history = await self._advance(show_id, version)
        self._remember(history)
        return history

    async def _advance(self, show_id: int, version: int) -> History:
        history = self._histories.get(show_id)
        if history is None or version - history.version > MAX_STEPS:
            fresh = await self._read_map(show_id)
            # Whoever follows the show looks at one and the same object.
            history = self._histories.setdefault(show_id, fresh)
            if history.version < fresh.version:
                history.restart(fresh.version, fresh.letters)
        elif history.version < version:
            for row in await self._read_changes(show_id, history.version, version):
                history.advance(row[0], _letters(row))
        self._tell(show_id)
        return history

    def _remember(self, history: History) -> None:
        """Keep a map as the latest used; forget the oldest that nobody watches or waits for."""
        self._histories[history.show_id] = history
        self._histories.move_to_end(history.show_id)
        excess = len(self._histories) - MAX_MAPS
        for show_id in list(self._histories)[:excess] if excess > 0 else ():
            if not self._watched[show_id] and not self._locks[show_id].locked():
                del self._histories[show_id], self._locks[show_id]
                self._news.pop(show_id, None)

    async def _read_version(self, show_id: int) -> int:
        rows = await self._database.fetch(READ_VERSIONS, {"ids": [show_id]})
        if not rows:
            raise NoSuchShow
        version: int = rows[0][1]
        return version

    async def _read_map(self, show_id: int) -> History:
        rows = await self._database.fetch(READ_MAP, {"id": show_id})
        if not rows:
            raise NoSuchShow
        version, total_seats, pending, confirmed = rows[0]
        letters = bytearray(b"A") * total_seats
        for number in pending:
            letters[number - 1] = _PENDING
        for number in confirmed:
            letters[number - 1] = _CONFIRMED
        return History(show_id, version, letters)

    async def _read_old(self, history: History, version: int) -> SeatMap:
        """The map of a version whose steps aren't remembered: undo what the log says came later."""
        letters, upto = bytearray(history.letters), history.version
        rows = await self._read_changes(history.show_id, version, upto)
        return undo(history.show_id, version, letters, map(_previous, reversed(rows)))

    async def _read_changes(self, show_id: int, after: int, upto: int) -> list[Row]:
        return await self._database.fetch(
            READ_CHANGES, {"id": show_id, "after": after, "upto": upto}
        )


def _letters(row: Row) -> Mapping[int, int]:
    return dict(zip(row[1], row[2].encode(), strict=True))


def _previous(row: Row) -> Mapping[int, int]:
    return dict(zip(row[1], row[3].encode(), strict=True))
