"""Clients that stop reading, and how long they are waited for."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from starlette.types import Message, Send

# A client that takes nothing for so long is gone or hostile. uvicorn's ping cannot tell: its own
# close waits behind the same full buffer.
SEND_TIMEOUT = timedelta(seconds=30)


class ClientStalledError(OSError):
    """The client stopped reading. Starlette takes an OSError for a disconnect, which it is."""


def in_time(send: Send, stalled: Callable[[], object] = lambda: None) -> Send:
    """`send`, given up when the client has taken nothing for SEND_TIMEOUT."""

    async def send_in_time(message: Message) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT.total_seconds()):
                await send(message)
        except TimeoutError:
            stalled()
            raise ClientStalledError from None

    return send_in_time
