"""How long and how often to measure."""

from dataclasses import dataclass

# Long enough for the JIT to compile, for pools to fill and statements to be prepared.
WARM_UP_SECONDS = 2


@dataclass(frozen=True)
class Plan:
    """How many rounds each contestant has, how long a round's load lasts, and a flood."""

    rounds: int = 3
    seconds: int = 4
    warm_up: int = WARM_UP_SECONDS
    flood_seconds: int = 60
