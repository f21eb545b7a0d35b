"""The rows of the table, by the names that --only takes."""

from collections.abc import Callable

from bench.arena import Arena
from bench.comparison import Comparison
from bench.rows import (
    bookings,
    growth,
    latency,
    log,
    maps,
    memory,
    metrics,
    overload,
    rush,
    subscribers,
)

Row = Callable[[Arena], list[Comparison]]

ROWS: dict[str, Row] = {
    "bookings": bookings.ten,
    "spread": bookings.thousand,
    "hot": bookings.one,
    "access": bookings.guarded,
    "metrics": metrics.counted,
    "log": log.logged,
    "latency": latency.lone,
    "maps": maps.quiet,
    "maps-written": maps.written,
    "rush": rush.rush,
    "groups": rush.groups,
    "subscribers": subscribers.subscribers,
    "seats": growth.seats,
    "history": growth.history,
    "memory": memory.memory,
    "overload": overload.overload,
}
