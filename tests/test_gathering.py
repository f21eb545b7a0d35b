"""Look-ups that share a statement: as few as can be, and never one that was sent before."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any

import pytest

from db import gathering
from db.errors import Unavailable
from db.gathering import Gathering
from db.pool import Database, Row
from db.reads import READ_SHOWS, read_bookings, read_show
from tests.office import book, new_show, opened


class Store:
    """A database that answers when it is told to, with what it had when it was asked."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.statements: list[list[str]] = []
        self.answers: list[asyncio.Future[None]] = []

    async def read(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.statements.append(list(keys))
        found = {key: self.values[key] for key in keys if key in self.values}
        self.answers.append(asyncio.get_running_loop().create_future())
        await self.answers[-1]
        return found


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), 10))

    return run


async def started(reads: Awaitable[Any]) -> "asyncio.Future[Any]":
    """A look-up that has gone as far as it can."""
    task = asyncio.ensure_future(reads)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


@story
async def test_who_comes_while_a_statement_is_under_way_waits_for_the_next() -> None:
    store = Store()
    shows = Gathering(store.read)
    store.values = {"a": 1, "b": 1}
    first = await started(shows.find("a"))
    store.values = {"a": 2, "b": 2}
    later = [await started(shows.find(key)) for key in ("a", "b", "a", "c")]
    assert store.statements == [["a"]]
    store.answers[0].set_result(None)
    assert await first == 1
    await started(asyncio.sleep(0))
    store.answers[1].set_result(None)
    assert [await look for look in later] == [2, 2, 2, None]
    assert store.statements == [["a"], ["a", "b", "c"]]


@story
async def test_who_is_alone_starts_at_once_and_again() -> None:
    store = Store()
    shows = Gathering(store.read)
    for number in range(3):
        look = await started(shows.find("a"))
        assert len(store.statements) == number + 1
        store.answers[-1].set_result(None)
        assert await look is None


@story
async def test_a_reader_who_leaves_takes_nobody_along() -> None:
    store = Store()
    shows = Gathering(store.read)
    store.values = {"a": 1}
    under_way, beside = await started(shows.find("b")), await started(shows.find("a"))
    leaving, staying = await started(shows.find("a")), await started(shows.find("a"))
    under_way.cancel()
    leaving.cancel()
    await asyncio.sleep(0)
    store.answers[0].set_result(None)
    await started(asyncio.sleep(0))
    store.answers[1].set_result(None)
    assert [await beside, await staying] == [1, 1]
    assert under_way.cancelled()
    assert leaving.cancelled()


@story
async def test_what_goes_wrong_is_told_to_each_and_ends_nothing() -> None:
    store = Store()
    shows = Gathering(store.read)
    looks = [await started(shows.find(key)) for key in ("a", "b", "b")]
    store.answers[0].set_exception(Unavailable("down"))
    await started(asyncio.sleep(0))
    store.answers[1].set_exception(Unavailable("down"))
    for look in looks:
        with pytest.raises(Unavailable):
            await look
    healed = await started(shows.find("a"))
    store.answers[2].set_result(None)
    assert await healed is None


@story
async def test_a_statement_has_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MAX_KEYS", 2)
    store = Store()
    shows = Gathering(store.read)
    looks = [await started(shows.find(key)) for key in "abcdef"]
    for number in range(4):
        await started(asyncio.sleep(0))
        store.answers[number].set_result(None)
    assert await asyncio.gather(*looks) == [None] * 6
    assert store.statements == [["a"], ["b", "c"], ["d", "e"], ["f"]]


def test_a_read_after_a_commit_sees_it_though_an_older_answer_is_under_way(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = Database.fetch
    answered, gate = asyncio.Event(), asyncio.Event()

    async def held(self: Database, statement: Any, params: Any) -> list[Row]:
        rows = await fetch(self, statement, params)
        if statement == READ_SHOWS and not answered.is_set():
            answered.set()
            await gate.wait()
        return rows

    @story
    async def scenario() -> None:
        async with opened(database_url) as office, opened(database_url) as elsewhere:
            show_id = await new_show(office)
            monkeypatch.setattr(Database, "fetch", held)
            early = await started(read_show(office.database, show_id))
            await answered.wait()
            await elsewhere.desk.submit(book(show_id, 1, 2))
            late = await started(read_show(office.database, show_id))
            gate.set()
            before, after = await early, await late
            assert before
            assert after
            assert (before.version, after.version) == (0, 1)
            seat_map = await office.seat_maps.at(show_id, after.version)
            assert seat_map.letters == b"PP" + b"A" * 18

    scenario()


def test_many_readers_cost_one_statement_a_round_trip(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = []
    fetch = Database.fetch

    async def counted(self: Database, statement: Any, params: Any) -> list[Row]:
        statements.append(statement)
        return await fetch(self, statement, params)

    @story
    async def scenario() -> None:
        async with opened(database_url) as office:
            show_ids = [await new_show(office) for _ in range(3)]
            answers = [await office.desk.submit(book(id_, 1)) for id_ in show_ids]
            monkeypatch.setattr(Database, "fetch", counted)
            shows = await asyncio.gather(
                *(read_show(office.database, show_ids[number % 3]) for number in range(32))
            )
            assert [show.id for show in shows if show] == [show_ids[n % 3] for n in range(32)]
            assert len(statements) == 1
            keys = [(show_ids[n], answers[n].outcome.booking.id) for n in range(3)]  # type: ignore[union-attr]
            found = await asyncio.gather(
                *(read_bookings(office.database, [keys[number % 3]]) for number in range(32))
            )
            assert [booking.id for ((booking, _),) in found] == [keys[n % 3][1] for n in range(32)]
            assert len(statements) == 2
            assert len(await read_bookings(office.database, keys)) == 3

    scenario()
