"""Faults of the network between the servers and PostgreSQL: reset, cut, stalled."""

import asyncio
from random import Random

from faults.house import SERVERS
from faults.stage import Drawn, Kind, Stage
from faults.steering import Way
from faults.traps import Action, End, Step, Trap

TRAP_PATIENCE = 3.0
# Sessions of ours are ended after ten seconds in which nothing comes: no later has an effect.
LATEST = 9.0
# The longest of the servers' own limits is five seconds; a socket's is ten.
LONGEST_STALL = 12.0
PART: dict[Step, str] = {"reading": "batch", "committing": "commit"}
HOW: dict[Action, str] = {
    "unsent": "nothing sent",
    "part": "sent in part",
    "unanswered": "sent and not answered",
    "late": "sent seconds later",
}


def _draw_commit(chance: Random) -> tuple[Drawn, float]:
    drawn = {
        "number": chance.randrange(SERVERS),
        "end": chance.choice(["reset", "reset", "cut"]),
        "part": chance.random(),
        "seconds": chance.uniform(0.2, LATEST),
    }
    return drawn, 1.0


def _commit_kind(action: Action, step: Step) -> Kind:
    async def do(stage: Stage, number: int, end: End, part: float, seconds: float) -> str | None:
        trap = Trap(step, action, end=end, part=part, seconds=seconds)
        sprung = await stage.house.proxy.trap(number, trap, TRAP_PATIENCE)
        return f"by {'RST' if end == 'reset' else 'FIN'}" if sprung else None

    return Kind(
        f"connection lost in the middle of a {PART[step]}, {HOW[action]}",
        "network",
        _draw_commit,
        do,
    )


def _draw_stall(chance: Random) -> tuple[Drawn, float]:
    seconds = chance.choice([chance.uniform(0.5, 4), chance.uniform(5.5, LONGEST_STALL)])
    doors = chance.choice([list(range(SERVERS)), [chance.randrange(SERVERS)]])
    ways = chance.choice([["up", "down"], ["up"], ["down"]])
    return {"doors": doors, "ways": ways, "seconds": seconds}, seconds


async def stall(stage: Stage, doors: list[int], ways: list[Way], seconds: float) -> str:
    """Nothing passes for a time; the connections stay open."""
    stage.house.proxy.stall(doors, ways, seconds)
    await asyncio.sleep(seconds)
    who = "one server" if len(doors) == 1 else "all servers"
    return f"of {who}, {'longer' if seconds > 5 else 'shorter'} than the timeouts"


def _draw_reset(chance: Random) -> tuple[Drawn, float]:
    doors = chance.choice([list(range(SERVERS)), [chance.randrange(SERVERS)]])
    return {"doors": doors}, 0.5


async def reset(stage: Stage, doors: list[int]) -> str:
    """Every connection is reset."""
    stage.house.proxy.reset(doors)
    return f"of {'one server' if len(doors) == 1 else 'all servers'}"


KINDS = [
    *(_commit_kind(action, "committing") for action in ("unsent", "part", "unanswered", "late")),
    _commit_kind("part", "reading"),
    Kind("network stalled", "network", _draw_stall, stall),
    Kind("all connections reset", "network", _draw_reset, reset),
]
