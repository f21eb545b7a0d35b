"""What a client can get wrong over the API: each mistake is named, and none leaves a trace."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.serving import Served

CREATE = """
    mutation ($input: CreateShowInput!) {
        createShow(input: $input) {
            __typename
            ... on Show { id }
            ... on InvalidInput { message fields { field message } }
        }
    }
"""
BOOK = """
    mutation ($input: BookSeatsInput!) {
        bookSeats(input: $input) {
            __typename
            ... on Booking { id }
            ... on NotFound { message id }
            ... on InvalidInput { message fields { field message } }
        }
    }
"""
CONFIRM = """
    mutation ($id: ID!) {
        confirmBooking(bookingId: $id) { __typename ... on NotFound { message id } }
    }
"""
CANCEL = """
    mutation ($id: ID!) {
        cancelBooking(bookingId: $id) { __typename ... on NotFound { message id } }
    }
"""
NODE = "query ($id: ID!) { found: node(id: $id) { id } }"
SHOW = "query ($id: ID!) { found: show(id: $id) { id } }"
BOOKING = "query ($id: ID!) { found: booking(id: $id) { id } }"
SHOWS = """
    query ($first: Int, $after: String, $search: String, $startsAfter: DateTime) {
        shows(first: $first, after: $after, search: $search, startsAfter: $startsAfter) {
            edges { cursor }
        }
    }
"""
BOOKINGS = """
    query ($first: Int, $after: String, $status: BookingStatus, $showId: ID, $userName: String) {
        bookings(
            first: $first, after: $after, status: $status, showId: $showId, userName: $userName
        ) { edges { cursor } }
    }
"""
SEAT_MAP = """
    subscription ($id: ID!, $since: Int, $every: Int) {
        seatMap(showId: $id, sinceVersion: $since, everyMs: $every) { version }
    }
"""
WATCH = "subscription ($id: ID!) { booking(id: $id) { id } }"

SHOW_INPUT = {"name": "Show", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 10}
HOUSE_SHOW_SEATS = 10
LONG = "x" * 10_240
ROWS = """
    SELECT
        (SELECT count(*) FROM shows), (SELECT count(*) FROM bookings),
        (SELECT count(*) FROM taken_seats), (SELECT count(*) FROM changes),
        (SELECT max(version) FROM shows)
