"""Feature flags in their table, each change on record."""

from typing import LiteralString

import orjson
from psycopg.errors import UniqueViolation
from psycopg.types.json import set_json_loads

from db.connection import Connection
from db.errors import Interrupted
from db.pool import Row
from db.statements import statements
from flags.flag import Flag, FlagChange, State, Value

READ_FLAGS = statements["read_flags"]
SET_FLAG = statements["set_flag"]
DELETE_FLAG = statements["delete_flag"]
LIST_FLAG_CHANGES = statements["list_flag_changes"]

# Somebody else was faster: as often in a row only where a program sets flags in a loop.
MAX_TRIES = 20
AFTER_THE_LAST = 2**63 - 1


async def list_flags(conn: Connection) -> list[Flag]:
    """All flags, by key."""
    return [Flag(*row) for row in await _fetch(conn, READ_FLAGS)]


async def set_flag(
    conn: Connection, key: str, value: Value, percentage: float, changed_by: str
) -> Flag:
    """Make a flag what it is to be; returns it. One that was that already stays as it is.

    Several may do so at once: each change knows the one before it. The connection commits by
    itself. `flags.inputs.check_flag` says what may be set.

    Raises:
        Interrupted: others were faster, again and again.
    """
    text = orjson.dumps(value).decode()
    asked = {"key": key, "value": text, "percentage": percentage, "changed_by": changed_by}
    [flag] = await _change(conn, SET_FLAG, **asked)
    return flag


async def delete_flag(conn: Connection, key: str, changed_by: str) -> Flag | None:
    """Delete a flag; returns it as it was, or None where there is none. Its changes stay on record.

    Raises:
        Interrupted: as `set_flag`.
    """
    deleted = await _change(conn, DELETE_FLAG, key=key, changed_by=changed_by)
    return deleted[0] if deleted else None


async def list_flag_changes(
    conn: Connection, size: int = 20, key: str | None = None, before: int = AFTER_THE_LAST
) -> list[FlagChange]:
    """The latest `size` changes of a flag (or of all), of those with a revision below `before`."""
    rows = await _fetch(conn, LIST_FLAG_CHANGES, size=size, key=key, before=before)
    return [_change_from(row) for row in rows]


async def _change(conn: Connection, statement: LiteralString, **asked: object) -> list[Flag]:
    for _ in range(MAX_TRIES):
        try:
            return [Flag(*row) for row in await _fetch(conn, statement, **asked)]
        except UniqueViolation:
            continue  # it had looked before somebody else's change
    raise Interrupted


def _change_from(row: Row) -> FlagChange:
    revision, key, value_before, percentage_before, value, percentage, changed_at, by = row
    before = None if percentage_before is None else State(value_before, percentage_before)
    after = None if percentage is None else State(value, percentage)
    return FlagChange(revision, key, before, after, changed_at, by)


async def _fetch(conn: Connection, statement: LiteralString, **params: object) -> list[Row]:
    cursor = conn.cursor(binary=True)
    # PostgreSQL writes 1e20 out in full. That is no integer of 64 bits, which is all we can answer.
    set_json_loads(orjson.loads, cursor)
    await cursor.execute(statement, params)
    return list(await cursor.fetchall())
