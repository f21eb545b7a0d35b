"""The proxy between server processes and PostgreSQL, a process steered by lines of JSON.

    python -m faults.proxy SOCKET COUNT

It listens on COUNT ports, one for each server process, says which, and ends when its stdin does.
"""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from faults.link import Door
from faults.traps import Trap


class Proxy:
    """The doors, and what is done to those who go through them."""

    def __init__(self, upstream: str, count: int) -> None:
        self.doors = [Door(upstream, _report) for _ in range(count)]

    def trap(self, door: int, trap: Mapping[str, Any]) -> None:
        """Set a trap for the next transaction of a server process."""
        self.doors[door].traps.append(Trap(**trap))

    def disarm(self, number: int) -> None:
        """Take back a trap that nobody came to."""
        for door in self.doors:
            door.traps = [trap for trap in door.traps if trap.number != number]

    def resume(self, number: int, forward: bool) -> None:
        """Pass on what a trap has frozen, or lose it."""
        for door in self.doors:
            if frozen := door.frozen.pop(number, None):
                frozen.set_result(forward)

    def stall(self, doors: Iterable[int], ways: Iterable[str], seconds: float) -> None:
        """Keep everything that comes, one way or both, for so long; the connections stay open."""
        for door in doors:
            for way in ways:
                self.doors[door].gates[way].close_for(seconds)

    def reset(self, doors: Iterable[int]) -> None:
        """End every connection of these server processes by RST."""
        for door in doors:
            for link in tuple(self.doors[door].links):
                link.end("reset")

    def heal(self) -> None:
        """Let everything pass from now on."""
        for door in self.doors:
            door.traps.clear()
            for number in tuple(door.frozen):
                self.resume(number, forward=False)
            for gate in door.gates.values():
                gate.open()

    def obey(self, line: bytes) -> None:
        """Do what a line says: `{"do": "reset", "doors": [0]}`."""
        order = json.loads(line)
        getattr(self, order.pop("do"))(**order)


def _report(number: int) -> None:
    say({"sprung": number})


def say(event: Mapping[str, Any]) -> None:
    """Tell whoever steers us."""
    sys.stdout.write(f"{json.dumps(event)}\n")
    sys.stdout.flush()


async def main(upstream: str, count: int) -> None:
    """Serve until stdin ends."""
    proxy = Proxy(upstream, count)
    servers = [await asyncio.start_server(door.come_in, "127.0.0.1", 0) for door in proxy.doors]
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    say({"ports": [server.sockets[0].getsockname()[1] for server in servers]})
    while line := await orders.readline():
        proxy.obey(line)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
