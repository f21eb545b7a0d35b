"""Clients that stop reading, and how long they are waited for.

Until then a connection holds what the kernel buffers, 64 KiB and one message in its transport, and
one update for each of its operations, whatever happens meanwhile: nothing is queued, and what
others are sent too is held once for all.
"""

import asyncio
from collections.abc import Callable, Generator
from datetime import timedelta
from types import coroutine
from typing import Any

from starlette.types import Message, Send

# A client that takes nothing for so long is gone or hostile. uvicorn's ping cannot tell: its own
# close waits behind the same full buffer.
SEND_TIMEOUT = timedelta(seconds=30)


class ClientStalledError(OSError):
    """The client stopped reading. Starlette takes an OSError for a disconnect, which it is."""


def in_time(send: Send, stalled: Callable[[], object] = lambda: None) -> Send:
    """`send`, given up when the client has taken nothing for SEND_TIMEOUT.

    The clock is set only for who must be waited for.
    """

    async def send_in_time(message: Message) -> None:
        sending = send(message).__await__()
        try:
            waited_for = next(sending)
        except StopIteration:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT.total_seconds()):
                await _rest(sending, waited_for)
        except TimeoutError:
            stalled()
            raise ClientStalledError from None

    return send_in_time


@coroutine
def _rest(sending: Generator[Any, None, Any], waited_for: Any) -> Generator[Any, Any, None]:
    """The rest of a call, whose first step led to something to wait for."""
    try:
        while True:
            try:
                yield waited_for
            except BaseException as error:
                waited_for = sending.throw(error)
            else:
                waited_for = next(sending)
    except StopIteration:
        return
