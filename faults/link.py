"""One connection through the proxy: from a server process to PostgreSQL, watched step by step."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from faults.protocol import Conversation
from faults.traps import Action, End, Step, Trap

CHUNK = 1 << 16
# SO_LINGER on, for no time: closing sends RST.
NO_LINGER = struct.pack("ii", 1, 0)
# What came late has to be carried out before the connection is closed behind it.
LATE_ANSWER_PATIENCE = 5.0


class Gate:
    """Open, or closed for a time: what comes meanwhile waits."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._timer: asyncio.TimerHandle | None = None

    def close_for(self, seconds: float) -> None:
        """Let nothing pass for so long from now."""
        self.open()
        self._open.clear()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.open)

    def open(self) -> None:
        """Let everything pass."""
        if self._timer:
            self._timer.cancel()
        self._open.set()

    async def passed(self) -> None:
        """Wait until it is open."""
        await self._open.wait()


class Door:
    """Where one server process comes in: its connections, its trap, its two gates."""

    def __init__(self, upstream: str, report: Callable[[int], None]) -> None:
        self.upstream = upstream
        self.gates = {"up": Gate(), "down": Gate()}
        self.links: set[Link] = set()
        self.traps: list[Trap] = []
        self.frozen: dict[int, asyncio.Future[bool]] = {}
        self._report = report

    def spring(self, step: Step) -> Trap | None:
        """The trap that was set for this step, if there is one; it is sprung once."""
        trap = next((trap for trap in self.traps if trap.step == step), None)
        if trap:
            self.traps.remove(trap)
            if trap.action == "freeze":
                self.frozen[trap.number] = asyncio.get_running_loop().create_future()
            self._report(trap.number)
        return trap

    async def come_in(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve a connection to its end."""
        link = Link(self, reader, writer)
        self.links.add(link)
        try:
            # Cancelled it is when the proxy ends.
            with suppress(OSError, asyncio.CancelledError):
                await link.run()
        finally:
            self.links.discard(link)
            link.close()


class Link:
    """A connection: `near` is the server process, `far` is PostgreSQL."""

    def __init__(self, door: Door, reader: StreamReader, writer: StreamWriter) -> None:
        self._door = door
        self._near_reader, self._near = reader, writer
        self._far_reader: StreamReader
        self._far: StreamWriter | None = None
        self._said = Conversation()
        self._step: Step | None = None
        self._lose_answer: End | None = None

    async def run(self) -> None:
        """Pass everything on, both ways, until one side ends."""
        await self._door.gates["up"].passed()
        self._far_reader, self._far = await asyncio.open_unix_connection(self._door.upstream)
        await asyncio.gather(self._pass_up(self._far), self._pass_down(self._far))

    def close(self) -> None:
        """End both sides."""
        self._near.close()
        if self._far:
            self._far.close()

    def end(self, how: End) -> None:
        """End both sides at once, the client's as it is said."""
        self._end_near(how)
        if self._far:
            self._far.transport.abort()

    def _end_near(self, how: End) -> None:
        if how == "reset":
            with suppress(OSError):
                near: socket.socket = self._near.get_extra_info("socket")
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._near.transport.abort()

    async def _pass_up(self, far: StreamWriter) -> None:
        try:
            while data := await self._near_reader.read(CHUNK):
                marks = self._said.feed(data)
                await self._door.gates["up"].passed()
                step: Step | None = None
                for mark, _ in marks:
                    step = self._step = "committing" if mark == "COMMIT" else "reading"
                trap = self._door.spring(step) if step else None
                if trap and not await _UP[trap.action](self, trap, data, far):
                    return
                far.write(data)
                await far.drain()
        finally:
            far.close()

    async def _pass_down(self, far: StreamWriter) -> None:
        try:
            while data := await self._far_reader.read(CHUNK):
                await self._door.gates["down"].passed()
                if self._lose_answer:
                    self.end(self._lose_answer)
                    return
                if not await self._passes_down():
                    return
                if not self._near.is_closing():
                    self._near.write(data)
                    await self._near.drain()
        finally:
            self._near.close()

    async def _passes_down(self) -> bool:
        steps: dict[Step | None, Step] = {"reading": "read", "committing": "committed"}
        step = steps.get(self._step)
        if step is None:
            return True
        self._step = step
        trap = self._door.spring(step)
        if trap and trap.action == "freeze" and await self._resumed(trap):
            return True
        if trap:
            self.end(trap.end)
        return trap is None

    async def _resumed(self, trap: Trap) -> bool:
        """Wait for word; returns whether what is held is to be passed on."""
        return await self._door.frozen[trap.number]

    async def _lose(self, trap: Trap, data: bytes, far: StreamWriter) -> bool:
        self.end(trap.end)
        return False

    async def _pass_part(self, trap: Trap, data: bytes, far: StreamWriter) -> bool:
        far.write(data[: max(1, int(len(data) * trap.part))])
        await far.drain()
        self.end(trap.end)
        return False

    async def _pass_unanswered(self, trap: Trap, data: bytes, far: StreamWriter) -> bool:
        self._lose_answer = trap.end
        return True

    async def _pass_late(self, trap: Trap, data: bytes, far: StreamWriter) -> bool:
        self._end_near(trap.end)
        await asyncio.sleep(trap.seconds)
        far.write(data)
        await far.drain()
        await asyncio.sleep(LATE_ANSWER_PATIENCE)
        return False

    async def _freeze(self, trap: Trap, data: bytes, far: StreamWriter) -> bool:
        return await self._resumed(trap)


_UP: dict[Action, Callable[[Link, Trap, bytes, StreamWriter], Awaitable[bool]]] = {
    "unsent": Link._lose,
    "part": Link._pass_part,
    "unanswered": Link._pass_unanswered,
    "late": Link._pass_late,
    "freeze": Link._freeze,
}
