"""Seat maps in memory: read once, advanced by the log of changes, watched by subscribers."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from weakref import WeakValueDictionary

from booking.decision import Change
from booking.history import MAX_STEPS, History, SeatMap, Update, fold, undo
from db.errors import Unavailable
from db.following import Audience, Following, Look
from db.gathering import Gathering
from db.pieces import Pieces
from db.pool import Database, Row
from db.shelf import Encodings, Shelf
from db.statements import statements

READ_MAP = statements["read_map"]
READ_CHANGES = statements["read_changes"]
READ_VERSIONS = statements["read_versions"]

# Changes made by this process are seen at once, others' within this time, for a statement each.
WATCH_INTERVAL = 0.05
# In bytes. A thousand maps of a thousand seats, encoded with two fields a seat, take 40 MB.
CAPACITY = 64 << 20

_PENDING = ord("P")
_CONFIRMED = ord("C")

log = logging.getLogger("boxoffice.seat_maps")


class NoSuchShow(Exception):
    """There is no show with this id."""


class SeatMaps:
    """The maps of the shows that were asked for lately.

    A map is never stale: a caller names the version that it has read, and gets that one. Maps and
    what they are encoded to share one shelf. Whoever follows a show holds on to its history, so
    that it is found for as long, whether it has a place on the shelf or not.
    """

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        """Take a database, and the room for all that is kept, in bytes."""
        self.shelf = Shelf(capacity)
        self.pieces = Pieces(self.shelf)
        self._database = database
        self._versions: Gathering[int, int] = Gathering(self._read_versions)
        self._histories: WeakValueDictionary[int, History] = WeakValueDictionary()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._audience = Audience(self._forget_updates)

    @property
    def followers(self) -> int:
        """How many follow a show."""
        return self._audience.watched.total()

    @property
    def followed(self) -> int:
        """How many shows are followed."""
        return len(self._audience.watched)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take over what this process has just committed."""
        for change in changes:
            history = self._histories.get(change.show.id)
            if history:
                letters = {number: ord(status[0]) for number, status in change.seats.items()}
                history.advance(change.show.version, letters)
                self._remember(history)
                # Behind those who wait for the commit: there may be a thousand who watch.
                asyncio.get_running_loop().call_soon(self._audience.tell, change.show.id)

    async def at(self, show_id: int, version: int) -> SeatMap:
        """Return the map of a show at a version that exists.

        Raises:
            Unavailable: the database can't be had.
        """
        history = await self._reach(show_id, version)
        return history.at(version) or await self._read_old(history, version)

    def follow(
        self,
        show_id: int,
        since: int | None = None,
        every: timedelta = timedelta(),
        look: Look = lambda update: update,
    ) -> Following:
        """Give what changed after version `since` (or the whole map), then each change.

        All who go the same step get the same update, as `look` sees it. The first raises
        NoSuchShow, or Unavailable where the database can't be had; later it is waited for.
        """
        return Following(show_id, partial(self._begin, show_id, since), every, look, self._audience)

    async def watch(self) -> None:
        """Look for changes made by other processes, for ever, whether the database is up or not."""
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            if self._audience.watched:
                try:
                    await self._look()
                except Unavailable:
                    log.info("no database to watch; looking again")
                except Exception:
                    log.exception("could not look for changes; looking again")

    async def _look(self) -> None:
        for show_id, version in (await self._read_versions(list(self._audience.watched))).items():
            history = self._histories.get(show_id)
            if history and history.version < version:
                await self._reach(show_id, version)

    def _forget_updates(self, show_id: int) -> None:
        if history := self._histories.get(show_id):
            history.forget_updates()

    async def _begin(self, show_id: int, since: int | None) -> tuple[History, Update]:
        history = await self._reach(show_id, await self._read_version(show_id))
        return history, await self._first(history, since)

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

    async def _reach(self, show_id: int, version: int) -> History:
        """Bring the show's map to this version or a later one."""
        history = self._histories.get(show_id)
        if history is None or history.version < version:
            async with self._locks.setdefault(show_id, asyncio.Lock()):
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
        self._audience.tell(show_id)
        return history

    def _remember(self, history: History) -> None:
        """Keep a map as the latest used. What holds it in memory is its place on the shelf."""
        self.shelf.keep(history.show_id, history.size, history.forget)

    async def _read_version(self, show_id: int) -> int:
        version = await self._versions.find(show_id)
        if version is None:
            raise NoSuchShow
        return version

    async def _read_versions(self, show_ids: Sequence[int]) -> dict[int, int]:
        rows = await self._database.fetch(READ_VERSIONS, {"ids": list(show_ids)})
        return {row[0]: row[1] for row in rows}

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
        return History(show_id, version, letters, partial(Encodings, self.shelf))

    async def _read_old(self, history: History, version: int) -> SeatMap:
        """The map of a version whose steps aren't remembered: undo what the log says came later."""
        letters, upto = bytearray(history.letters), history.version
        rows = await self._read_changes(history.show_id, version, upto)
        letters_then = undo(letters, map(_previous, reversed(rows)))
        return SeatMap(history.show_id, version, letters_then)

    async def _read_changes(self, show_id: int, after: int, upto: int) -> list[Row]:
        return await self._database.fetch(
            READ_CHANGES, {"id": show_id, "after": after, "upto": upto}
        )


def _letters(row: Row) -> Mapping[int, int]:
    return dict(zip(row[1], row[2].encode(), strict=True))


def _previous(row: Row) -> Mapping[int, int]:
    return dict(zip(row[1], row[3].encode(), strict=True))
