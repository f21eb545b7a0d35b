"""Texts that mean something elsewhere mean nothing here: kept as they came, or refused."""

import json
import unicodedata
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from schema.ids import parse_show_id
from tests.serving import Served

CREATE = """
    mutation ($input: CreateShowInput!) {
        createShow(input: $input) {
            ... on Show { id name } ... on InvalidInput { fields { field } }
        }
    }
"""
BOOK = """
    mutation ($input: BookSeatsInput!) {
        bookSeats(input: $input) {
            ... on Booking { id userName } ... on InvalidInput { fields { field } }
        }
    }
"""
SHOWS = "query ($text: String) { shows(search: $text, first: 100) { edges { node { name } } } }"
BOOKINGS = """
    query ($text: String) { bookings(userName: $text, first: 100) { edges { node { userName } } } }
"""
# Where a text can only be one that nobody has, or no usable one.
ELSEWHERE = [
    "query ($text: ID!) { found: node(id: $text) { id } }",
    "query ($text: ID!) { found: nodes(ids: [$text]) { id } }",
    "query ($text: ID!) { found: show(id: $text) { id } }",
    "query ($text: ID!) { found: booking(id: $text) { id } }",
    "query ($text: String) { found: shows(after: $text) { edges { cursor } } }",
    "query ($text: String) { found: bookings(after: $text) { edges { cursor } } }",
    "query ($text: ID) { found: bookings(showId: $text) { edges { cursor } } }",
    "mutation ($text: ID!) { found: confirmBooking(bookingId: $text) { ... on NotFound { id } } }",
    "mutation ($text: ID!) { found: cancelBooking(bookingId: $text) { ... on NotFound { id } } }",
]
LISTS = [
    "query ($text: String) { found: shows(search: $text) { edges { cursor } } }",
    "query ($text: String) { found: bookings(userName: $text) { edges { cursor } } }",
]
TEXTS = [
    "'; DROP TABLE bookings; --",
    "Robert'); DELETE FROM shows WHERE ('1'='1",
    "1 OR 1=1",
    "$1 $$ %s %(name)s {} {0} :name ?",
    "pg_sleep(10) || chr(0)",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "${jndi:ldap://127.0.0.1/a}",
    "javascript:alert(1)",
    "../../../../etc/passwd",
    "$(touch /tmp/a) `id` | id; id & id",
    '{"$ne": null}',
    '","role":"admin","a":"',
    "%_\\",
    "100% sure_thing",
    "\\x41 \\u0041 \\' \\\" \\\\",
    "a\0b",
    "a\x1b[2J\x1b[31mb",
    "Ada\r\nSet-Cookie: a=b",
    "Ada\n1999-12-31T00:00:00.000+00:00 ERROR boxoffice: forged",
    "\u202egnp.exe",
    "a\u200bb\ufeffc\u2028d\u2029e",
    "🎟️👩‍👩‍👧‍👦🏴‍☠️",
    "e\u0301\u0327 Z\u0351\u036b\u0343\u036a\u0302 \u00e9",
    "\U0001f39f" * 200,
    "\ufb01 \u00df \u0130 \u0131 \u212a \u212b \u2126",
    "  kept  as it is  ",
    "NULL",
    "undefined",
    "__proto__",
]
IDS = [ascii(text)[1:25] for text in TEXTS]
# What a text may be refused for, and nothing else.
STEERING = {"Cc", "Cs"}

texts = pytest.mark.parametrize("text", TEXTS, ids=IDS)


def refused(text: str) -> bool:
    return any(unicodedata.category(character) in STEERING for character in text)


def fetch(url: str, query: str, *parameters: Any) -> list[Any]:
    with psycopg.connect(url) as conn:
        return [row[0] for row in conn.execute(query.encode(), parameters)]


def create(served: Served, name: str) -> dict[str, Any]:
    given = {"name": name, "startTime": "2031-05-01T19:30:00Z", "totalSeats": 5}
    created: dict[str, Any] = served.data(CREATE, input=given)["createShow"]
    return created


