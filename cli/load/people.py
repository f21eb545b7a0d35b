"""Who comes, and what each of them will do: drawn from a seed before anything is asked. No I/O."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import log
from typing import NamedTuple


class Think(NamedTuple):
    """A time to think, in seconds: log-normal, so that most are quick and a few take ages."""

    median: float
    spread: float

    def draw(self, chance: random.Random) -> float:
        """One such time, ten medians at the most."""
        return min(chance.lognormvariate(log(self.median), self.spread), 10 * self.median)


class Ending(StrEnum):
    """What somebody does with a booking that they got."""

    CONFIRM = "confirm"
    LET_GO = "let go"  # and does nothing: the hold expires
    CANCEL = "cancel"
    RETURN = "return"  # confirms it, and cancels it later


# How many come together: mostly two.
PARTIES = {1: 0.20, 2: 0.45, 3: 0.12, 4: 0.15, 5: 0.04, 6: 0.04}
ENDINGS = {Ending.CONFIRM: 0.75, Ending.LET_GO: 0.13, Ending.CANCEL: 0.08, Ending.RETURN: 0.04}
# The others don't look at the map, and ask for so many seats.
WATCHERS = 0.80
# Pages redraw so often, in milliseconds.
EVERY_MS = (250, 500, 1_000)
# At the counter a booking is confirmed at once.
AT_ONCE = 0.08
# Who is refused leaves with this chance, and else picks again, so often at the most.
LOSES_HEART = 0.25
MOST_TRIES = 5

BROWSES = Think(2.0, 0.6)  # the list of shows
LOOKS = Think(3.0, 0.6)  # at the map, before a seat is picked
PICKS = Think(2.0, 0.7)  # from the wish to the click: meanwhile others click
DECIDES = Think(6.0, 0.8)  # with the seats on hold
REGRETS = Think(5.0, 0.8)  # a confirmed booking


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody has in mind, with all times in seconds.

    Attributes:
        show: which show, by its place among those on sale.
        party: how many seats.
        watches: whether seats are picked from the live map, or asked for by count.
        every_ms: how often their page redraws the map.
        picks: the time that each try takes them; who is refused as often as there are tries leaves.
        tastes: for each try a number from 0 to 1: 0 insists on the best seats.
    """

    number: int
    show: int
    party: int
    watches: bool
    every_ms: int
    at_once: bool
    ending: Ending
    browses: float
    looks: float
    picks: tuple[float, ...]
    tastes: tuple[float, ...]
    decides: float
    regrets: float

    @property
    def name(self) -> str:
        """Who the booking is for."""
        return f"Person {self.number}"


def draw_person(seed: int, number: int, shows: int, pace: float = 1.0) -> Person:
    """Draw the person with this number: the same for the same seed, whoever else comes.

    Args:
        shows: how many are on sale; the first is twice as popular as the second, three times as the
            third (Zipf's law).
        pace: what all times to think are multiplied by.
    """
    chance = random.Random(f"{seed} person {number}")

    def think(time: Think) -> float:
        return pace * time.draw(chance)

    tries = 1
    while tries < MOST_TRIES and chance.random() > LOSES_HEART:
        tries += 1
    return Person(
        number=number,
        show=chance.choices(range(shows), [1 / place for place in range(1, shows + 1)])[0],
        party=chance.choices([*PARTIES], [*PARTIES.values()])[0],
        watches=chance.random() < WATCHERS,
        every_ms=chance.choice(EVERY_MS),
        at_once=chance.random() < AT_ONCE,
        ending=chance.choices([*ENDINGS], [*ENDINGS.values()])[0],
        browses=think(BROWSES),
        looks=think(LOOKS),
        picks=tuple(think(PICKS) for _ in range(tries)),
        tastes=tuple(chance.random() for _ in range(tries)),
        decides=think(DECIDES),
        regrets=think(REGRETS),
    )


def draw_arrivals(seed: int, per_second: float) -> Iterator[float]:
    """When people come who don't know of each other, in seconds from the start: without end."""
    chance = random.Random(f"{seed} arrivals")
    at = 0.0
    while True:
        at += chance.expovariate(per_second)
        yield at
