"""One row of the tables: what is sent, by whom, on which way, and how it must be refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from tests.tokens import bearer

# What stands in a table for an id that only the test's house has.
ADAS_BOOKING = "ADAS-BOOKING"
HOUSE_BOOKING = "HOUSE-BOOKING"
SHOW = "THE-SHOW"

VISITOR = None
ADA = bearer("ada")["authorization"]
BOB = bearer("bob")["authorization"]
ADMIN = bearer("boss", roles=["admin"])["authorization"]

Told = dict[str, Any]
"""Of an attack, what must come of it."""

SHOP = "https://shop.example"
STRICT = "application/graphql-response+json"


class Way(Enum):
    """How a request travels."""

    POST = auto()  # kept alive: the short way
    LONG = auto()  # a POST that our protocol leaves to ASGI
    GET = auto()
    STREAM = auto()  # an event stream, over POST
    STREAM_GET = auto()
    SOCKET = auto()  # WebSocket, its token in `connection_init`
    RAW = auto()  # bytes on a connection of their own


@dataclass(frozen=True)
class Attack:
    """What is tried, and what must come of it.

    Attributes:
        name: what is tried, in words.
        document: the operation; ids are filled in.
        way: how it travels.
        caller: the authorization that is shown.
        variables: as sent; ids are filled in.
        more: further members of the body.
        headers: further headers, of the handshake on a WebSocket.
        content: the bytes sent in place of all that: a body, a message, or all of it.
        keys: whether it is for the server that knows public keys.
        status: of the answer; on a WebSocket its close code, or 0 where it stays open.
        code: of the first error; None where what is refused is data.
        limit: the name of the bound that was met.
        data: what is told instead, where there is no error.
        cut_off: whether the close code may be lost, where the rest of the message still comes.
    """

    name: str
    document: str = "{ __typename }"
    way: Way = Way.POST
    caller: str | None = VISITOR
    variables: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    keys: bool = False
    status: int = 400
    code: str | None = "BAD_REQUEST"
    limit: str | None = None
    data: Any = None
    cut_off: bool = False


@dataclass(frozen=True)
class Outcome:
    """What somebody was told; the meanings are those of an attack."""

    status: int
    code: str | None = None
    limit: str | None = None
    data: Any = None
    text: str = ""
