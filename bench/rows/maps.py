"""Seat maps a second, of a show that nobody books and of one that is on sale."""

import json
from functools import partial

from bench.arena import Arena, House
from bench.comparison import Comparison
from bench.contestants import Boxoffice, Contestant, Mercurius, asking_for_map
from bench.failure import Failure
from bench.load import pace, wrk
from bench.load.wrk import Load
from bench.series import Measure, Reading, interleave
from bench.strength import best_of_processes

SEATS = 1_000
CONNECTIONS = 32
BOOKINGS_PER_SECOND = 200
# The show has seats for no longer.
LONGEST_SALE = 4
# If we kept the pace by less than this, we would have had an easier round. A peer may.
SLOWEST_PACE = 0.9
# The last seat, as every complete answer has it near its end.
ENDING = f'"number":{SEATS},'


def quiet(arena: Arena) -> list[Comparison]:
    """The map of 1,000 seats, nobody writing."""
    return [_compare(arena, "maps", "seat map of 1,000 seats, 32 connections", 0, 4.0)]


def written(arena: Arena) -> list[Comparison]:
    """The same with 200 bookings a second on that show."""
    what = "the same with 200 bookings/s on that show"
    return [_compare(arena, "maps-written", what, BOOKINGS_PER_SECOND, 2.0)]


def _compare(arena: Arena, row: str, what: str, writes: int, target: float) -> Comparison:
    measure = partial(_measure, arena, writes)
    contestants: dict[str, Measure] = {
        "Boxoffice": partial(measure, Boxoffice()),
        **best_of_processes(measure, Mercurius()),
    }
    ours, peer = interleave(arena.plan.rounds, contestants).values()
    return Comparison(row, what, "/s", ours, peer, target)


def _measure(arena: Arena, writes: int, contestant: Contestant) -> Reading:
    with arena.house(contestant, 2, SEATS) as house:
        warm, measured = house.shows
        _check(house, measured)
        ask = partial(wrk.ask, house.url, ending=ENDING)
        ask(asking_for_map(warm), load=Load(CONNECTIONS, arena.plan.warm_up))
        load = Load(CONNECTIONS, min(arena.plan.seconds, LONGEST_SALE))
        cpu = house.server.cpu_seconds()
        with pace.booking(house, measured, SEATS, writes, load.seconds) as booker:
            seen = ask(asking_for_map(measured), load=load)
        cpu = house.server.cpu_seconds() - cpu
        _check(house, measured)
    if seen.failed:
        raise Failure(f"{seen.failed} of {seen.answers} maps were not right")
    if isinstance(contestant, Boxoffice) and booker.per_second < SLOWEST_PACE * writes:
        raise Failure(f"it kept {booker.per_second:.0f} of {writes} bookings/s")
    detail = {"p50_ms": seen.p50_us / 1e3, "p99_ms": seen.p99_us / 1e3}
    return Reading(
        seen.per_second,
        {**detail, "cpu_us": cpu / seen.answers * 1e6, "booked/s": booker.per_second},
    )


def _check(house: House, show: str) -> None:
    """See that a map has every seat once, and says taken where the bookings on record say so."""
    answer = json.loads(wrk.post(house.url, asking_for_map(show)))
    seats = answer["data"]["show"]["seatMap"]["seats"]
    if [seat["number"] for seat in seats] != list(range(1, SEATS + 1)):
        raise Failure(f"{house.contestant.name}: not the seats of the show: {answer}"[:300])
    taken = sum(seat["status"] != "AVAILABLE" for seat in seats)
    if taken != house.settled():
        raise Failure(f"{house.contestant.name}: the map says {taken} taken, the record differs")
