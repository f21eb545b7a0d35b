"""Subscriptions over HTTP: an event stream that ends cleanly, however it ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from transport.last_call import last_call
from transport.stalls import ClientStalledError, in_time

# What a disconnect may still cost: a generator's `finally` that waits is not waited for longer.
CLEANUP_TIMEOUT = 5.0


Watch = Callable[[], Coroutine[Any, Any, None]]
"""Waits until a caller is no longer who they were."""


def encoded_event(encoded: bytes) -> bytes:
    """The event of a result that is JSON already."""
    return b"event: next\r\ndata: %b\r\n\r\n" % encoded


class EventStream(StreamingResponse):
    """Events as they come, a heartbeat where none does; its generator is closed however it ends.

    It ends with `last_words` when `over` returns.

    One task drives the generator, cancelled once. Starlette's cancel scope would cancel each await
    of a generator's `finally` anew, and Strawberry's leaves the generator to the collector.
    """

    def __init__(
        self,
        events: AsyncGenerator[str | bytes, None],
        headers: Mapping[str, str],
        beat: str,
        every: float,
        over: Watch | None = None,
        last_words: bytes = b"",
    ) -> None:
        super().__init__(events, headers=headers)
        self.over, self.last_words = over, last_words
        self.events, self.beat, self.every = events, beat.encode(), every
        self.closed = asyncio.Event()
        self.started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = in_time(send)
        streaming = asyncio.create_task(self.stream_response(send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        closing = asyncio.create_task(self.closed.wait())
        beating = asyncio.create_task(self.keep_alive(send))
        tasks: set[asyncio.Task[Any]] = {streaming, leaving, closing, beating}
        ends: set[asyncio.Task[Any]] = {streaming, leaving, closing}
        over = self.over and asyncio.create_task(self.over())
        if over:
            tasks.add(over)
            ends.add(over)
        try:
            # Without an event that says that it is complete, a client takes the end after the last
            # call for a lost connection, and comes again.
            with last_call.tells(self.closed):
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLEANUP_TIMEOUT)
        if streaming.done() and not streaming.cancelled():
            streaming.result()
        elif (ended := over and over.done() and not over.cancelled()) or self.closed.is_set():
            body = self.last_words if ended else b""
            if self.started:
                with suppress(ClientStalledError):
                    await send({"type": "http.response.body", "body": body, "more_body": False})

    async def stream_response(self, send: Send) -> None:
        self.started = True  # the first thing sent is the head; nothing is awaited before it
        async with aclosing(self.events):
            with suppress(ClientStalledError):
                await super().stream_response(send)

    async def keep_alive(self, send: Send) -> None:
        with suppress(ClientStalledError):  # the events will find out too
            while True:
                await asyncio.sleep(self.every)
                await send({"type": "http.response.body", "body": self.beat, "more_body": True})
