"""Bookings that arrive at a pace, answered or not: python -m bench.load.flood '{...}' prints JSON.

An open loop: nobody waits for the answers to others, as in a rush and unlike wrk. A request goes
out on any connection that has none under way, over as many connections as that takes.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, cast

import uvloop

# Part of the answer to a booking that succeeded, and of no other answer.
BOOKED = b'"__typename":"Booking"'
TICK = 0.005
# A lone booker's: of these the median is what a booking takes in peace.
LONE = 100
# It is peace again when so many in a row take less than twice that.
IN_A_ROW = 3
PATIENCE = 30.0
# The kernel keeps some thousands for the server to accept, and lets go of more without a word.
OPENING_AT_ONCE = 500


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    transport: asyncio.Transport
    sent_at = 0.0
    buffer = b""

    def __init__(
        self,
        answered: "Callable[[Connection, bytes], None]",
        lost: "Callable[[Connection], None]" = lambda _: None,
    ) -> None:
        self.answered, self.lost = answered, lost

    def connection_lost(self, error: Exception | None) -> None:
        """The server has closed it, as it does with one that is idle for long."""
        self.lost(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> None:
        """Ask."""
        self.sent_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Hand over an answer that is whole."""
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if found and len(body) == int(head.partition(b"content-length: ")[2].split(b"\r", 1)[0]):
            self.buffer = b""
            self.answered(self, body)


@dataclass
class Seen:
    """What came of the requests of one load."""

    sent: int = 0
    unsent: int = 0  # no connection was free
    booked: int = 0
    refused: int = 0
    said_when: int = 0  # refusals with retryAfter
    lost: int = 0  # connections, and so their answers
    other: int = 0
    booked_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)

    def take(self, connection: Connection, body: bytes) -> None:
        """Count an answer."""
        took = (time.perf_counter() - connection.sent_at) * 1e3
        if BOOKED in body:
            self.booked += 1
            self.booked_ms.append(took)
        elif b'"UNAVAILABLE"' in body:
            self.refused += 1
            self.said_when += b'"retryAfter"' in body
            self.refused_ms.append(took)
        else:
            self.other += 1
            if self.other == 1:
                sys.stderr.write(f"{body[:300]!r}\n")

    def figures(self, seconds: float) -> dict[str, float]:
        """The rates and latencies."""
        return {
            "sent": self.sent / seconds,
            "unsent": self.unsent / seconds,
            "booked": self.booked / seconds,
            "refused": self.refused / seconds,
            "said_when": self.said_when / max(1, self.refused),
            "other": self.other,
            "lost": self.lost,
            **_quantiles("booked", self.booked_ms),
            **_quantiles("refused", self.refused_ms),
        }


class Flood:
    """The connections to one server, and what is asked over them."""

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes], most: int) -> None:
        self._address = address
        self._requests = requests
        self._most = most
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self.seen = Seen()
        self._again = False

    async def closed_loop(self, connections: int, seconds: float) -> Seen:
        """Have so many ask again as soon as they are answered; returns what was seen in time."""
        seen = self.seen = Seen()
        self._again = True
        for _ in range(connections):
            self._ask()
        await asyncio.sleep(seconds)
        self.seen, self._again = Seen(), False
        await self.drained()
        return seen

    async def open_loop(self, rate: float, seconds: float) -> Seen:
        """Ask at this rate, whatever comes of it; returns what was seen in time."""
        seen = self.seen = Seen()
        began = time.perf_counter()
        due = 0
        while (elapsed := time.perf_counter() - began) < seconds:
            due, before = int(elapsed * rate), due
            for _ in range(due - before):
                self._ask()
            await asyncio.sleep(TICK)
        self.seen = Seen()
        return seen

    async def drained(self) -> None:
        """Wait until all are answered."""
        async with asyncio.timeout(PATIENCE):
            while self._opening or len(self._idle) < len(self._all):  # noqa: ASYNC110
                await asyncio.sleep(TICK)

    async def lone(self) -> float:
        """One booking, on a connection of its own; returns how long it took, in seconds."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        _, connection = await loop.create_connection(
            lambda: Connection(lambda _, body: answer.set_result(body)), *self._address
        )
        connection.send(next(self._requests))
        body = await answer
        connection.transport.close()
        took = time.perf_counter() - connection.sent_at
        return took if BOOKED in body else PATIENCE

    def _ask(self) -> None:
        """Ask on a connection that is free, or on one more."""
        if self._idle:
            self._send(self._idle.pop())
        elif len(self._opening) < OPENING_AT_ONCE and len(self._all) < self._most:
            opening = asyncio.ensure_future(self._open())
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        else:
            self.seen.unsent += 1

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        made = partial(Connection, self._answered, self._lost)
        _, connection = await loop.create_connection(made, *self._address)
        self._all.add(connection)
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        self.seen.sent += 1
        connection.send(next(self._requests))

    def _answered(self, connection: Connection, body: bytes) -> None:
        self.seen.take(connection, body)
        if self._again:
            self._send(connection)
        else:
            self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self.seen.lost += 1


def _quantiles(name: str, values: list[float]) -> dict[str, float]:
    ordered = sorted(values) or [0.0]
    at = {"p50": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "most": len(ordered) - 1}
    return {f"{name}_{quantile}_ms": ordered[place] for quantile, place in at.items()}


def render(body: str, shows: list[str], host: str) -> Iterator[bytes]:
    """Requests without an end: each show's seats in their order, in turn."""
    heads = []
    for show in shows:
        text = body.replace("$SHOW", show).replace("$SEAT", "%6d").encode()
        length = len(text) + (3 if b"%6d" in text else 0)
        head = f"POST /graphql HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        heads.append(f"{head}content-length: {length}\r\n\r\n".encode() + text)
    for number in count(1):
        for request in heads:
            yield request % number if b"%6d" in request else request


async def run(given: dict[str, Any]) -> dict[str, Any]:
    """The peak, the flood and the peace after it."""
    host, port = given["address"].split(":")
    requests = render(given["body"], given["shows"], host)
    flood = Flood((host, int(port)), requests, given["connections"])
    await flood.closed_loop(given["busy"], given["warm_up"])
    lone = sorted([await flood.lone() for _ in range(LONE)])[LONE // 2]
    peak = await flood.closed_loop(given["busy"], given["peak_seconds"])
    at_peak = peak.booked / given["peak_seconds"]
    rate = given["rate"]
    say("begin")
    seen = await flood.open_loop(rate, given["seconds"])
    ended = time.perf_counter()
    recovered, row = None, 0
    while row < IN_A_ROW and time.perf_counter() - ended < PATIENCE:
        began = time.perf_counter()
        took = await flood.lone()
        sys.stderr.write(f"{began - ended:.2f}:{took * 1e3:.1f} ")
        row = row + 1 if took < 2 * lone else 0
        recovered = began if row == 1 else recovered
    say("end")
    await flood.drained()
    return {
        "lone_ms": lone * 1e3,
        "offered": rate,
        "peak": at_peak,
        "answered": peak.booked + seen.booked,
        "at_peak": peak.figures(given["peak_seconds"]),
        "flood": seen.figures(given["seconds"]),
        "recovery_s": (recovered or time.perf_counter()) - ended,
    }


def say(line: str) -> None:
    """A line at once for whoever started us."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    say(json.dumps(uvloop.run(run(json.loads(sys.argv[1])))))
