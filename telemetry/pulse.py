"""The pulse: once a second a process sees how late its event loop is, and posts its numbers."""

import asyncio

from telemetry.board import Board, Numbers
from telemetry.families import Gauge, families
from telemetry.metrics import LOOP_LAG

INTERVAL = 1.0


def own_numbers() -> Numbers:
    """What this process has to tell, but for what it knows of the house."""
    return {
        name: family.now()
        for name, family in families.items()
        if not (isinstance(family, Gauge) and family.together is None)
    }


def all_numbers(board: Board | None) -> list[Numbers]:
    """What all processes of the server have to tell, this one's first.

    It is posted before it is told: what somebody has seen never goes back, even if this process
    dies now.
    """
    own = own_numbers()
    if board is None:
        return [own]
    board.post(own)
    return [own, *board.others()]


async def beat(board: Board | None) -> None:
    """Go on until cancelled; with a board, what has happened is left there at the end."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            if board:
                board.post(own_numbers())
            due = loop.time() + INTERVAL
            await asyncio.sleep(INTERVAL)
            LOOP_LAG.observe(max(0.0, loop.time() - due))
    finally:
        if board:
            board.leave(own_numbers())
