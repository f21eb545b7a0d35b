"""What the log costs: bookings a second with a line for each in a file, and without."""

from functools import partial

from bench.arena import Arena
from bench.comparison import Comparison
from bench.contestants import Boxoffice, Contestant, QuietBoxoffice
from bench.load import wrk
from bench.load.wrk import Load
from bench.rows.bookings import CONNECTIONS, TEN, sale_of, sell
from bench.series import Reading, interleave


def logged(arena: Arena) -> list[Comparison]:
    """One random seat each."""
    contestants = [Boxoffice(), QuietBoxoffice()]
    measures = {each.name: partial(_measure, arena, each) for each in contestants}
    ours, peer = interleave(arena.plan.rounds, measures).values()
    return [Comparison("log", "bookings, a line each", "/s", ours, peer, 0.95)]


def _measure(arena: Arena, contestant: Contestant) -> Reading:
    with arena.house(contestant, TEN.shows, TEN.seats) as house:
        sale = sale_of(house, TEN)
        wrk.book(contestant, house.server.address, sale, Load(CONNECTIONS, arena.plan.warm_up))
        return sell(house, sale, Load(CONNECTIONS, arena.plan.seconds))
