"""Bookings a second: on ten shows, on one that everybody wants, and spread over a thousand."""

from dataclasses import dataclass
from functools import partial

from bench.arena import Arena, House, count_bookings
from bench.comparison import Comparison
from bench.contestants import (
    PEOPLE,
    BoundedBoxoffice,
    Boxoffice,
    Contestant,
    Express,
    GuardedBoxoffice,
    Mercurius,
)
from bench.failure import Failure
from bench.load import pgbench, wrk
from bench.load.pgbench import Script
from bench.load.wrk import Load, Sale
from bench.series import Measure, Reading, interleave
from bench.strength import best, best_of_processes


@dataclass(frozen=True)
class Scene:
    """Shows on sale at the same time, of so many seats each."""

    shows: int
    seats: int


# A million seats, so that nobody sells out in a round. The ten are the largest houses there are:
# peers and pgbench, who lock a show for a booking, would stand in one queue at a single show.
TEN = Scene(10, 100_000)
THOUSAND = Scene(1_000, 1_000)
ONE = Scene(1, 100_000)

CONNECTIONS = 256
# The measured run begins so far behind the warm-up's seats that what was still under way is not
# in its way.
GAP = 1_000
# A refusal is a booking not made; where there are many of them something else is measured.
MOST_REFUSED = 0.05
PGBENCH_CLIENTS = (1, 8, 32)


def ten(arena: Arena) -> list[Comparison]:
    """One random seat each."""
    measure = partial(_measure, arena, TEN)
    contestants: dict[str, Measure] = {
        "Boxoffice": partial(measure, Boxoffice()),
        **best_of_processes(measure, Mercurius()),
        **_best_of_clients(arena, TEN, "separate.sql", "pgbench, separate statements"),
        **_best_of_clients(arena, TEN, "one_call.sql", "pgbench, one call"),
        **best_of_processes(measure, Express()),
    }
    ours, *peers = interleave(arena.plan.rounds, contestants).values()
    targets = (2.5, 1.5, 1.2, 5.0)
    return [
        Comparison("bookings", f"bookings, {CONNECTIONS} connections", "/s", ours, peer, target)
        for peer, target in zip(peers, targets, strict=True)
    ]


def thousand(arena: Arena) -> list[Comparison]:
    """The same spread over a thousand shows."""
    measure = partial(_measure, arena, THOUSAND)
    contestants: dict[str, Measure] = {
        "Boxoffice": partial(measure, Boxoffice()),
        **best_of_processes(measure, Mercurius()),
    }
    ours, peer = interleave(arena.plan.rounds, contestants).values()
    return [Comparison("spread", "the same over 1,000 shows", "/s", ours, peer, 1.5)]


def one(arena: Arena) -> list[Comparison]:
    """The same on a single show, where whoever locks it for a booking queues with all others."""
    measure = partial(_measure, arena, ONE)
    contestants: dict[str, Measure] = {
        "Boxoffice": partial(measure, Boxoffice()),
        **best_of_processes(measure, Mercurius()),
        **_best_of_clients(arena, ONE, "one_call.sql", "pgbench, one call"),
    }
    ours, *peers = interleave(arena.plan.rounds, contestants).values()
    return [Comparison("hot", "the same on one show", "/s", ours, peer, None) for peer in peers]


def guarded(arena: Arena) -> list[Comparison]:
    """The first again with a thousand tokens: who that is, and what customers may have."""
    measure = partial(_measure, arena, TEN)
    contestants: dict[str, Measure] = {
        "Boxoffice with tokens": partial(measure, GuardedBoxoffice()),
        "Boxoffice with customers": partial(measure, BoundedBoxoffice()),
        "Boxoffice, open to all": partial(measure, Boxoffice()),
    }
    checked, counted, peer = interleave(arena.plan.rounds, contestants).values()
    tokens = f"bookings with {PEOPLE:,} tokens"
    return [
        Comparison("access", f"{tokens}, checked", "/s", checked, peer, 0.95),
        Comparison("access", f"{tokens}, and customers' bounds", "/s", counted, peer, None),
    ]


def sell(house: House, sale: Sale, load: Load) -> Reading:
    """Have seats booked for a while, behind those that are booked already.

    Raises:
        Failure: what was answered is not what is on record, or much was refused or failed.
    """
    before = house.settled()
    cpu = house.server.cpu_seconds()
    seen = wrk.book(house.contestant, house.server.address, sale, load, before + GAP)
    cpu = house.server.cpu_seconds() - cpu
    made = house.settled() - before
    # They may differ by what was under way when time was up.
    if not seen.answers <= made <= seen.answers + load.connections:
        raise Failure(f"answered {seen.answers} bookings, and {made} are on record")
    if seen.failed or seen.refused > MOST_REFUSED * seen.answers:
        raise Failure(f"{seen.answers} bookings, {seen.refused} refused, {seen.failed} failed")
    seen_else = {"p50_ms": seen.p50_us / 1e3, "p99_ms": seen.p99_us / 1e3, "refused": seen.refused}
    return Reading(seen.per_second, {**seen_else, "cpu_us": cpu / made * 1e6})


def sale_of(house: House, scene: Scene) -> Sale:
    """All of the house's shows on sale at once."""
    return Sale(house.shows, scene.seats, scene.shows)


def _measure(arena: Arena, scene: Scene, contestant: Contestant) -> Reading:
    with arena.house(contestant, scene.shows, scene.seats) as house:
        sale = sale_of(house, scene)
        load = Load(CONNECTIONS, arena.plan.warm_up)
        wrk.book(contestant, house.server.address, sale, load)
        return sell(house, sale, Load(CONNECTIONS, arena.plan.seconds))


def _measure_pgbench(arena: Arena, scene: Scene, script: Script) -> Reading:
    peer, plan = Mercurius(), arena.plan
    with arena.database(peer, scene.shows, scene.seats) as (database, keys):
        sale = Sale([str(key) for key in keys], scene.seats, scene.shows)
        run = partial(pgbench.run, arena.postgres, database, script, sale)
        run(plan.warm_up)
        before = count_bookings(arena.postgres, database, peer, keys)
        seconds = run(plan.seconds, before + GAP)
        made = count_bookings(arena.postgres, database, peer, keys) - before
    return Reading(made / seconds)


def _best_of_clients(arena: Arena, scene: Scene, script: str, name: str) -> dict[str, Measure]:
    variants: dict[str, Measure] = {
        f"{name}, {clients} clients": partial(
            _measure_pgbench, arena, scene, Script(script, clients)
        )
        for clients in PGBENCH_CLIENTS
    }
    return best(variants)
