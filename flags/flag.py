"""A flag, and a change of one, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Value = Any
"""What JSON can say, but null: true, numbers, text, lists, objects."""


@dataclass(frozen=True, slots=True)
class State:
    """What a flag is: its value, and for how many of a hundred subjects."""

    value: Value
    percentage: float


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag in force, and who made it so."""

    key: str
    value: Value
    percentage: float
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class FlagChange:
    """One change: None where there was no flag before, or is none since."""

    revision: int
    key: str
    before: State | None
    after: State | None
    changed_at: datetime
    changed_by: str
