"""Faults of the server processes: killed, restarted, with a wrong clock."""

import asyncio
from random import Random

from faults.house import SERVERS
from faults.stage import Drawn, Kind, Stage
from faults.traps import STEPS, Step, Trap

# With so much load a transaction comes by many times a second.
TRAP_PATIENCE = 3.0
START_SECONDS = 2.0
DOING = {
    "reading": "when it asks what a batch meets",
    "read": "before it is told",
    "committing": "when it commits",
    "committed": "before it is told of the commit",
}
ASKING = ("reading", "committing")
HOUR = 3600


def _draw_kill(chance: Random) -> tuple[Drawn, float]:
    down = chance.uniform(0.1, 2.0)
    return {"number": chance.randrange(SERVERS), "down": down}, down + START_SECONDS


async def kill(stage: Stage, number: int, down: float) -> str:
    """SIGKILL at any moment."""
    stage.house.servers[number].kill()
    await asyncio.sleep(down)
    await stage.house.start(number)
    return "SIGKILL"


def _draw_kill_at(chance: Random) -> tuple[Drawn, float]:
    drawn, seconds = _draw_kill(chance)
    return {**drawn, "forward": chance.random() < 0.5}, seconds


async def kill_at(stage: Stage, number: int, down: float, forward: bool, step: Step) -> str | None:
    """SIGKILL at a step of a transaction; what was on its way arrives, or doesn't."""
    trap = Trap(step, "freeze")
    if not await stage.house.proxy.trap(number, trap, TRAP_PATIENCE):
        return None
    stage.house.servers[number].kill()
    stage.house.proxy.resume(trap, forward=forward)
    await asyncio.sleep(down)
    await stage.house.start(number)
    if step not in ASKING:
        return "SIGKILL"
    return f"SIGKILL, what it sent {'arrives' if forward else 'is lost'}"


def _draw_nothing(chance: Random) -> tuple[Drawn, float]:
    return {}, SERVERS * (START_SECONDS + 1)


async def restart_all(stage: Stage) -> str:
    """A rolling restart: SIGTERM, its end, a new one; one after another."""
    for server in stage.house.servers:
        await server.stop()
        await stage.house.start(server.number)
    return "one after another"


def _draw_clock(chance: Random) -> tuple[Drawn, float]:
    seconds = chance.uniform(3, 8)
    drawn = {
        "number": chance.randrange(SERVERS),
        "off": chance.choice([-HOUR, HOUR]),
        "seconds": seconds,
    }
    return drawn, seconds + 2 * START_SECONDS


async def set_clock_wrong(stage: Stage, number: int, off: int, seconds: float) -> str:
    """A server whose clock is an hour wrong, for a time."""
    server, usual = stage.house.servers[number], stage.house.command
    await server.stop()
    wrong = (*usual[:2], "faults.wrong_clock", str(off), *usual[2:])
    await server.start(wrong, stage.house.environment)
    await asyncio.sleep(seconds)
    await server.stop()
    await stage.house.start(number)
    return f"an hour {'ahead' if off > 0 else 'behind'}"


def _kill_kind(step: Step) -> Kind:
    async def do(stage: Stage, number: int, down: float, forward: bool) -> str | None:
        return await kill_at(stage, number, down, forward, step)

    return Kind(f"server killed, {DOING[step]}", "servers", _draw_kill_at, do)


KINDS = [
    Kind("server killed, at any moment", "servers", _draw_kill, kill),
    *(_kill_kind(step) for step in STEPS),
    Kind("rolling restart", "servers", _draw_nothing, restart_all),
    Kind("clock wrong", "servers", _draw_clock, set_clock_wrong),
]
