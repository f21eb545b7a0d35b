"""The door: a crowd is let in a few at a time, and the desk has the loop in between."""

import asyncio

from tests.crowd import run
from transport.door import BEGUN_AT_ONCE, MOST_WAITING, Door

CROWD = 4 * BEGUN_AT_ONCE


class Crowd:
    """People at a door, and who of them is in."""

    def __init__(self) -> None:
        self.door = Door(asyncio.get_running_loop())
        self.inside: list[int] = []

    def come(self, number: int) -> None:
        self.door.enter(lambda: self.inside.append(number))


@run
async def test_who_comes_alone_is_let_in_at_once() -> None:
    crowd = Crowd()
    for number in range(3):
        crowd.come(number)
        assert crowd.inside[-1] == number
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@run
async def test_a_crowd_is_let_in_in_order_and_a_few_in_a_round() -> None:
    crowd = Crowd()
    for number in range(CROWD):
        crowd.come(number)
    while len(crowd.inside) < CROWD:
        before = len(crowd.inside)
        await asyncio.sleep(0)
        assert len(crowd.inside) - before <= BEGUN_AT_ONCE
    assert crowd.inside == [*range(CROWD)]


@run
async def test_who_comes_while_others_wait_goes_behind_them() -> None:
    crowd = Crowd()
    for number in range(BEGUN_AT_ONCE + 1):
        crowd.come(number)
    await asyncio.sleep(0)
    crowd.come(CROWD)
    assert crowd.inside == [*range(BEGUN_AT_ONCE + 1), CROWD]


@run
async def test_it_is_crowded_until_some_were_let_in() -> None:
    crowd = Crowd()
    for number in range(BEGUN_AT_ONCE + MOST_WAITING):
        assert not crowd.door.crowded
        crowd.come(number)
    assert crowd.door.crowded
    await asyncio.sleep(0)
    assert not crowd.door.crowded
