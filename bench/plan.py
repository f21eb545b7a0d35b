"""How long and how often to measure."""

from dataclasses import dataclass

# Long enough for the JIT to compile, for pools to fill and statements to be prepared.
WARM_UP_SECONDS = 2.0


@dataclass(frozen=True)
class Plan:
    """How many rounds each contestant has, and how long a round's load lasts."""

    rounds: int = 3
    seconds: float = 4.0
    warm_up: float = WARM_UP_SECONDS