"""
# What must never be read in an answer.
OURS = ("Traceback", "Unexpected error", "Internal error", "INTERNAL", "psycopg", ".py")


@dataclass(frozen=True)
class House:
    """A show, and one booking of its first seat."""

    show: str
    booking: str


@pytest.fixture(scope="module")
def house(served: Served) -> House:
    show = served.data(CREATE, input=SHOW_INPUT)["createShow"]["id"]
    given = {"showId": show, "seatNumbers": [1], "userName": "Ada", "confirm": True}
    return House(show, served.data(BOOK, input=given)["bookSeats"]["id"])


@pytest.fixture(autouse=True)
def nothing_written(house: House, shared_database_url: str) -> Iterator[None]:
    """Whatever is wrong, nothing comes of it."""
    with psycopg.connect(shared_database_url, autocommit=True) as conn:
        before = conn.execute(ROWS).fetchone()
        yield
        assert conn.execute(ROWS).fetchone() == before


def post(served: Served, document: str, accept: str = "application/json", **variables: Any) -> Any:
    """Ask, with whatever JSON can spell; the answer is whole and says nothing of ours."""
    body = json.dumps({"query": document, "variables": variables}).encode()
    headers = {"content-type": "application/json", "accept": accept}
    with closing(HTTPConnection(served.address, timeout=10)) as conn:
        conn.request("POST", "/graphql", body, headers)
        response = conn.getresponse()
        text = response.read().decode()
    assert response.status in (200, 400), text
    for words in OURS:
        assert words not in text
    return json.loads(text) if accept == "application/json" else text


def assert_bad_request(answer: Any, word: str = "") -> None:
    assert answer.get("data") is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_REQUEST"], answer
    assert word in answer["errors"][0]["message"]
    assert answer["errors"][0]["message"]


def encode(*parts: object) -> str:
    """An id or cursor as a client would forge it."""
    return urlsafe_b64encode(":".join(map(str, parts)).encode()).decode().rstrip("=")


# Inputs of mutations: data, every mistake at once


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "   "}, ["name"]),
        ({"name": "\u00a0\u2003"}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"name": LONG}, ["name"]),
        ({"name": "a\0b"}, ["name"]),
        ({"name": "a\x1b[31m"}, ["name"]),
        ({"name": "a\nb"}, ["name"]),
        ({"name": "a\x85b"}, ["name"]),
        ({"startTime": ""}, ["startTime"]),
        ({"startTime": "soon"}, ["startTime"]),
        ({"startTime": "2031-05-01"}, ["startTime"]),
        ({"startTime": "2031-05-01T19:30:00"}, ["startTime"]),
        ({"startTime": "2031-05-01T19:30Z"}, ["startTime"]),
        ({"startTime": "2031-02-30T19:30:00Z"}, ["startTime"]),
        ({"startTime": "2031-05-01T25:30:00Z"}, ["startTime"]),
        ({"startTime": "2031-05-01T19:30:00+25:00"}, ["startTime"]),
        ({"startTime": "9999-12-31T23:59:59-01:00"}, ["startTime"]),
        ({"startTime": "0000-01-01T00:00:00Z"}, ["startTime"]),
        ({"startTime": "\u0662\u0660\u0663\u0661-05-01T19:30:00Z"}, ["startTime"]),
        ({"startTime": "2031-05-01T19:30:00Z\0"}, ["startTime"]),
        ({"startTime": LONG}, ["startTime"]),
        ({"totalSeats": 0}, ["totalSeats"]),
        ({"totalSeats": -1}, ["totalSeats"]),
        ({"totalSeats": 100_001}, ["totalSeats"]),
        ({"totalSeats": 2**31 - 1}, ["totalSeats"]),
        ({"seatsPerRow": 0}, ["seatsPerRow"]),
        ({"seatsPerRow": -(2**31)}, ["seatsPerRow"]),
        ({"seatsPerRow": 2**31 - 1}, ["seatsPerRow"]),
        ({"holdSeconds": 4}, ["holdSeconds"]),
        ({"holdSeconds": 0}, ["holdSeconds"]),
        ({"holdSeconds": 86_401}, ["holdSeconds"]),
        (
            {"name": "", "startTime": "x", "totalSeats": 0, "seatsPerRow": 0, "holdSeconds": 0},
            ["holdSeconds", "name", "seatsPerRow", "startTime", "totalSeats"],
        ),
        ({"name": " " * 201 + "\0"}, ["name", "name"]),
    ],
)
def test_every_mistake_of_a_show_is_named_at_once(
    served: Served, changes: dict[str, Any], fields: list[str]
) -> None:
    answer = post(served, CREATE, input={**SHOW_INPUT, **changes})
    assert_invalid(answer["data"]["createShow"], fields)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"seatNumbers": []}, ["seatNumbers"]),
        ({"seatNumbers": [2, 2]}, ["seatNumbers"]),
        ({"seatNumbers": [0]}, ["seatNumbers"]),
        ({"seatNumbers": [-1]}, ["seatNumbers"]),
        ({"seatNumbers": [HOUSE_SHOW_SEATS + 1]}, ["seatNumbers"]),
        ({"seatNumbers": [2, 100_000]}, ["seatNumbers"]),
        ({"seatNumbers": [100_001]}, ["seatNumbers"]),
        ({"seatNumbers": [2**31 - 1, -(2**31)]}, ["seatNumbers"]),
        ({"seatNumbers": list(range(1, 100_001))}, ["seatNumbers"]),
        ({"seatNumbers": [2] * 100_000}, ["seatNumbers"]),
        ({"seatNumbers": [0, 11, 2, 2]}, ["seatNumbers", "seatNumbers"]),
        ({"seatNumbers": [2], "seatCount": 1}, ["seatNumbers"]),
        ({"seatNumbers": None}, ["seatNumbers"]),
        ({"seatNumbers": None, "seatCount": None}, ["seatNumbers"]),
        ({"seatNumbers": None, "seatCount": 0}, ["seatCount"]),
        ({"seatNumbers": None, "seatCount": -1}, ["seatCount"]),
        ({"seatNumbers": None, "seatCount": -(2**31)}, ["seatCount"]),
        ({"seatNumbers": [], "seatCount": 0}, ["seatCount", "seatNumbers", "seatNumbers"]),
        ({"userName": None}, ["userName"]),
        ({"userName": ""}, ["userName"]),
        ({"userName": " \u3000"}, ["userName"]),
        ({"userName": "x" * 201}, ["userName"]),
        ({"userName": LONG}, ["userName"]),
        ({"userName": "a\0b"}, ["userName"]),
        ({"userName": "a\x7f"}, ["userName"]),
        ({"idempotencyKey": ""}, ["idempotencyKey"]),
        ({"idempotencyKey": " "}, ["idempotencyKey"]),
        ({"idempotencyKey": "x" * 256}, ["idempotencyKey"]),
        ({"idempotencyKey": LONG}, ["idempotencyKey"]),
        ({"idempotencyKey": "a\0b"}, ["idempotencyKey"]),
        ({"idempotencyKey": "a\r\n"}, ["idempotencyKey"]),
        (
            {"seatNumbers": [11], "seatCount": 0, "userName": "", "idempotencyKey": "\0"},
            ["idempotencyKey", "seatCount", "seatNumbers", "seatNumbers", "userName"],
        ),
    ],
)
def test_every_mistake_of_a_booking_is_named_at_once(
    served: Served, house: House, changes: dict[str, Any], fields: list[str]
) -> None:
    given = {"showId": house.show, "seatNumbers": [2], "userName": "Ada", **changes}
    answer = post(served, BOOK, input=given)
    assert_invalid(answer["data"]["bookSeats"], fields)


def assert_invalid(result: dict[str, Any], fields: list[str]) -> None:
    assert result["__typename"] == "InvalidInput", result
    assert sorted(problem["field"] for problem in result["fields"]) == fields
    assert all(problem["message"] for problem in result["fields"])
    assert 0 < len(result["message"]) < 1_000


# Ids


def bad_ids() -> dict[str, Any]:
    """Ids that are nobody's."""
    id_ = uuid4().hex
    return {
        "empty": "",
        "blank": " ",
        "word": "nonsense",
        "number": 7,
        "negative number": -1,
        "huge number": 10**18,
        "not base64": "!!!",
        "padding": "U2hvdzox==",
        "inside padding": "U2hv=dzox",
        "not ASCII": "ÜñîçØdé",
        "NUL": "a\0b",
        "NUL inside": encode("Show", "1\0"),
        "megabyte": "A" * 1_000_000,
        "binary": urlsafe_b64encode(bytes(range(128, 256))).decode(),
        "no key": encode("Show", ""),
        "no such kind": encode("Order", 1),
        "no such show": encode("Show", 2**63 - 1),
        "show beyond bigint": encode("Show", 2**63),
        "show of a thousand digits": encode("Show", "9" * 1000),
        "show of ten thousand digits": encode("Show", "9" * 10_000),
        "negative show": encode("Show", -1),
        "padded show": encode("Show", "01"),
        "Arabic digit": encode("Show", "\u0661"),
        "show's cursor": encode("Shows", 0, 1),
        "no such booking": encode("Booking", 1, id_),
        "booking of no show": encode("Booking", 2**63 - 1, id_),
        "booking beyond bigint": encode("Booking", 2**64, id_),
        "booking with dashes": encode("Booking", 1, str(uuid4())),
        "booking in capitals": encode("Booking", 1, id_.upper().replace("0", "A")),
        "half a booking": encode("Booking", 1, id_[:16]),
        "booking and more": encode("Booking", 1, id_, 1),
    }


