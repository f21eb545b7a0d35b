"""Values as PostgreSQL reads them from text: an array literal for a column of a set of rows.

psycopg's adapting of lists is made for any type, and takes more than the statements themselves.
"""

from collections.abc import Iterable
from datetime import datetime


def array(values: Iterable[object]) -> str:
    """An array of what has no need of quotes: numbers, ids, names of states; None is null."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def array_of_texts(values: Iterable[str | None]) -> str:
    """An array of any texts."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def array_of_times(times: Iterable[datetime | None]) -> str:
    """An array of times with an offset."""
    return "{" + ",".join(["NULL" if time is None else time.isoformat() for time in times]) + "}"


def array_of_bytes(values: Iterable[bytes | None]) -> str:
    """An array of byte strings."""
    return array_of_texts(None if value is None else rf"\x{value.hex()}" for value in values)


def array_of_arrays(rows: Iterable[Iterable[int]]) -> str:
    """An array of texts that are arrays: those of unequal length can't be unnested as such."""
    return "{" + ",".join([f'"{array(numbers)}"' for numbers in rows]) + "}"


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
