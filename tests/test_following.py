"""Followers of a map who are pushed its updates, and iterate where they refuse one."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import timedelta
from functools import wraps
from typing import Any

import pytest

from booking.history import History, Update
from db.following import FOLD_BEHIND, Audience, Following

P = ord("P")
SHOW = 7


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), 10))

    return run


class House:
    """A show whose changes are told at once."""

    def __init__(self) -> None:
        self.history = History(SHOW, 0, bytearray(b"A" * 1_000))
        self.left: list[int] = []
        self.audience = Audience(self.left.append)

    async def _begin(self) -> tuple[History, Update]:
        return self.history, self.history.snapshot()

    def follower(self, every: timedelta = timedelta(), look: Any = lambda it: it) -> Following:
        return Following(SHOW, self._begin, every, look, self.audience)

    def change(self, *, told: bool = True) -> None:
        version = self.history.version + 1
        assert self.history.advance(version, {version: P})
        if told:
            self.audience.tell(SHOW)


class Pushed:
    """Somebody who is pushed updates, and refuses some."""

    def __init__(self, follower: Following, refuse: Callable[[Update], bool]) -> None:
        self.follower, self.refuse = follower, refuse
        self.taken: list[Update] = []
        self.iterated: list[Update] = []

    def take(self, update: Update) -> bool:
        if self.refuse(update):
            return False
        self.taken.append(update)
        return True

    async def run(self) -> None:
        async with aclosing(self.follower):
            async for update in self.follower:
                self.iterated.append(update)
                await self.follower.push(self.take)


def versions(updates: list[Update]) -> list[int]:
    return [update.version for update in updates]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def never(update: Update) -> bool:
    return False


@story
async def test_who_is_pushed_to_gets_each_update_as_it_happens() -> None:
    house = House()
    readers = [Pushed(house.follower(), never) for _ in range(3)]
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    await settle()
    for count in range(1, 4):
        house.change()
        assert [len(reader.taken) for reader in readers] == [count] * 3
    assert versions(readers[0].taken) == [1, 2, 3]
    assert all(update is readers[0].taken[0] for update in (r.taken[0] for r in readers))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert house.left == [SHOW]
    house.change()
    assert len(readers[0].taken) == 3


@story
async def test_what_is_refused_is_the_next_to_be_iterated_to() -> None:
    house = House()
    choosy = Pushed(house.follower(), lambda update: update.version % 3 == 0)
    plain = Pushed(house.follower(), never)
    tasks = [asyncio.create_task(reader.run()) for reader in (choosy, plain)]
    for _ in range(7):
        await settle()
        house.change()
    await settle()
    assert versions(choosy.taken) == [1, 2, 4, 5, 7]
    assert versions(choosy.iterated) == [0, 3, 6]
    assert versions(plain.taken) == [1, 2, 3, 4, 5, 6, 7]
    for task in tasks:
        task.cancel()


@story
async def test_what_happened_before_the_push_began_is_pushed_first() -> None:
    house = House()
    reader = Pushed(house.follower(), never)
    async with aclosing(reader.follower):
        await anext(reader.follower)
        for _ in range(3):
            house.change()
        pushing = asyncio.create_task(reader.follower.push(reader.take))
        await settle()
        assert versions(reader.taken) == [1, 2, 3]
        pushing.cancel()


@story
async def test_who_is_far_behind_gets_all_in_one() -> None:
    house = House()
    reader = Pushed(house.follower(), never)
    async with aclosing(reader.follower):
        await anext(reader.follower)
        for _ in range(FOLD_BEHIND + 1):
            house.change(told=False)
        pushing = asyncio.create_task(reader.follower.push(reader.take))
        await settle()
        (update,) = reader.taken
        assert update.seats == dict.fromkeys(range(1, FOLD_BEHIND + 2), P)
        pushing.cancel()


@story
async def test_one_whose_look_fails_meets_it_alone() -> None:
    house = House()

    def fail(update: Update) -> Update:
        if update.version == 1:
            raise ValueError("no")
        return update

    broken, sound = Pushed(house.follower(look=fail), never), Pushed(house.follower(), never)
    tasks = [asyncio.create_task(reader.run()) for reader in (broken, sound)]
    await settle()
    house.change()
    house.change()
    assert versions(sound.taken) == [1, 2]
    with pytest.raises(ValueError, match="no"):
        await tasks[0]
    tasks[1].cancel()


@story
async def test_who_wants_updates_folded_is_not_pushed_to() -> None:
    house = House()
    reader = Pushed(house.follower(timedelta(milliseconds=20)), never)
    task = asyncio.create_task(reader.run())
    await settle()
    for _ in range(5):
        house.change()
    async with aclosing(house.follower(timedelta(milliseconds=20))) as other:
        await anext(other)
        house.change()
        await anext(other)
    assert versions(reader.iterated) == [0, 6]
    assert reader.taken == []
    task.cancel()


@story
async def test_nothing_is_pushed_before_the_first_update() -> None:
    reader = Pushed(House().follower(), never)
    async with aclosing(reader.follower):
        await reader.follower.push(reader.take)
    assert reader.taken == []
