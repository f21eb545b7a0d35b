"""Seat maps in memory: of the right version, one object for everybody, whatever is forgotten."""

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import Any, LiteralString

import pytest

from booking.history import HISTORY_BYTES
from db.desk import Desk
from db.pool import Database, Row
from db.seat_maps import SeatMaps
from resolvers.office import Office
from tests.office import book, new_show, opened

A, P = b"AP"
ROOM_FOR_ONE = 2 * HISTORY_BYTES


async def _change_elsewhere(office: Office, show_id: int, number: int) -> None:
    """Book a seat as another process would: the office's maps aren't told."""
    desk = Desk(office.database, on_commit=lambda changes: None)
    await desk.submit(book(show_id, number))
    await desk.close()


def test_a_map_that_is_forgotten_while_it_advances_is_still_right(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, reading = asyncio.Event(), asyncio.Event()
    read_changes = SeatMaps._read_changes

    async def slowly(self: SeatMaps, show_id: int, after: int, upto: int) -> list[Row]:
        reading.set()
        await gate.wait()
        return await read_changes(self, show_id, after, upto)

    monkeypatch.setattr(SeatMaps, "_read_changes", slowly)

    async def scenario() -> None:
        async with opened(database_url) as office:
            office.seat_maps.shelf.capacity = ROOM_FOR_ONE
            one, other = await new_show(office, 3), await new_show(office, 3)
            await office.seat_maps.at(one, 0)
            await _change_elsewhere(office, one, 2)
            advancing = asyncio.create_task(office.seat_maps.at(one, 1))
            await reading.wait()
            await office.seat_maps.at(other, 0)
            gate.set()
            assert (await advancing).letters == b"APA"

    asyncio.run(scenario())


@pytest.mark.parametrize("capacity", [ROOM_FOR_ONE, 1])
def test_maps_are_forgotten_but_not_those_that_are_followed(
    database_url: str, capacity: int
) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            office.seat_maps.shelf.capacity = capacity
            followed = await new_show(office, 3)
            async with aclosing(office.seat_maps.follow(followed)) as updates:
                assert (await anext(updates)).snapshot
                for _ in range(5):
                    await office.seat_maps.at(await new_show(office, 3), 0)
                assert len(office.seat_maps._histories) <= 2
                await office.desk.submit(book(followed, 1))
                update = await asyncio.wait_for(anext(updates), 5)
                assert (update.version, dict(update.seats)) == (1, {1: ord("P")})

    asyncio.run(scenario())


def test_a_past_version_can_be_had_from_the_log(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, 3)
            for number in (1, 2, 3):
                await _change_elsewhere(office, show_id, number)
            assert (await office.seat_maps.at(show_id, 3)).letters == b"PPP"
            assert (await office.seat_maps.at(show_id, 1)).letters == b"PAA"
            assert (await office.seat_maps.at(show_id, 0)).letters == b"AAA"

    asyncio.run(scenario())


def test_many_who_ask_at_once_read_the_map_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read_map = SeatMaps._read_map

    async def counted(self: SeatMaps, show_id: int) -> object:
        reads.append(show_id)
        return await read_map(self, show_id)

    monkeypatch.setattr(SeatMaps, "_read_map", counted)

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, 3)
            maps = await asyncio.gather(*(office.seat_maps.at(show_id, 0) for _ in range(50)))
            assert {seat_map.letters for seat_map in maps} == {b"AAA"}

    asyncio.run(scenario())
    assert len(reads) == 1


def test_readers_of_a_version_share_one_map(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, 3)
            first = await office.seat_maps.at(show_id, 0)
            assert await office.seat_maps.at(show_id, 0) is first
            await office.desk.submit(book(show_id, 1))
            second = await office.seat_maps.at(show_id, 1)
            assert (first.letters, second.letters) == (b"AAA", b"PAA")
            # Who was overtaken by the commit still gets what they have read the version of.
            assert await office.seat_maps.at(show_id, 0) is first
            assert await office.seat_maps.at(show_id, 1) is second

    asyncio.run(scenario())


def test_followers_who_go_the_same_step_get_the_same_update(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office, AsyncExitStack() as stack:
            show_id = await new_show(office, 3)
            followers = [
                await stack.enter_async_context(aclosing(office.seat_maps.follow(show_id)))
                for _ in range(3)
            ]
            for seats in ({1: A, 2: A, 3: A}, {2: P}):
                first, *others = [await anext(follower) for follower in followers]
                assert first.seats == seats
                assert all(other is first for other in others)
                await office.desk.submit(book(show_id, 2))
            late = await stack.enter_async_context(aclosing(office.seat_maps.follow(show_id, 0)))
            assert await anext(late) is first

    asyncio.run(scenario())


def test_nothing_is_kept_for_followers_once_all_have_left(database_url: str) -> None:
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, 3)
            async with aclosing(office.seat_maps.follow(show_id)) as updates:
                update = await anext(updates)
                before = office.seat_maps.shelf.size
                update.forms["asked"] = b"answer"
                assert office.seat_maps.shelf.size > before
            assert office.seat_maps.shelf.size == before
            assert not update.forms

    asyncio.run(scenario())


def test_many_who_join_at_once_share_the_look_at_the_version(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    fetch = Database.fetch

    async def counted(self: Database, statement: LiteralString, params: Any) -> list[Row]:
        reads.append(statement)
        return await fetch(self, statement, params)

    async def join(office: Office, show_id: int) -> None:
        async with aclosing(office.seat_maps.follow(show_id)) as updates:
            assert (await anext(updates)).snapshot

    async def scenario() -> None:
        async with opened(database_url) as office:
            show_id = await new_show(office, 3)
            monkeypatch.setattr(Database, "fetch", counted)
            await asyncio.gather(*(join(office, show_id) for _ in range(100)))

    asyncio.run(scenario())
    assert len(reads) == 2  # the version, and the map
