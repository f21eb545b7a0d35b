"""How a server process comes to its end: on a stop signal, part after part, within bounds."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Any

# Each part gets so long to close. Nobody waits for an answer by then, and a transaction that a
# database keeps open is rolled back or committed without us.
LONGEST_CLOSE = timedelta(seconds=2)

log = logging.getLogger("boxoffice")

Close = Callable[[], Coroutine[Any, Any, object]]


class Closing(AsyncExitStack):
    """What is to be closed in the end: the part that was opened last goes first."""

    def later(self, part: str, close: Close) -> None:
        """Close a part in its turn."""
        self.push_async_callback(_close, part, close)

    def until_then(self, part: str, work: Coroutine[Any, Any, None]) -> None:
        """Work at something that has no end, until it is its turn."""
        task = asyncio.create_task(work)
        task.add_done_callback(partial(_tell_of_end, part))

        async def end() -> None:
            task.cancel()
            await asyncio.wait({task})

        self.later(part, end)


def _tell_of_end(part: str, task: asyncio.Task[None]) -> None:
    """Say at once that a fault has ended a part: the process goes on without it."""
    if not task.cancelled() and (error := task.exception()):
        log.error("%s came to an end", part, exc_info=error)


async def _close(part: str, close: Close) -> None:
    """Close a part, or leave it if it takes too long: a database that hangs must not keep us."""
    task = asyncio.create_task(close())
    await asyncio.wait({task}, timeout=LONGEST_CLOSE.total_seconds())
    if task.done():
        task.result()
    else:
        log.warning("%s did not close in time", part)


def on_stop_signals(act: Callable[[], None]) -> None:
    """Call `act` when a stop signal comes, before uvicorn's own handler.

    uvicorn tells the application only when the last connection has ended, and an event stream has
    no end of its own.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # some test client runs us: it gets no signals
    loop = asyncio.get_running_loop()
    stopping = False
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)

        def stop(number: int, frame: FrameType | None, handler: Any = handler) -> None:
            nonlocal stopping
            # Once is enough: to uvicorn a second Ctrl-C means that nothing is to be finished.
            if callable(handler) and not stopping:
                stopping = True
                loop.call_soon_threadsafe(act)
                handler(number, frame)

        signal.signal(number, stop)
