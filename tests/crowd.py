"""Clients of a server that stops: what each of them sent, and what came of it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import orjson

T = TypeVar("T")
PATIENCE = 60.0
POLL = 0.01
BOOK = (
    "mutation ($input: BookSeatsInput!) { bookSeats(input: $input) { __typename "
    "... on Booking { id status } } }"
)


def run(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Let a test be a coroutine, which ends in time."""

    @wraps(test)
    def run_test(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), PATIENCE))

    return run_test


async def until(condition: Callable[[], T]) -> T:
    """Wait for something to come true."""
    while not (found := condition()):  # noqa: ASYNC110 - it happens in another process
        await asyncio.sleep(POLL)
    return found


def request(query: str, close: bool = False, **variables: Any) -> bytes:
    """A plain POST as it is on the wire."""
    body = orjson.dumps({"query": query, "variables": variables})
    head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    last = "connection: close\r\n" if close else ""
    return f"{head}{last}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Answer:
    """One answer, taken apart."""

    status: int
    head: bytes
    body: Any

    @property
    def last(self) -> bool:
        """Whether the server says that it closes the connection after it."""
        return b"connection: close" in self.head


async def read_answer(reader: asyncio.StreamReader) -> Answer | None:
    """The next answer; None where the connection ended before it began.

    Raises:
        asyncio.IncompleteReadError: it broke off in the middle.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except ConnectionError:
        return None
    except asyncio.IncompleteReadError as broken:
        if broken.partial:
            raise
        return None
    [length] = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
    body = await reader.readexactly(int(length.split(b":")[1]))
    return Answer(int(head.split()[1]), head, orjson.loads(body) if body else None)


@dataclass
class Booker:
    """Books one seat after another over one connection, and asks once more where that failed."""

    addresses: list[str]
    show_id: str
    next_seat: Callable[[], int]
    name: str
    booked: list[int] = field(default_factory=list)
    retried: int = 0
    failures: list[Any] = field(default_factory=list)
    stopping: bool = False

    async def run(self) -> None:
        """Book until stopped, or until the second try failed as well."""
        while not self.stopping:
            seat = self.next_seat()
            answer = await self._ask_twice(seat)
            made = answer and (answer.body.get("data") or {}).get("bookSeats")
            if made and made["__typename"] == "Booking":
                self.booked.append(seat)
            else:
                self.failures.append(answer)
                break
        self._hang_up()

    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def _ask_twice(self, seat: int) -> Answer | None:
        given = {
            "showId": self.show_id,
            "seatNumbers": [seat],
            "userName": self.name,
            "idempotencyKey": f"{self.name}-{seat}",
        }
        for tries in range(2):
            answer = await self._ask(request(BOOK, input=given))
            if answer is not None and "errors" not in answer.body:
                return answer
            if not tries:
                self.retried += 1
                self.addresses.append(self.addresses.pop(0))  # the next server
        return answer

    async def _ask(self, data: bytes) -> Answer | None:
        try:
            if self._streams is None:
                host, port = self.addresses[0].split(":")
                self._streams = await asyncio.open_connection(host, int(port))
            reader, writer = self._streams
            writer.write(data)
            answer = await read_answer(reader)
        except OSError:
            answer = None
        if answer is None or answer.last:
            self._hang_up()
        return answer

    def _hang_up(self) -> None:
        if self._streams:
            with suppress(OSError):
                self._streams[1].close()
            self._streams = None
