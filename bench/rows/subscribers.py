"""A thousand who watch one show: what an update costs the server, and how late it arrives."""

from functools import partial

from bench.arena import Arena, House
from bench.comparison import Comparison
from bench.contestants import WATCH, Boxoffice, Contestant, Mercurius, StockStrawberry
from bench.failure import Failure
from bench.load.crowd import crowd
from bench.series import Measure, Reading, Series, interleave

SUBSCRIBERS = 1_000
CHANGES_PER_SECOND = 50
SEATS = 1_000
# A round books its seats once each, warm-up included.
LONGEST = 15
LATEST_MS = 250.0
# Each starts a thousand WebSockets anew; more rounds tell nothing new about CPU time.
MOST_ROUNDS = 3


def subscribers(arena: Arena) -> list[Comparison]:
    """1,000 subscribers on one show, 50 changes a second: server CPU for an update that arrives."""
    measure = partial(_measure, arena)
    # The peers publish within one process: with two, half of the subscribers would see nothing.
    contestants: dict[str, Measure] = {
        "Boxoffice": partial(measure, Boxoffice()),
        "Mercurius": partial(measure, Mercurius(processes=1)),
        "stock Strawberry": partial(measure, StockStrawberry(processes=1)),
    }
    rounds = min(arena.plan.rounds, MOST_ROUNDS)
    ours, mercurius, strawberry = interleave(rounds, contestants).values()
    what = f"{SUBSCRIBERS:,} subscribers, {CHANGES_PER_SECOND} changes/s: CPU an update"
    late = "the same: delivered after, p99"
    row = partial(Comparison, "subscribers", more_is_better=False)
    return [
        row(what, "us", ours, strawberry, 1 / 10),
        row(what, "us", ours, mercurius, 1 / 2),
        row(late, "ms", _delays(ours), None, LATEST_MS),
        row(late, "ms", _delays(ours), _delays(mercurius), None),
    ]


def watch(house: House, seconds: int, warm_up: int) -> tuple[dict[str, float], float]:
    """Let subscribers watch while seats are booked; returns what they saw and the CPU seconds."""
    contestant = house.contestant
    given = {
        "url": house.url,
        "query": WATCH,
        "variables": {"id": house.shows[0]},
        "body": contestant.booking_body(),
        "booked": contestant.booked,
        "show": house.shows[0],
        "seats": SEATS,
        "subscribers": SUBSCRIBERS,
        "rate": CHANGES_PER_SECOND,
        "warmUp": warm_up,
        "seconds": min(seconds, LONGEST),
    }
    with crowd("swarm.mjs", **given) as swarm:
        swarm.wait_for("begin")
        cpu = house.server.cpu_seconds()
        swarm.wait_for("end")
        cpu = house.server.cpu_seconds() - cpu
        return swarm.result(), cpu


def _measure(arena: Arena, contestant: Contestant) -> Reading:
    with arena.house(contestant, 1, SEATS) as house:
        seen, cpu = watch(house, arena.plan.seconds, arena.plan.warm_up)
    if not seen["messages"]:
        raise Failure(f"nothing arrived: {seen}")
    arrived = seen["changes"] / (seen["bookings"] * SUBSCRIBERS)
    return Reading(
        cpu / seen["messages"] * 1e6,
        {
            "p99_ms": seen["p99Ms"],
            "p50_ms": seen["p50Ms"],
            "arrived": arrived,
            "bookings_failed": seen["failed"],
            "changes_an_update": seen["changes"] / seen["messages"],
            "swarm_cpu": seen["swarmCpu"],
        },
    )


def _delays(series: Series) -> Series:
    """The delivery delays that were seen in the same rounds."""
    readings = [Reading(reading.detail["p99_ms"]) for reading in series.readings]
    return Series(series.label, readings, series.failure)