@pytest.mark.parametrize("name", bad_ids())
def test_id_that_is_nobodys_finds_nothing_and_is_told_so(served: Served, name: str) -> None:
    id_ = bad_ids()[name]
    for document in (NODE, SHOW, BOOKING):
        assert post(served, document, id=id_) == {"data": {"found": None}}
    for document in (CONFIRM, CANCEL):
        [result] = post(served, document, id=id_)["data"].values()
        assert_not_found(result, id_)
    given = {"showId": id_, "seatNumbers": [1], "userName": "Ada"}
    assert_not_found(post(served, BOOK, input=given)["data"]["bookSeats"], id_)


def test_id_of_a_show_is_no_booking_and_that_of_a_booking_no_show(
    served: Served, house: House
) -> None:
    for document in (CONFIRM, CANCEL):
        [result] = post(served, document, id=house.show)["data"].values()
        assert_not_found(result, house.show)
    given = {"showId": house.booking, "seatCount": 1, "userName": "Ada"}
    assert_not_found(post(served, BOOK, input=given)["data"]["bookSeats"], house.booking)
    assert post(served, SHOW, id=house.booking) == {"data": {"found": None}}
    assert post(served, BOOKING, id=house.show) == {"data": {"found": None}}
    assert_bad_request(post(served, BOOKINGS, showId=house.booking), "showId")