@texts
def test_a_shows_name_is_kept_as_it_came(
    served: Served, shared_database_url: str, text: str
) -> None:
    show = create(served, text)
    if refused(text):
        assert show == {"fields": [{"field": "name"}]}
        return
    assert show["name"] == text
    kept = "SELECT convert_to(name, 'UTF8') FROM shows WHERE id = %s"
    assert fetch(shared_database_url, kept, parse_show_id(show["id"])) == [text.encode()]
    found = served.data(SHOWS, text=text)["shows"]["edges"]
    assert text in [edge["node"]["name"] for edge in found]
    assert all(text.casefold() in edge["node"]["name"].casefold() for edge in found)


@texts
def test_a_bookings_texts_are_kept_as_they_came(
    served: Served, shared_database_url: str, text: str
) -> None:
    given = {"showId": create(served, "Show")["id"], "seatCount": 1, "userName": text}
    keyed = {**given, "idempotencyKey": text}
    first = served.data(BOOK, input=keyed)["bookSeats"]
    if refused(text):
        assert first == {"fields": [{"field": "userName"}, {"field": "idempotencyKey"}]}
        return
    assert first["userName"] == text
    assert served.data(BOOK, input=keyed)["bookSeats"] == first
    assert served.data(BOOK, input=given)["bookSeats"]["id"] != first["id"]
    kept = "SELECT convert_to(user_name, 'UTF8') FROM bookings WHERE show_id = %s"
    rows = fetch(shared_database_url, kept, parse_show_id(given["showId"]))
    assert rows == [text.encode()] * 2
    found = served.data(BOOKINGS, text=text)["bookings"]["edges"]
    assert {edge["node"]["userName"] for edge in found} == {text}


@texts
def test_a_text_that_nobody_has_finds_nothing(served: Served, text: str) -> None:
    unique = f"{text}{uuid4()}"
    for query in (*ELSEWHERE, *LISTS):
        given = unique if query in LISTS else text
        answer = served.ask(query, text=given)
        if "errors" in answer:
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_REQUEST"]
        else:
            assert answer["data"]["found"] in (None, [None], {"id": text}, {"edges": []})


@texts
def test_a_text_around_an_operation_is_no_fault_of_ours(served: Served, text: str) -> None:
    bodies = [
        {"query": "query A { __typename }", "operationName": text},
        {"query": f"{{ {text}: __typename }}"},
        {"query": "{ __typename @skip(if: true) }", "variables": {text: text}},
        {"query": "{ __typename }", "extensions": {text: text}},
        {"query": f"{{ shows(search: {json.dumps(text)}) {{ edges {{ cursor }} }} }}"},
        {"query": text},
    ]
    for body in bodies:
        answer = httpx.post(served.url, json=body, verify=False)
        assert answer.status_code < 500
        assert "INTERNAL" not in answer.text
        assert answer.headers["content-type"].startswith("application/json")


@texts
def test_a_text_in_a_header_or_a_url_is_no_fault_of_ours(served: Served, text: str) -> None:
    plain = httpx.get(served.url, headers={"accept": "text/html"}, verify=False)
    page = httpx.get(
        served.url, params={"variables": text}, headers={"accept": "text/html"}, verify=False
    )
    assert (page.status_code, page.text) == (200, plain.text)
    other = httpx.get(f"http://{served.address}/{uuid4()}", params={text: text}, verify=False)
    assert (other.status_code, other.text) == (404, "Not Found")
    if "\r" in text or "\n" in text or "\0" in text:
        return  # it ends a header, and is another request
    for name in ("authorization", "accept", "x-forwarded-for", "user-agent", "cookie", "origin"):
        headers = [(name.encode(), text.strip().encode())]
        answer = httpx.post(
            served.url, json={"query": "{ __typename }"}, headers=headers, verify=False
        )
        assert answer.status_code < 500
        assert not set(answer.headers) & {"set-cookie", "access-control-allow-origin"}
        assert "INTERNAL" not in answer.text
