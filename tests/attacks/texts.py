"""Texts with SQL, with lines for a log, with escape sequences: in every place that takes a text."""

import json
from collections.abc import Iterator
from dataclasses import replace

from tests.attacks.attack import ADA, ADMIN, SHOW, Attack, Told, Way

SQL = [
    "'; DROP TABLE bookings CASCADE; --",
    "' OR '1'='1",
    "x' UNION SELECT secret_hash FROM api_keys --",
    "'; SELECT pg_sleep(10); --",
    "%' OR name LIKE '%",
    "$$; DELETE FROM taken_seats; $$",
    "%(id)s; %s; {0}; ${user}",
]
# What must never begin a line of the log, nor reach a terminal.
FORGED = "FORGED: admin logged in"
LINES = [
    f"a\n2030-01-01 00:00:00 {FORGED}",
    f"a\r\n{FORGED}",
    f"\x1b[2J\x1b[31m{FORGED}",
    f"a\u2028{FORGED}",
    f"a\x00{FORGED}",
    f"\x9b31m{FORGED}\x85{FORGED}",
]
# Places that take a text: how it is sent, and what comes of SQL and of lines in it.
MISTAKE: Told = {"status": 200, "code": "BAD_REQUEST"}


def _found(field: str) -> Told:
    return {"status": 200, "code": None, "data": {field: {"edges": []}}}


def _invalid(field: str) -> Told:
    return {"status": 200, "code": None, "data": {field: {"__typename": "InvalidInput"}}}


CREATE = (
    "mutation ($text: String!, $time: DateTime!) { "
    "createShow(input: {name: $text, startTime: $time, totalSeats: 1}) { __typename } }"
)
SET = (
    "mutation ($key: String!, $value: JSON!) { "
    "setFeatureFlag(input: {key: $key, value: $value, percentage: 1}) { __typename } }"
)
BOOK = "mutation ($input: BookSeatsInput!) { bookSeats(input: $input) { __typename } }"
NO_SEAT = {"showId": SHOW, "seatNumbers": [0], "userName": "A"}


def _arguments(text: str, told: Told | None) -> Iterator[Attack]:
    """`told`: what a search is told; None where it finds nothing."""
    name = f"{json.dumps(text)[:24]}"
    yield Attack(
        f"{name} as a search",
        "query ($text: String) { shows(search: $text) { edges { cursor } } }",
        variables={"text": text},
        **(told or _found("shows")),
    )
    yield Attack(
        f"{name} as a name to look for",
        "query ($text: String) { bookings(userName: $text) { edges { cursor } } }",
        caller=ADMIN,
        variables={"text": text},
        **(told or _found("bookings")),
    )
    yield Attack(
        f"{name} as a show to look for",
        "query ($text: ID) { bookings(showId: $text) { edges { cursor } } }",
        caller=ADMIN,
        variables={"text": text},
        **MISTAKE,
    )
    yield Attack(
        f"{name} as a time to look for",
        "query ($text: DateTime) { shows(startsAfter: $text) { edges { cursor } } }",
        variables={"text": text},
        **MISTAKE,
    )
    yield Attack(
        f"{name} as a time",
        CREATE,
        caller=ADMIN,
        variables={"text": text, "time": text},
        **_invalid("createShow"),
    )
    yield Attack(
        f"{name} as a name",
        BOOK,
        caller=ADMIN,
        variables={"input": {**NO_SEAT, "userName": text}},
        **_invalid("bookSeats"),
    )
    yield Attack(
        f"{name} as a key",
        BOOK,
        caller=ADA,
        variables={"input": {**NO_SEAT, "idempotencyKey": text}},
        **_invalid("bookSeats"),
    )
    yield Attack(
        f"{name} to be audited",
        "query ($text: ID) { audit(showId: $text) { shows } }",
        caller=ADMIN,
        variables={"text": text},
        **MISTAKE,
    )
    yield Attack(
        f"{name} as a flag",
        SET,
        caller=ADMIN,
        variables={"key": text, "value": text},
        **_invalid("setFeatureFlag"),
    )
    yield Attack(
        f"{name} as a flag to ask for",
        "query ($text: String!) { featureFlag(key: $text, subject: $text) { value } }",
        variables={"text": text},
        **MISTAKE,
    )
    yield Attack(
        f"{name} as a flag whose changes to look for",
        "query ($text: String!) { featureFlagChanges(key: $text) { key } }",
        caller=ADMIN,
        variables={"text": text},
        **MISTAKE,
    )
    yield Attack(
        f"{name} as a flag to delete",
        "mutation ($text: String!) { deleteFeatureFlag(key: $text) { __typename } }",
        caller=ADMIN,
        variables={"text": text},
        status=200,
        code=None,
        data={"deleteFeatureFlag": {"__typename": "NotFound"}},
    )
    yield Attack(f"{name} as an operation", more={"operationName": text})
    yield Attack(f"{name} as a document", text)
    yield Attack(f"{name} as a document over a socket", text, Way.SOCKET, status=0)