def assert_not_found(result: dict[str, Any], id_: Any) -> None:
    assert result.pop("message")
    assert result == {"__typename": "NotFound", "id": str(id_)}


def test_mistakes_are_named_before_an_unknown_show_is(served: Served) -> None:
    given = {"showId": "nothing", "seatNumbers": [0], "userName": ""}
    answer = post(served, BOOK, input=given)
    assert_invalid(answer["data"]["bookSeats"], ["seatNumbers", "userName"])


# Arguments of queries: an error with its code, and the argument's name


@pytest.mark.parametrize("document", [SHOWS, BOOKINGS])
@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1, -(2**31)])
def test_page_of_a_size_that_is_not_allowed_is_refused(
    served: Served, document: str, first: int
) -> None:
    assert_bad_request(post(served, document, first=first), "first")


@pytest.mark.parametrize("document", [SHOWS, BOOKINGS])
def test_arguments_of_null_are_as_if_left_out(served: Served, document: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("first", "after", "search", "startsAfter")
        if document == SHOWS
        else ("first", "after", "status", "showId", "userName")
    )
    assert post(served, document, **nothing) == post(served, document)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "a\0b",
        "é",
        "A" * 100_000,
        encode("Show", 1),
        encode("Booking", 1, uuid4().hex),
        encode("Shows", 0),
        encode("Shows", "x", 1),
        encode("Shows", 10**18, 1),
        encode("Shows", "9" * 5_000, 1),
        encode("Shows", "1_0", 1),
        encode("Shows", 0, 2**63),
        encode("Bookings", 0, 1),
        encode("Bookings", 0, 1, "x"),
        encode("Bookings", -(10**18), 1, uuid4().hex),
    ],
)
def test_cursor_that_is_none_is_refused(served: Served, cursor: str) -> None:
    for document in (SHOWS, BOOKINGS):
        assert_bad_request(post(served, document, after=cursor), "after")


def test_cursor_of_one_list_is_none_of_the_other(served: Served) -> None:
    [[show]] = (e["edges"] for e in post(served, SHOWS, first=1)["data"].values())
    [[booking]] = (e["edges"] for e in post(served, BOOKINGS, first=1)["data"].values())
    assert_bad_request(post(served, BOOKINGS, after=show["cursor"]), "after")
    assert_bad_request(post(served, SHOWS, after=booking["cursor"]), "after")


