"""The proxy's process, and the words to steer it with."""

import asyncio
import json
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from faults.traps import Trap

PROJECT = Path(__file__).parent.parent
Way = Literal["up", "down"]


class Steering:
    """A proxy at work: its ports, and what it is told."""

    def __init__(self, process: subprocess.Process, ports: Sequence[int]) -> None:
        self.ports = ports
        self._process = process
        self._sprung: dict[int, asyncio.Future[None]] = {}

    async def trap(self, door: int, trap: Trap, patience: float) -> bool:
        """Set a trap for a server's next transaction; returns whether one came to it in time."""
        sprung = self._sprung[trap.number] = asyncio.get_running_loop().create_future()
        self._tell("trap", door=door, trap=asdict(trap))
        try:
            await asyncio.wait_for(sprung, patience)
        except TimeoutError:
            self._tell("disarm", number=trap.number)
            return False
        return True

    def resume(self, trap: Trap, *, forward: bool) -> None:
        """Pass on what a trap has frozen, or lose it."""
        self._tell("resume", number=trap.number, forward=forward)

    def stall(self, doors: Sequence[int], ways: Sequence[Way], seconds: float) -> None:
        """Let nothing pass for so long; the connections stay open."""
        self._tell("stall", doors=doors, ways=ways, seconds=seconds)

    def reset(self, doors: Sequence[int]) -> None:
        """End every connection of these servers by RST."""
        self._tell("reset", doors=doors)

    def heal(self) -> None:
        """Let everything pass."""
        self._tell("heal")

    async def listen(self) -> None:
        """Hear which traps have sprung, until the proxy ends."""
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            event = json.loads(line)
            sprung = self._sprung.pop(event["sprung"], None)
            if sprung and not sprung.done():
                sprung.set_result(None)

    def _tell(self, order: str, **arguments: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": order, **arguments}).encode() + b"\n")


@asynccontextmanager
async def steered(upstream: str, count: int) -> AsyncIterator[Steering]:
    """A proxy with so many ports for the length of a block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "faults.proxy", upstream, str(count)),
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for us; it ends when its stdin does.
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    hearing: asyncio.Task[None] | None = None
    try:
        hello = json.loads(await process.stdout.readline())
        steering = Steering(process, hello["ports"])
        hearing = asyncio.create_task(steering.listen())
        yield steering
    finally:
        process.stdin.close()
        await process.wait()
        if hearing:
            await hearing
