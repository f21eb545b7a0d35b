"""How long one client waits that is alone."""

from functools import partial

from bench.arena import Arena
from bench.comparison import Comparison
from bench.contestants import Boxoffice, Contestant, Mercurius
from bench.load import wrk
from bench.load.wrk import Load
from bench.rows.bookings import TEN, Scene, sale_of, sell
from bench.series import Reading, interleave

ALONE = 1


def lone(arena: Arena) -> list[Comparison]:
    """One connection, one booking after another: the median latency."""
    contestants = {
        peer.name: partial(measure, arena, TEN, peer) for peer in (Boxoffice(), Mercurius())
    }
    ours, peer = interleave(arena.plan.rounds, contestants).values()
    what = "booking latency, one connection, median"
    return [Comparison("latency", what, "ms", ours, peer, 1.5, more_is_better=False)]


def measure(arena: Arena, scene: Scene, contestant: Contestant) -> Reading:
    """Book with one connection; the figure is the median in milliseconds."""
    with arena.house(contestant, scene.shows, scene.seats) as house:
        sale = sale_of(house, scene)
        # With as many as a process of each set-up needs to be warm.
        wrk.book(contestant, house.server.address, sale, Load(8, arena.plan.warm_up))
        sold = sell(house, sale, Load(ALONE, arena.plan.seconds))
        return Reading(sold.detail["p50_ms"], sold.detail)