@pytest.mark.parametrize(
    ("document", "argument", "value"),
    [
        (SHOWS, "search", "a\0b"),
        (SHOWS, "search", "a\x1bb"),
        (BOOKINGS, "userName", "a\0b"),
        (BOOKINGS, "userName", "\n"),
        (BOOKINGS, "showId", ""),
        (BOOKINGS, "showId", "nonsense"),
        (BOOKINGS, "showId", 7),
        (BOOKINGS, "showId", "a\0b"),
        (BOOKINGS, "showId", encode("Show", 2**63)),
        (SHOWS, "startsAfter", ""),
        (SHOWS, "startsAfter", "soon"),
        (SHOWS, "startsAfter", "2031-05-01T19:30:00"),
        (SHOWS, "startsAfter", "2031-02-30T19:30:00Z"),
        (SHOWS, "startsAfter", "a\0b"),
        (SHOWS, "startsAfter", 5),
        (SHOWS, "startsAfter", True),
        (BOOKINGS, "status", "LAPSED"),
        (BOOKINGS, "status", "pending"),
        (BOOKINGS, "status", 1),
    ],
)
def test_argument_that_makes_no_sense_is_refused_by_name(
    served: Served, document: str, argument: str, value: Any
) -> None:
    assert_bad_request(post(served, document, **{argument: value}), argument)


@pytest.mark.parametrize(
    ("document", "filters"),
    [
        (SHOWS, {"search": LONG}),
        (SHOWS, {"search": "\u2028"}),
        (SHOWS, {"startsAfter": "9999-12-31T23:59:59.999999Z"}),
        (SHOWS, {"after": encode("Shows", 253402300799999999, 2**63 - 1)}),
        (BOOKINGS, {"userName": LONG}),
        (BOOKINGS, {"showId": encode("Show", 2**63 - 1)}),
        (BOOKINGS, {"after": encode("Bookings", -62135596800000000, 0, "0" * 32)}),
    ],
)
def test_filter_that_nothing_passes_gives_an_empty_page(
    served: Served, document: str, filters: dict[str, Any]
) -> None:
    [page] = post(served, document, **filters)["data"].values()
    assert page == {"edges": []}


# What GraphQL itself refuses


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("", {}),
        ("{", {}),
        ("nonsense", {}),
        ("{ nonsense }", {}),
        ("{ shows }", {}),
        ("{ show { id } }", {}),
        ('{ show(id: "x", day: 1) { id } }', {}),
        ('{ show(id: "x") { id { id } } }', {}),
        ("mutation { sellEverything }", {}),
        ("mutation { bookSeats { __typename } }", {}),
        ("mutation { bookSeats(input: {}) { __typename } }", {}),
        ("subscription { nonsense }", {}),
        ("query ($id: Nonsense) { show(id: $id) { id } }", {}),
        ("query A { __typename } query B { __typename }", {}),
        ("fragment F on Show { id }", {}),
        ('{ show(id: "\\ud800") { id } }', {}),
        ("{ shows(first: 99999999999) { edges { cursor } } }", {}),
        ('{ shows(first: "5") { edges { cursor } } }', {}),
        (SHOW, {}),
        (SHOW, {"id": None}),
        (SHOW, {"id": 1.5}),
        (SHOW, {"id": True}),
        (SHOW, {"id": ["x"]}),
        (SHOW, {"id": {}}),
        (SHOW, {"id": "\ud800"}),
        (SHOWS, {"first": "5"}),
        (SHOWS, {"first": 1.5}),
        (SHOWS, {"first": 2**31}),
        (SHOWS, {"first": True}),
        (SHOWS, {"after": 5}),
        (SHOWS, {"search": 5}),
        (SHOWS, {"search": "\udfff"}),
        (SHOWS, {"search": "a\ud800"}),
        (BOOKINGS, {"userName": ["Ada"]}),
        (BOOKINGS, {"userName": "\ud800"}),
        (CONFIRM, {}),
        (CONFIRM, {"id": "\ud800"}),
        (CANCEL, {"id": None}),
        (CREATE, {}),
        (CREATE, {"input": None}),
        (CREATE, {"input": 5}),
        (CREATE, {"input": []}),
        (CREATE, {"input": {}}),
    ],
)
def test_operation_that_makes_no_sense_is_refused(
    served: Served, document: str, variables: dict[str, Any]
) -> None:
    answer = post(served, document, **variables)
    assert answer.get("data") is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_REQUEST"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", [None, 5, ["x"], {}, "\ud800"]),
        ("startTime", [None, 5, 1.5, True, ["x"], {}, "\ud800"]),
        ("totalSeats", [None, "10", 1.5, 2**31, True, [10, 10], {}]),
        ("seatsPerRow", ["10", 0.5, 2**31, -(2**31) - 1, False]),
        ("holdSeconds", ["120", 5.5, 2**31, True]),
        ("unknown", [None, 1]),
        ("hold_seconds", [120]),
    ],
)
def test_field_of_a_show_of_the_wrong_type_is_refused_by_name(
    served: Served, field: str, values: list[Any]
) -> None:
    for value in values:
        word = "" if value == "\ud800" else field  # which is no JSON to begin with
        assert_bad_request(post(served, CREATE, input={**SHOW_INPUT, field: value}), word)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("showId", [None, 1.5, True, {}, "\ud800"]),
        ("seatNumbers", ["1", [None], ["1"], [1.5], [2**31], [[1]], {}, [True]]),
        ("seatCount", ["1", 1.5, 2**31, -(2**31) - 1, [1, 2], True]),
        ("userName", [5, True, ["Ada"], {}, "\ud800", "a\udfffb"]),
        ("confirm", ["true", 1, 0, []]),
        ("idempotencyKey", [5, ["k"], {}, "\ud800"]),
        ("unknown", [None, 1]),
        ("seats", [[1]]),
    ],
)
def test_field_of_a_booking_of_the_wrong_type_is_refused_by_name(
    served: Served, house: House, field: str, values: list[Any]
) -> None:
    valid = {"showId": house.show, "userName": "Ada"}
    for value in values:
        word = "" if "\\ud" in json.dumps(value) else field
        assert_bad_request(post(served, BOOK, input={**valid, field: value}), word)