def _shown(text: str) -> Iterator[Attack]:
    """In what says who calls and from where, as far as HTTP can carry it."""
    name = f"{json.dumps(text)[:24]}"
    asked: Told = {"status": 200, "code": None, "data": {"__typename": "Query"}}
    for header in ("user-agent", "x-forwarded-for", "x-request-id", "referer", "cookie"):
        yield Attack(f"{name} as {header}", headers={header: text}, **asked)
    yield Attack(f"{name} as a host", headers={"host": text.replace(" ", "")}, **asked)
    yield Attack(f"{name} as an origin", headers={"origin": text}, status=403, code="FORBIDDEN")
    refused: Told = {"status": 401, "code": "UNAUTHENTICATED"}
    yield Attack(f"{name} as a token", caller=f"Bearer {text}", **refused)
    yield Attack(f"{name} as an API key", caller=f"Bearer bo_1_{text}", **refused)


def _split() -> Iterator[Attack]:
    """A line break in a head would begin another header, and in an address another line."""
    start = b"POST /graphql HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\n"
    end = b"content-length: 27\r\nconnection: close\r\n\r\n" + b'{"query": "{ __typename }"}'
    for name, header in {
        "a bare line feed": b"x-request-id: a\n" + FORGED.encode().replace(b": ", b" ") + b"\r\n",
        "a bare carriage return": b"x-request-id: a\r" + FORGED.encode() + b"\r\n",
        "an escape": b"x-request-id: \x1b[2J" + FORGED.encode() + b"\r\n",
    }.items():
        yield Attack(name, way=Way.RAW, content=start + header + end)
    for name, path in {
        "a line break in an address": f"/a%0a{FORGED}",
        "the same in its question": f"/graphql?query=%0a{FORGED}",
    }.items():
        content = f"GET {path.replace(' ', '%20')} HTTP/1.1\r\nhost: HOST\r\n\r\n".encode()
        is_path = path.startswith("/a")
        yield Attack(
            name,
            way=Way.RAW,
            content=content,
            status=404 if is_path else 200,
            code=None if is_path else "BAD_REQUEST",
        )


def _long() -> Iterator[Attack]:
    """Half a mebibyte of text, where a name has two hundred letters."""
    for name, text in (("letters", "x" * 450_000), ("spaces of no width", "\u200b" * 80_000)):
        argued = list(_arguments(text, None))
        for attack in argued[:7]:
            yield replace(attack, name=attack.name.replace(json.dumps(text)[:24], name))
    yield Attack(
        "letters as a status",
        "query ($text: BookingStatus) { bookings(status: $text) { edges { cursor } } }",
        caller=ADMIN,
        variables={"text": "x" * 900_000},
        limit="variableText",
    )


TEXTS = {
    "long": list(_long()),
    "sql": [row for text in SQL[:3] for row in _arguments(text, None)]
    + [row for text in SQL[3:5] for row in _shown(text)],
    "lines": [row for text in LINES[:2] for row in _arguments(text, MISTAKE)],
    "splitting": list(_split()),
}
