"""Values that clients send, and how they get them wrong."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

Literals = Mapping[str, Sequence[str]]
"""GraphQL literals to choose from, by the name of a leaf type."""

ODD: Sequence[Any] = (
    None,
    True,
    0,
    1,
    -1,
    1.0,
    1.5,
    2**31 - 1,
    2**31,
    -(2**31),
    2**60,
    "",
    "1",
    "nobody knows",
    [],
    [None],
    ["x"],
    [[1]],
    {},
    {"unknown": 1},
)


def spoiled(value: Any, random: Random) -> Any:
    """A value with something changed: the whole, an item, a field; or wrapped, or unwrapped."""
    way = random.randrange(5)
    if isinstance(value, dict) and value and way < 4:
        name = random.choice(sorted(value))
        rest = {key: kept for key, kept in value.items() if key != name}
        if way == 0:
            return rest
        if way == 1:
            return {**value, "unknown": None}
        return {**value, name: spoiled(value[name], random)}
    if isinstance(value, list) and value and way < 4:
        if way == 0:
            return value[0]
        at = random.randrange(len(value))
        return [*value[:at], spoiled(value[at], random), *value[at + 1 :]]
    if way == 0:
        return [value]
    if way == 1 and isinstance(value, int):
        return float(value)
    return random.choice(ODD)
