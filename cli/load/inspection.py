"""After a run: each show and booking is read again and held against what the people were told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cli.load.checking import FAILED, ServerMap, check_map, check_sale, compare
from cli.load.client import Client, GaveUp
from cli.load.ledger import Ledger, Told
from cli.load.plan import NotHad, Unusable
from db.audit import audit_show, connected
from db.connection import Connection
from db.sales import Sale, read_sale
from schema.ids import parse_show_id

# A map is compared where nothing changes the show between two looks at it; sweeps do.
MOST_LOOKS, LOOK_AGAIN = 10, 0.3
# By the API each booking is a request of its own.
ASKED_AT_ONCE = 16
MOST_DIFFERENCES = 200


@dataclass
class Findings:
    """What was looked at, and what is wrong.

    Attributes:
        by: what it was held against.
        changes: entries of the shows' logs that were replayed.
        differences: a sentence each.
        notes: what could not be looked at.
    """

    by: str
    shows: int = 0
    bookings: int = 0
    changes: int = 0
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def tell(self, differences: Iterator[str] | list[str]) -> None:
        """Keep what differs, while there is room."""
        room = MOST_DIFFERENCES - len(self.differences)
        self.differences += list(differences)[: max(0, room)]


@dataclass(frozen=True)
class Inspection:
    """What is needed for it.

    Attributes:
        token: by which the server is asked about shows.
        token_of: by which it is asked about the bookings of the person with a number.
        ours: whether the shows were made for this run.
    """

    client: Client
    ledger: Ledger
    shows: tuple[str, ...]
    token: str | None
    token_of: Callable[[int], str | None]
    ours: bool

    async def begin(self, database_url: str | None) -> None:
        """See, before anybody comes, that the shows and their record can be had.

        Raises:
            psycopg.Error, NotHad, GaveUp: as at the end.
            Unusable: there is no such show.
        """
        shown = [await self._count(show_id) for show_id in self.shows]
        if database_url:
            async with connected(database_url) as conn:
                for show_id, one in zip(self.shows, shown, strict=True):
                    await _read(conn, show_id, one)

    async def conclude(self, database_url: str | None) -> Findings:
        """Hold all against the database or, without one, the API."""
        return await (self.by_database(database_url) if database_url else self.by_api())

    async def _count(self, show_id: str) -> Any:
        shown = await self.client.ask("count", {"id": show_id}, self.token)
        if shown is None:
            raise Unusable(f"the server has no show {show_id}")
        return shown

    async def by_database(self, url: str) -> Findings:
        """Hold all against the database, and audit the log of each show.

        Raises:
            psycopg.Error: it can't be reached.
            NotHad: it is not the server's.
            GaveUp: the server no longer answers.
        """
        found = Findings("the database", differences=[*self.ledger.contradictions])
        async with connected(url) as conn:
            for show_id in self.shows:
                sale, seen = await self._look(conn, show_id)
                found.tell(check_sale(sale, self.ledger, ours=self.ours))
                if seen.version == sale.show.version:
                    found.tell(check_map(sale, seen))
                else:
                    found.notes.append(f"show {show_id} is still being sold: no map was compared")
                report = await audit_show(conn, sale.show.id)
                found.tell([f"audit: {difference.message}" for difference in report.differences])
                found.shows += 1
                found.bookings += len(sale.sold)
                found.changes += report.changes
        return found

    async def _look(self, conn: Connection, show_id: str) -> tuple[Sale, ServerMap]:
        """A show on record and as the server shows it, of one version if that can be had."""
        for looked in range(MOST_LOOKS):
            await asyncio.sleep(LOOK_AGAIN if looked else 0)
            shown = await self._count(show_id)
            sale = await _read(conn, show_id, shown)
            if shown["seatMap"]["version"] == sale.show.version:
                break
        return sale, _server_map(shown)

    async def by_api(self) -> Findings:
        """Hold all against what the server says now: it is believed, so this shows less.

        Raises:
            GaveUp: the server no longer answers.
        """
        found = Findings("the API", differences=[*self.ledger.contradictions])
        for show_id in self.shows:
            shown = await self._count(show_id)
            found.tell(_check_counters(show_id, _server_map(shown)))
            async for what in self._audit(show_id, found):
                found.tell([what])
            found.shows += 1
        gate = asyncio.Semaphore(ASKED_AT_ONCE)
        holders: dict[tuple[str, int], str] = {}
        asked = [self._remember(gate, *item, holders) for item in self.ledger.bookings.items()]
        for differences in await asyncio.gather(*asked):
            found.tell(differences)
        found.bookings = len(asked)
        return found

    async def _audit(self, show_id: str, found: Findings) -> AsyncIterator[str]:
        try:
            report = await self.client.ask("audit", {"id": show_id}, self.token)
        except GaveUp as gave_up:
            found.notes.append(f"show {show_id} was not audited: {gave_up}")
            return
        found.changes += report["changes"]
        for difference in report["differences"]:
            yield f"audit: {difference['message']}"

    async def _remember(
        self, gate: asyncio.Semaphore, key: str, told: Told, holders: dict[tuple[str, int], str]
    ) -> list[str]:
        async with gate:
            booking = await self.client.ask("remember", {"id": key}, self.token_of(told.person))
        if booking is None:
            return [f"booking {key} was told to person {told.person}, and is not there"]
        state, seats = (booking["status"], booking["failureReason"]), booking["seatNumbers"]
        # Its deadline is the database's affair, which isn't asked here.
        wrong = [*compare(key, told, state, seats, lapsed=True)]
        for place in ((told.show_id, number) for number in seats if state[0] != FAILED):
            other = holders.setdefault(place, key)
            if other != key:
                wrong.append(f"SOLD TWICE: seat {place[1]} of {place[0]}, to {other} and {key}")
        return wrong


async def _read(conn: Connection, show_id: str, shown: Any) -> Sale:
    """The show as it is on record, if that is the one that the server shows."""
    key = parse_show_id(show_id)
    sale = None if key is None else await read_sale(conn, key)
    if sale is None or sale.show.name != shown["name"]:
        raise NotHad(f"that is not the server's database: show {show_id} is another one there")
    return sale


def _check_counters(show_id: str, seen: ServerMap) -> Iterator[str]:
    counted = tuple(seen.encoded.count(letter) for letter in "PCA")
    if seen.counters != counted:
        yield f"show {show_id} counts {seen.counters} (pending, confirmed, free), maps {counted}"


def _server_map(shown: Any) -> ServerMap:
    counters = shown["pendingSeats"], shown["confirmedSeats"], shown["availableSeats"]
    return ServerMap(shown["seatMap"]["version"], counters, shown["seatMap"]["encoded"])
