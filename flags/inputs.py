"""What makes a flag's input wrong: every mistake of it at once."""

import re
from collections.abc import Iterator

import orjson

from booking.inputs import Problem
from flags.flag import Value

LONGEST_KEY = 64
# A flag is a switch, not a store: each process keeps all of them.
MOST_BYTES = 4_096
# A writer of JSON has its limits, too, and stands in an answer that has levels of its own.
MOST_LEVELS = 16

KEY = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*", re.ASCII)
# NUL, which PostgreSQL can't store: an escape of its own, not the end of an escaped backslash.
_NUL = re.compile(rb"(?<!\\)(\\\\)*\\u0000")


def check_flag(key: str, value: Value, percentage: float) -> list[Problem]:
    """Find every mistake of a flag that is to be set."""
    return [*check_key(key), *_check_value(value), *_check_percentage(percentage)]


def check_key(key: str) -> Iterator[Problem]:
    """Find what is wrong with a flag's key."""
    if len(key) > LONGEST_KEY:
        yield Problem("key", f"It must have at most {LONGEST_KEY} characters, not {len(key)}.")
    elif not KEY.fullmatch(key):
        yield Problem(
            "key", "It must be lower-case words with -, _ or . between them, such as seat-choice."
        )


def _check_value(value: Value) -> Iterator[Problem]:
    if value is None:
        yield Problem("value", "It must not be null: that is what clients see while it is off.")
        return
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:  # too deep, halves of characters, integers of more than 64 bits
        yield Problem("value", "It must be JSON, with numbers of 64 bits.")
        return
    if len(text) > MOST_BYTES:
        yield Problem("value", f"It must have at most {MOST_BYTES} bytes, not {len(text)}.")
    elif orjson.loads(text) != value:  # infinity would be written as null
        yield Problem("value", "It must be JSON, with numbers of 64 bits.")
    elif _levels(value) > MOST_LEVELS:
        yield Problem("value", f"It must have at most {MOST_LEVELS} levels.")
    if _NUL.search(text):
        yield Problem("value", "It must not hold the character NUL.")


def _levels(value: Value) -> int:
    """How deep lists and objects stand in each other."""
    levels, within = 0, [value]
    while within := [each for each in within if isinstance(each, dict | list)]:
        levels += 1
        within = [i for each in within for i in (each.values() if isinstance(each, dict) else each)]
    return levels


def _check_percentage(percentage: float) -> Iterator[Problem]:
    if not 0 <= percentage <= 100:
        yield Problem("percentage", f"It must be 0 to 100, not {percentage}.")
    elif round(percentage, 2) != percentage:
        yield Problem("percentage", f"It must have two decimals at most, not {percentage}.")