@pytest.mark.parametrize("field", ["name", "startTime", "totalSeats"])
def test_field_of_a_show_that_is_missing_is_named(served: Served, field: str) -> None:
    given = {key: value for key, value in SHOW_INPUT.items() if key != field}
    assert_bad_request(post(served, CREATE, input=given), field)


def test_show_of_a_booking_that_is_missing_is_named(served: Served) -> None:
    assert_bad_request(post(served, BOOK, input={"seatCount": 1, "userName": "Ada"}), "showId")


# Subscriptions, over an event stream


@pytest.mark.parametrize(
    ("document", "changes", "word"),
    [
        (SEAT_MAP, {"every": -1}, "everyMs"),
        (SEAT_MAP, {"every": 60_001}, "everyMs"),
        (SEAT_MAP, {"every": 2**31 - 1}, "everyMs"),
        (SEAT_MAP, {"every": -(2**31)}, "everyMs"),
        (SEAT_MAP, {"every": 2**31}, "every"),
        (SEAT_MAP, {"every": "1"}, "every"),
        (SEAT_MAP, {"since": "1"}, "since"),
        (SEAT_MAP, {"since": 2**31}, "since"),
        *[(SEAT_MAP, {"id": id_}, "show") for id_ in ("", "x", "a\0b", encode("Show", 2**63 - 1))],
        *[(WATCH, {"id": id_}, "booking") for id_ in ("", "x", "a\0b", encode("Show", 1))],
        (WATCH, {"id": encode("Booking", 1, uuid4().hex)}, "booking"),
        (WATCH, {"id": None}, "id"),
        ("subscription { seatMap { version } }", {}, "showId"),
        ("subscription { nonsense }", {}, "nonsense"),
    ],
)
def test_subscription_that_makes_no_sense_is_refused(
    served: Served, house: House, document: str, changes: dict[str, Any], word: str
) -> None:
    variables = {"id": house.show, **changes}
    text = post(served, document, accept="text/event-stream", **variables)
    lines = [line.removeprefix("data:").strip() for line in text.splitlines()]
    [answer] = [json.loads(line) for line in lines if line.startswith("{")]
    assert_bad_request(answer, word)


def test_subscription_to_the_wrong_kind_of_id_is_refused(served: Served, house: House) -> None:
    for document, id_ in ((SEAT_MAP, house.booking), (WATCH, house.show)):
        text = post(served, document, accept="text/event-stream", id=id_)
        assert "BAD_REQUEST" in text
