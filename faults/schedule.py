"""Which faults happen when: drawn from the seed before anything runs, so that it repeats them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from random import Random

from faults import by_strangers, on_database, on_network, on_servers
from faults.stage import Drawn, Kind

KINDS: Sequence[Kind] = [
    *on_servers.KINDS,
    *on_database.KINDS,
    *on_network.KINDS,
    *by_strangers.KINDS,
]
LANES = ("servers", "network", "strangers", "database")

# Sales begin before the faults do.
FIRST_AT = 1.0
# A run long enough for it begins with each kind alone, and takes so much of its time for that.
ALONE_FROM = 300.0
# Quiet between two faults of a lane.
GAP = (1.0, 8.0)
# A run shorter than this has each kind once, close together, and lasts until the last has ended.
SHORT = 60.0
SHORT_GAP = (0.1, 0.6)
# Every so often all lanes are quiet, so that everything is seen to recover.
ACT_SECONDS = 40.0
QUIET_SECONDS = 4.0


@dataclass(frozen=True)
class Planned:
    """A fault to come: when, in seconds from the start, which, and how."""

    at: float
    kind: Kind
    drawn: Drawn
    seconds: float


def make_schedule(seed: int, seconds: float) -> list[Planned]:
    """All faults of a run, by time: first alone, if there is time for it, then mixed."""
    chance = Random(f"{seed} schedule")
    begins_at, planned = FIRST_AT, list[Planned]()
    if seconds >= ALONE_FROM:
        order = iter(chance.sample(KINDS, len(KINDS)))
        planned = list(_one_after_another(order, begins_at, seconds / 2, GAP, chance))
        begins_at = planned[-1].at + planned[-1].seconds + QUIET_SECONDS
    for lane in LANES:
        kinds = [kind for kind in KINDS if kind.lane == lane]
        if seconds < SHORT:
            order = iter(chance.sample(kinds, len(kinds)))
            # A database that stops would cut a stranger short, and there is no second chance.
            begins_at = _end_of("strangers", planned) if lane == "database" else FIRST_AT
            planned += _one_after_another(order, begins_at, inf, SHORT_GAP, chance)
        else:
            again = _again_and_again(kinds, chance)
            planned += _one_after_another(again, begins_at, seconds, GAP, chance)
    return sorted(planned, key=lambda fault: fault.at)


def _end_of(lane: str, planned: Iterable[Planned]) -> float:
    return max(fault.at + fault.seconds for fault in planned if fault.kind.lane == lane)


def _again_and_again(kinds: Sequence[Kind], chance: Random) -> Iterator[Kind]:
    """All in random order, then all again: each happens as often as any other."""
    while True:
        yield from chance.sample(kinds, len(kinds))


def _one_after_another(
    kinds: Iterator[Kind],
    begins_at: float,
    ends_at: float,
    gap: tuple[float, float],
    chance: Random,
) -> Iterator[Planned]:
    at = begins_at + chance.uniform(0, gap[1])
    for kind in kinds:
        into_act = at % ACT_SECONDS
        if into_act < QUIET_SECONDS and at > ACT_SECONDS:
            at += QUIET_SECONDS - into_act
        drawn, seconds = kind.draw(chance)
        if at + seconds > ends_at:
            return
        yield Planned(at, kind, drawn, seconds)
        at += seconds + chance.uniform(*gap)
