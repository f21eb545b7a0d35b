"""Where the faults happen, and the count of those that did."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from faults.house import House
from faults.shows import Shows

# Faults in one lane come one after another, those in different lanes as they fall.
Lane = Literal["database", "strangers", "servers", "network"]

Drawn = dict[str, Any]


@dataclass
class Stage:
    """What a fault is done to, and where it is counted.

    Attributes:
        happened: how often each kind did, and in which way.
        complaints: what a server did that it may not, such as not to end.
    """

    house: House
    shows: Shows
    happened: Counter[tuple[str, str]] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        draw: chooses how it is done, and says how many seconds it may last.
        do: does it, and undoes it; returns in which way it happened, None where nobody came to
            harm.
    """

    name: str
    lane: Lane
    draw: Callable[[Random], tuple[Drawn, float]]
    do: Callable[..., Awaitable[str | None]]
