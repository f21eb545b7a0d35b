"""Values as PostgreSQL reads them: an array of numbers or ids, or JSON for rows of anything.

psycopg's adapting of lists is made for any type, and takes more than the statements themselves.
"""

from collections.abc import Iterable
from typing import Any

import orjson


def array(values: Iterable[object]) -> bytes:
    """An array of what has no need of quotes."""
    return f"{{{','.join(map(str, values))}}}".encode()


def json(value: Any) -> bytes:
    """JSON of values as columns take them: dataclasses are objects by column name."""
    return orjson.dumps(value, _as_bytea)


def _as_bytea(value: object) -> str:
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    raise TypeError(f"no column takes a {type(value).__name__}")
