"""What the proxy can be told to do to the next transaction that comes to a step."""

from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Literal

# The steps of a desk's transaction, as they pass the proxy: what reads it under its locks is asked,
# and answered; what saves and commits it is asked, and answered.
Step = Literal["reading", "read", "committing", "committed"]
STEPS: tuple[Step, ...] = ("reading", "read", "committing", "committed")

# On the way to PostgreSQL: lose it all, pass on a part, pass it on and lose the answer, or pass it
# on seconds later. On the way back there is only an answer to lose. Frozen, it waits for word.
Action = Literal["unsent", "part", "unanswered", "late", "freeze"]

# How the client's connection then ends: by RST, or by FIN.
End = Literal["reset", "cut"]


@dataclass(frozen=True)
class Trap:
    """What happens, once, at a step.

    Attributes:
        number: what it is called; the proxy may have several set.
        part: how much of what is sent is passed on, where it is a part: 0 to 1.
        seconds: how late it is passed on, where it is late.
    """

    step: Step
    action: Action
    number: int = field(default_factory=partial(next, count(1)))
    end: End = "reset"
    part: float = 0.5
    seconds: float = 0.0
