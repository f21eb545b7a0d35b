"""The clients' way to the servers: plain HTTP over kept connections, and word of how they fail.

A library would hide what matters here: at which moment a connection failed, and how.
"""

import asyncio
import json
import re
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

# No answer and no failure for this long is a fault of ours, whatever else is going on.
LONGEST_WAIT = 30.0
HANG = f"no answer within {LONGEST_WAIT:.0f} s"

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NO_LINGER = struct.pack("ii", 1, 0)

_Connection = tuple[StreamReader, StreamWriter]


class Failed(Exception):
    """There is no answer; the text says how it failed."""


class Callers:
    """Connections to each server, kept between requests."""

    def __init__(self, addresses: Sequence[str], patience: float = LONGEST_WAIT) -> None:
        self._patience = patience
        self._places = [address.split(":") for address in addresses]
        self._idle: list[list[_Connection]] = [[] for _ in addresses]

    @property
    def count(self) -> int:
        """How many servers there are."""
        return len(self._places)

    async def post(self, server: int, document: str, variables: Mapping[str, Any]) -> Any:
        """Send an operation; returns the answer, `data` and `errors`.

        Raises:
            Failed: there is none.
        """
        message = request(document, variables)
        try:
            async with asyncio.timeout(self._patience):
                return json.loads(await self._post(server, message))
        except TimeoutError:
            raise Failed(HANG) from None
        except ConnectionRefusedError:
            raise Failed("refused") from None
        except (OSError, EOFError) as error:
            raise Failed(f"broken: {error or type(error).__name__}") from None

    async def vanish(self, server: int, message: bytes, seconds: float) -> None:
        """Send this, and end the connection by RST so much later without reading anything.

        Raises:
            OSError: the server could not be reached.
        """
        host, port = self._places[server]
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(message)
        with suppress(OSError):
            await writer.drain()
            await asyncio.sleep(seconds)
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        writer.transport.abort()

    async def close(self) -> None:
        """Close what is kept."""
        for idle in self._idle:
            for _, writer in idle:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _post(self, server: int, message: bytes) -> bytes:
        reader, writer = await self._connection(server)
        try:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if length is None:
                raise ConnectionError("an answer without a length")
            body = await reader.readexactly(int(length[1]))
        except BaseException:
            writer.transport.abort()
            raise
        self._idle[server].append((reader, writer))
        return body

    async def _connection(self, server: int) -> _Connection:
        idle = self._idle[server]
        while idle:
            reader, writer = idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        host, port = self._places[server]
        return await asyncio.open_connection(host, int(port))


def request(document: str, variables: Mapping[str, Any]) -> bytes:
    """An operation as it goes over the wire."""
    body = json.dumps({"query": document, "variables": variables}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
