"""Whether a booking takes longer in a larger house, or in a database that has seen years."""

from functools import partial

from bench.arena import Arena
from bench.comparison import Comparison
from bench.contestants import Boxoffice, BusyBoxoffice
from bench.rows.bookings import Scene
from bench.rows.latency import measure
from bench.series import interleave

AT_MOST = 1.3
# As many shows each, and seats enough in the small ones for a lone booker's round.
SMALL = Scene(100, 100)
LARGE = Scene(100, 100_000)
ORDINARY = Scene(100, 1_000)


def seats(arena: Arena) -> list[Comparison]:
    """Booking latency at 100,000 seats a show against 100."""
    houses = {
        "shows of 100,000 seats": partial(measure, arena, LARGE, Boxoffice()),
        "shows of 100 seats": partial(measure, arena, SMALL, Boxoffice()),
    }
    large, small = interleave(arena.plan.rounds, houses).values()
    what = "booking latency, 100,000 seats a show"
    return [Comparison("seats", what, "ms", large, small, AT_MOST, more_is_better=False)]


def history(arena: Arena) -> list[Comparison]:
    """Booking latency with 100,000 shows and 1,000,000 bookings against none."""
    houses = {
        "100,000 shows, 1,000,000 bookings": partial(measure, arena, ORDINARY, BusyBoxoffice()),
        "an empty database": partial(measure, arena, ORDINARY, Boxoffice()),
    }
    busy, empty = interleave(arena.plan.rounds, houses).values()
    what = "booking latency, 100,000 shows, 1,000,000 bookings"
    return [Comparison("history", what, "ms", busy, empty, AT_MOST, more_is_better=False)]
