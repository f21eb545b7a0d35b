"""What a demo house has on: shows of this week, and who comes. Pure: no I/O, and no clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from random import Random

GUESTS = (
    "Ada",
    "Bob",
    "Carla",
    "Dan",
    "Eve",
    "Femi",
    "Grace",
    "Hugo",
    "Ines",
    "Jun",
    "Kofi",
    "Lea",
)


class Fate(Enum):
    """What becomes of an order, and of how many in a hundred."""

    CONFIRMED = 62
    BOUGHT = 15  # confirmed at once
    HELD = 11  # somebody is typing a card's number
    CANCELLED = 8
    GIVEN_BACK = 4  # confirmed, and then cancelled


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody's wish: these seats, or so many."""

    guest: str
    count: int
    numbers: tuple[int, ...]
    fate: Fate


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of show: its house, and in which groups people come to it.

    Attributes:
        groups: how often a group of 1, of 2 and so on comes, relative to each other.
        by_number: the share of orders that name their seats.
    """

    total_seats: int
    seats_per_row: int
    hold_seconds: int
    groups: tuple[int, ...]
    by_number: float


HALL = Kind(240, 20, 900, (2, 9, 3, 4, 1, 1), 0.3)
BUS = Kind(48, 4, 600, (6, 3, 1), 0.2)
# A seat is a quarter of an hour, a row an hour.
DOCTOR = Kind(16, 4, 300, (1,), 1.0)


@dataclass(frozen=True, slots=True)
class Event:
    """A show to be, and its orders in the order they come."""

    name: str
    kind: Kind
    start_time: datetime
    orders: list[Order] = field(default_factory=list)


def plan(now: datetime, random: Random) -> list[Event]:
    """Make up a week: evenings in a hall, buses from the next hours on, mornings at a doctor's.

    Args:
        now: the time there, with its offset; nothing begins before it.
    """
    return [
        Event(name, kind, start_time, [*_orders(kind, sold, random)])
        for name, kind, start_time, sold in _programme(now)
    ]


def _programme(now: datetime) -> Iterator[tuple[str, Kind, datetime, float]]:
    """Each show with the share of its seats that is asked for: the sooner, the more."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    evening = hour.replace(hour=20) + timedelta(days=1 if hour.hour >= 19 else 0)
    morning = hour.replace(hour=9) + timedelta(days=1)
    for day, (name, sold) in enumerate([("Hamlet", 0.9), ("Tosca", 0.6), ("Hamlet", 0.4)]):
        yield name, HALL, evening + timedelta(days=2 * day), sold
    for hours, sold in [(2, 1.1), (6, 0.7), (26, 0.3)]:
        yield "Bus 7 to Porto", BUS, hour + timedelta(hours=hours, minutes=30), sold
    for days, sold in [(0, 0.9), (2, 0.4)]:
        yield "Eye doctor, quarters of an hour", DOCTOR, morning + timedelta(days=days), sold


def _orders(kind: Kind, sold: float, random: Random) -> Iterator[Order]:
    asked = 0
    sizes = range(1, len(kind.groups) + 1)
    while asked < sold * kind.total_seats:
        [count] = random.choices(sizes, kind.groups)
        first = random.randint(1, kind.total_seats - count + 1)
        by_number = random.random() < kind.by_number
        numbers = tuple(range(first, first + count)) if by_number else ()
        [fate] = random.choices([*Fate], [fate.value for fate in Fate])
        yield Order(random.choice(GUESTS), count, numbers, fate)
        asked += count
