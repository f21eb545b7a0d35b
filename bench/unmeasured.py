"""The server with nothing counted: `python -m bench.unmeasured`. What the metrics cost is the rest.

Only the bench has use for it: there is no setting. A server's processes are started from this
module, too, and so each runs it to the end before it imports the app.
"""

import asyncio

from db import tally
from server.__main__ import main
from telemetry import operations, pulse
from telemetry.board import Board
from telemetry.families import Counter, Histogram


class NoOperation(operations.Running):
    """It is never told of."""

    def end(self) -> None:
        """Nobody listens."""


class NoTally(tally.Tally):
    """It counts nothing."""

    def __init__(self, *_: object) -> None:
        """Take nothing down."""

    def count(self, *_: object) -> None:
        """Take nothing down."""


def nothing(*_: object, **__: object) -> None:
    """Stand for what would count."""


async def no_beat(board: Board | None) -> None:
    """Post nothing."""
    await asyncio.Event().wait()


_no_operation = NoOperation()

for module, name, stand_in in (
    (tally, "Tally", NoTally),
    (operations, "begin", lambda *_: _no_operation),
    (operations, "known", nothing),
    (pulse, "beat", no_beat),
    (Counter, "add", nothing),
    (Histogram, "observe", nothing),
):
    setattr(module, name, stand_in)


if __name__ == "__main__":
    main()
