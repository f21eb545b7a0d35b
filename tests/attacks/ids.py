"""Ids: of other people's bookings, of other types, of nothing at all; and what is not for them."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

from schema.ids import parse_show_id
from tests.attacks.attack import (
    ADA,
    ADAS_BOOKING,
    ADMIN,
    BOB,
    HOUSE_BOOKING,
    SHOW,
    VISITOR,
    Attack,
    Told,
    Way,
)


def _id(*parts: object) -> str:
    return urlsafe_b64encode(":".join(map(str, parts)).encode()).decode().rstrip("=")


def booking_nobody_has(show_id: str) -> str:
    """An id as a booking of this show might have, and none has."""
    key = parse_show_id(show_id)
    assert key is not None
    return _id("Booking", key, "0" * 32)


UNKNOWN = _id("Booking", 1, "0" * 32)
# How somebody may ask for a booking, and what they are told where there is none.
ASKS: dict[str, tuple[str, Any]] = {
    "booking": ("query ($id: ID!) { booking(id: $id) { id userName } }", {"booking": None}),
    "node": (
        "query ($id: ID!) { node(id: $id) { id ... on Booking { userName } } }",
        {"node": None},
    ),
    "confirm": (
        "mutation ($id: ID!) { confirmBooking(bookingId: $id) { __typename } }",
        {"confirmBooking": {"__typename": "NotFound"}},
    ),
    "cancel": (
        "mutation ($id: ID!) { cancelBooking(bookingId: $id) { __typename } }",
        {"cancelBooking": {"__typename": "NotFound"}},
    ),
}
WATCH = "subscription ($id: ID!) { booking(id: $id) { status } }"
THEIRS = {"ada's": ADAS_BOOKING, "the house's": HOUSE_BOOKING, "nobody's": UNKNOWN}


def _of_others() -> Iterator[Attack]:
    for whose, id_ in THEIRS.items():
        variables = {"id": id_}
        for verb, (text, nothing) in ASKS.items():
            told: Told = {"status": 200, "code": None, "data": nothing}
            yield Attack(f"{verb} {whose}", text, Way.POST, BOB, variables, **told)
            told = {**told, "status": 0}
            named = f"{verb} {whose}, over a socket"
            if whose == "ada's":
                yield Attack(named, text, Way.SOCKET, BOB, variables, **told)
        yield Attack(f"watch {whose}", WATCH, Way.SOCKET, BOB, variables, status=0)
        yield Attack(f"watch {whose} as a stream", WATCH, Way.STREAM, BOB, variables, status=200)
    for verb, (text, nothing) in ASKS.items():
        code = None if verb == "node" else "UNAUTHENTICATED"
        yield Attack(
            f"{verb} ada's as a visitor",
            text,
            variables={"id": ADAS_BOOKING},
            status=200,
            code=code,
            data=nothing if verb in ("node", "booking") else None,
        )
    yield Attack(
        "watch ada's as a visitor",
        WATCH,
        Way.SOCKET,
        variables={"id": ADAS_BOOKING},
        status=0,
        code="UNAUTHENTICATED",
    )


def _of_other_types() -> Iterator[Attack]:
    strange = {
        "a show's": SHOW,
        "a type nobody has": _id("User", 1),
        "a cursor": _id("Shows", 0, 1),
        "a booking of no show": _id("Booking", 0, "0" * 32),
        "a booking with a show's key": _id("Booking", 1),
        "padded": UNKNOWN + "==",
        "in capitals": UNKNOWN.upper(),
        "with a space": " " + UNKNOWN,
        "a line break": UNKNOWN + "\n",
        "a path": "../../etc/passwd",
        "beyond a bigint": _id("Booking", 2**63, "0" * 32),
        "below zero": _id("Booking", -1, "0" * 32),
        "SQL": _id("Booking", "1 OR 1=1", "0" * 32),
        "a UUID": "00000000-0000-4000-8000-000000000000",
        "digits of another script": _id("Booking", "\u0661", "0" * 32),
        "a megabyte, nearly": "Qm9v" * 100_000,
        "empty": "",
    }
    verbs = list(ASKS.items())
    for at, (name, id_) in enumerate(strange.items()):
        verb, (text, nothing) = verbs[at % len(verbs)]
        told: Told = {"status": 200, "code": None, "data": nothing}
        if name == "a show's":
            verb, (text, nothing) = "booking", ASKS["booking"]
        yield Attack(f"{verb} {name}", text, caller=ADA, variables={"id": id_}, **told)
    booking = "query ($id: ID!) { show(id: $id) { id } }"
    told = {"status": 200, "code": None, "data": {"show": None}}
    yield Attack("a booking as a show", booking, caller=ADA, variables={"id": ADAS_BOOKING}, **told)
    book = "mutation ($id: ID!) { bookSeats(input: {showId: $id, seatCount: 1}) { __typename } }"
    for name, id_ in (("a booking", ADAS_BOOKING), ("no show", _id("Show", 999)), ("SQL", "1;")):
        yield Attack(
            f"book in {name}",
            book,
            caller=ADA,
            variables={"id": id_},
            status=200,
            code=None,
            data={"bookSeats": {"__typename": "NotFound"}},
        )


def _cursors() -> Iterator[Attack]:
    shows = "query ($at: String) { shows(after: $at) { edges { cursor } } }"
    bookings = "query ($at: String) { bookings(after: $at) { edges { cursor } } }"
    micros = 1_893_456_000_000_000
    for name, text, cursor in (
        ("of bookings for shows", shows, _id("Bookings", micros, 1, "0" * 32)),
        ("of shows for bookings", bookings, _id("Shows", micros, 1)),
        ("beyond all time", shows, _id("Shows", 2**62, 1)),
        ("of a time in words", shows, _id("Shows", "now()", 1)),
        ("with SQL", shows, _id("Shows", micros, "1 OR 1=1")),
        ("that is empty", shows, ""),
        ("of a megabyte, nearly", shows, "U2hv" * 100_000),
        ("with a line break", bookings, _id("Bookings", micros, 1, "0" * 32) + "\n"),
    ):
        variables = {"at": cursor}
        yield Attack(name, text, caller=ADMIN, variables=variables, status=200)


def _rights() -> Iterator[Attack]:
    """What is for admins."""
    asks = {
        "createShow": 'mutation { createShow(input: {name: "A", startTime: "2030-01-01T20:00:00Z", '
        "totalSeats: 1}) { __typename } }",
        "runExpiry": "mutation { runExpiry { expiredBookings } }",
        "bookings": "{ bookings { edges { node { userName } } } }",
        "bookings by name": '{ bookings(userName: "ada") { edges { node { id } } } }',
        "audit": "{ audit { shows } }",
        "setFeatureFlag": 'mutation { setFeatureFlag(input: {key: "a", percentage: 100}) '
        "{ __typename } }",
        "deleteFeatureFlag": 'mutation { deleteFeatureFlag(key: "a") { __typename } }',
        "featureFlags": "{ featureFlags { key value percentage } }",
        "featureFlagChanges": "{ featureFlagChanges { key changedBy } }",
        "bookings under an alias": "{ a: bookings { edges { cursor } } }",
        "bookings in a fragment": "{ ...F } fragment F on Query { bookings { edges { cursor } } }",
    }
    for name, text in asks.items():
        yield Attack(f"{name}, a visitor", text, status=200, code="UNAUTHENTICATED")
        yield Attack(f"{name}, a customer", text, caller=BOB, status=200, code="FORBIDDEN")
        if name != "bookings under an alias":
            continue
        yield Attack(f"{name}, over a socket", text, Way.SOCKET, BOB, status=0, code="FORBIDDEN")
        yield Attack(f"{name}, as a stream", text, Way.STREAM, BOB, status=200, code="FORBIDDEN")
    book = f'mutation {{ bookSeats(input: {{showId: "{SHOW}", seatCount: 1}}) {{ __typename }} }}'
    yield Attack("book, a visitor", book, caller=VISITOR, status=200, code="UNAUTHENTICATED")


def _held() -> Iterator[Attack]:
    book = f'mutation {{ bookSeats(input: {{showId: "{SHOW}", seatCount: 21}}) {{ __typename }} }}'
    refused: Told = {"code": "FORBIDDEN", "limit": "pendingSeats"}
    yield Attack("21 seats at once", book, caller=BOB, status=200, **refused)
    yield Attack("the same over a socket", book, Way.SOCKET, BOB, status=0, **refused)


IDS = {
    "of others": list(_of_others()),
    "of other types": list(_of_other_types()),
    "cursors": list(_cursors()),
    "rights": list(_rights()),
    "held": list(_held()),
}
