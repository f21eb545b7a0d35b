"""What is counted of the operations that end."""

from bisect import bisect_left
from functools import cache

from telemetry.families import Cell
from telemetry.metrics import OPERATION_SECONDS, OPERATIONS, SHORT
from telemetry.operations import Running

# A subscription lasts as long as somebody listens, and what is unknown was not run.
TIMED = frozenset({"query", "mutation"})


def count_operation(operation: Running) -> None:
    """Count one."""
    count, times = _cells(operation.name, operation.type, operation.outcome)
    count[0] += 1
    if times:
        times[0] += operation.seconds
        times[1 + bisect_left(SHORT, operation.seconds)] += 1


@cache  # names are bounded, and so are the rest
def _cells(name: str, type_: str, outcome: str) -> tuple[Cell, Cell | None]:
    times = OPERATION_SECONDS.cell(name, type_) if type_ in TIMED else None
    return OPERATIONS.cell(name, type_, outcome), times
