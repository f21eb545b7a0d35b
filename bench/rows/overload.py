"""More than it can serve: what it goes on serving, whom it refuses, when it is over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.arena import Arena, House
from bench.comparison import Comparison
from bench.contestants import Boxoffice, booking_for_group
from bench.failure import Failure
from bench.load.crowd import crowd
from bench.rows import bookings
from bench.rows.bookings import TEN
from bench.series import Reading, Series, interleave

# As many as find a place beside the others; who finds none is counted as not offered.
MOST_CONNECTIONS = 8_000
# The peak is what those get who wait for their answers. A round's few seconds are too few for it.
PEAK_SECONDS = 10
MIB = 2**20


@dataclass(frozen=True)
class Scene:
    """What is asked for, by how many at the peak, and how often a second in the flood."""

    name: str
    shows: bookings.Scene
    body: Callable[[], str]
    busy: int
    offered: int


# Wider than a row, so that finding their seats takes 15 to 30 ms: dear enough that more than ten
# times as many can be offered, and refused, without taking most of the same two cores.
GROUP = 20
SCENES = (
    Scene(
        f"groups of {GROUP}, 1,000/s offered",
        TEN,
        lambda: booking_for_group().replace("$COUNT", str(GROUP)),
        24,
        1_000,
    ),
    Scene(
        "one-seat bookings, 9,000/s offered", TEN, lambda: Boxoffice().booking_body(), 256, 9_000
    ),
)


def overload(arena: Arena) -> list[Comparison]:
    """Bookings while more than ten times as many are asked for, or what the generator can offer."""
    measures = {scene.name: partial(_measure, arena, scene) for scene in SCENES}
    return [
        comparison
        for name, series in interleave(1, measures).items()
        for comparison in _comparisons(name, series)
    ]


def _comparisons(name: str, flood: Series) -> list[Comparison]:
    at_peak = _part(flood, "peak", "its peak")
    refused = _part(flood, "refused_p50_ms", "the median")
    before = _part(flood, "before_mib", "before")
    row = partial(Comparison, "overload", more_is_better=False)
    return [
        Comparison("overload", f"{name}: bookings", "/s", flood, at_peak, 0.8),
        row("the same: refused after, p99", "ms", _part(flood, "refused_p99_ms"), refused, None),
        row("the same: back to normal after", "s", _part(flood, "recovery_s"), None, 2.0),
        row("the same: resident memory, at most", "MiB", _part(flood, "most_mib"), before, None),
    ]


def _part(series: Series, detail: str, label: str = "Boxoffice") -> Series:
    readings = [Reading(reading.detail[detail]) for reading in series.readings]
    return Series(label, readings, series.failure)


def _measure(arena: Arena, scene: Scene) -> Reading:
    with arena.house(Boxoffice(), scene.shows.shows, scene.shows.seats) as house:
        seen = _flood(house, scene, arena)
        made = house.settled()
    flood = seen["flood"]
    if flood["other"] or flood["said_when"] < 1:
        raise Failure(f"answers that are neither bookings nor refusals with a time: {flood}")
    if made < seen["answered"]:
        raise Failure(f"answered {seen['answered']} bookings, and {made} are on record")
    detail = {name: float(value) for name, value in flood.items()}
    return Reading(flood["booked"], {**detail, **_memory_of(seen), **_ends_of(seen)})


def _flood(house: House, scene: Scene, arena: Arena) -> dict[str, Any]:
    given = {
        "address": house.server.address,
        "body": scene.body(),
        "shows": house.shows,
        "busy": scene.busy,
        "connections": MOST_CONNECTIONS,
        "warm_up": arena.plan.warm_up,
        "peak_seconds": min(PEAK_SECONDS, 2 * arena.plan.flood_seconds),
        "rate": scene.offered,
        "seconds": arena.plan.flood_seconds,
    }
    with crowd("flood.py", **given) as people:
        people.wait_for("begin")
        before = house.server.resident_bytes()
        people.wait_for("end")
        after, most = house.server.resident_bytes(), house.server.most_resident_bytes()
        return {**people.result(), "before": before, "after": after, "most": most}


def _memory_of(seen: Mapping[str, Any]) -> dict[str, float]:
    """Of the largest worker, in MiB."""
    return {f"{when}_mib": max(seen[when].values()) / MIB for when in ("before", "most", "after")}


def _ends_of(seen: Mapping[str, Any]) -> dict[str, float]:
    at_peak = seen["at_peak"]
    if at_peak["refused"] > 0:
        raise Failure(f"refused at what was to be the peak: {at_peak}")
    names = ("peak", "offered", "recovery_s", "lone_ms")
    return {name: seen[name] for name in names}
