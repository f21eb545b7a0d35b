"""API keys for the scripts of admins: what is kept of a key is a hash of its secret."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import LiteralString

from db.connection import Connection
from db.pool import Database, Row
from db.statements import statements

CREATE_API_KEY = statements["create_api_key"]
LIST_API_KEYS = statements["list_api_keys"]
REVOKE_API_KEY = statements["revoke_api_key"]
READ_API_KEY_HASHES = statements["read_api_key_hashes"]

SECRET_BYTES = 32
LONGEST_KEY = 80
LONGEST_ID = 18
# A key that was revoked is believed for so long at the most.
REMEMBERED = timedelta(seconds=5)
MAX_REMEMBERED = 1_000


async def create_api_key(conn: Connection, name: str) -> str:
    """Make a key; what is returned is all there will ever be to see of it."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    [(id_,)] = await _fetch(conn, CREATE_API_KEY, name=name, secret_hash=_hash(secret))
    return f"bo_{id_}_{secret}"


async def list_api_keys(conn: Connection) -> list[Row]:
    """All keys: id, name, when it was made, and when it was revoked, if it was."""
    return await _fetch(conn, LIST_API_KEYS)


async def revoke_api_key(conn: Connection, id_: int) -> str | None:
    """End a key; returns its name, or None where there is none."""
    rows = await _fetch(conn, REVOKE_API_KEY, id=id_)
    return rows[0][0] if rows else None


class ApiKeys:
    """Finds API keys in force, and remembers them for a moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def knows(self, text: str) -> bool:
        """Whether a key was in force when it was last looked up."""
        return text in self._known

    async def find(self, text: str) -> int | None:
        """The id of a key in force, `bo_<id>_<secret>`; None for any other text.

        Raises:
            Unavailable: the database can't be had, and the key is not remembered.
        """
        remembered = self._known.get(text)
        if remembered and time.monotonic() < remembered[1]:
            return remembered[0]
        id_, secret = _parse(text)
        if id_ is None:
            return None
        asked_at = time.monotonic()
        kept = await self._database.together(_read_hashes).find(id_)
        if kept is None or not compare_digest(kept, _hash(secret)):
            self._known.pop(text, None)
            return None
        self._known[text] = id_, asked_at + REMEMBERED.total_seconds()
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return id_


def _parse(text: str) -> tuple[int | None, str]:
    prefix, _, rest = text.partition("_")
    id_, _, secret = rest.partition("_")
    plain = prefix == "bo" and id_.isascii() and id_.isdecimal() and text.isascii()
    if not plain or len(text) > LONGEST_KEY or len(id_) > LONGEST_ID:
        return None, ""
    return int(id_), secret


def _hash(secret: str) -> bytes:
    """What is kept of a secret. It is random, so nothing slower is needed."""
    return sha256(secret.encode()).digest()


async def _fetch(conn: Connection, statement: LiteralString, **params: object) -> list[Row]:
    cursor = await conn.execute(statement, params)
    return list(await cursor.fetchall())


async def _read_hashes(database: Database, ids: Sequence[int]) -> dict[int, bytes]:
    rows = await database.fetch(READ_API_KEY_HASHES, {"ids": list(ids)})
    return {row[0]: bytes(row[1]) for row in rows}
