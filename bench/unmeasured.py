"""The server with nothing counted: `python -m bench.unmeasured`. What the metrics cost is the rest.

That an operation has ended is told all the same: the log has a line for it. Only the bench has
use for it: there is no setting. A server's processes are started from this module, too, and so
each runs it to the end before it imports the app.
"""

import asyncio

from db import tally
from server.__main__ import main
from telemetry import operation_counts, pulse
from telemetry.board import Board
from telemetry.families import Counter, Histogram


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


for module, name, stand_in in (
    (tally, "Tally", NoTally),
    (operation_counts, "count_operation", nothing),
    (pulse, "beat", no_beat),
    (Counter, "add", nothing),
    (Histogram, "observe", nothing),
):
    setattr(module, name, stand_in)


if __name__ == "__main__":
    main()
