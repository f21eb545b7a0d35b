"""Bodies and variables: too large, of another shape, and spelt to be misread."""

import json
from collections.abc import Iterator
from typing import Any

from tests.attacks.attack import ADA, ADMIN, BOB, SHOW, Attack, Told, Way

TEN_MEGABYTES = 10_000_000
TOO_LARGE: Told = {"status": 413, "limit": "bodyBytes"}
TOO_LONG: Told = {"status": 1009, "code": None, "cut_off": True}
SHOW_BY_ID = "query ($id: ID!) { show(id: $id) { id } }"
BOOK = "mutation ($input: BookSeatsInput!) { bookSeats(input: $input) { __typename } }"
HEAD = b"POST /graphql HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\n"
ASK = b'{"query": "{ __typename }"}'


def _large() -> Iterator[Attack]:
    large = json.dumps({"query": "{ __typename }", "variables": {"a": "x" * TEN_MEGABYTES}})
    text = large.encode()
    yield Attack("ten megabytes", content=b" " * TEN_MEGABYTES, **TOO_LARGE)
    yield Attack("ten megabytes of variables", content=text, **TOO_LARGE)
    yield Attack("the same, the long way", way=Way.LONG, content=text, **TOO_LARGE)
    yield Attack("the same as a stream", way=Way.STREAM, content=text, **TOO_LARGE)
    yield Attack("ten megabytes of brackets", content=b"[" * TEN_MEGABYTES, **TOO_LARGE)
    yield Attack("ten megabytes of document", content=b'{"query": "' + text + b'"}', **TOO_LARGE)
    yield Attack("ten megabytes over a socket", way=Way.SOCKET, content=text, **TOO_LONG)
    chunks = b"%x\r\n%b\r\n" % (len(text), text)
    yield Attack(
        "ten megabytes in chunks",
        way=Way.RAW,
        content=HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks,
        **TOO_LARGE,
    )
    announced = HEAD + b"content-length: 10000000\r\n\r\n" + text[:TEN_MEGABYTES]
    yield Attack("ten megabytes announced", way=Way.RAW, content=announced, **TOO_LARGE)
    nested = b'{"query": "{ __typename }", "variables": {"a": %b}}' % (
        b"[" * 400_000 + b"]" * 400_000
    )
    yield Attack("lists in lists in the variables", content=nested)


def _variables() -> Iterator[Attack]:
    undeclared = {"a": "x" * 500_000}
    yield Attack("a variable nobody declared", variables=undeclared, limit="variableText")
    for name, id_ in (
        ("a list as an id", ["a"] * 1_000),
        ("an object as an id", {"a": "b"}),
        ("a truth as an id", True),
        ("a fraction as an id", 1.5),
        ("null as an id", None),
    ):
        yield Attack(name, SHOW_BY_ID, variables={"id": id_})
    yield Attack(
        "lists in lists as an id",
        content=b'{"query": "%b", "variables": {"id": %b}}'
        % (SHOW_BY_ID.encode(), b"[" * 1_000 + b"]" * 1_000),
        limit="variableDepth",
    )
    yield Attack(
        "a number of 100,000 digits",
        content=b'{"query": "%b", "variables": {"id": %b}}' % (SHOW_BY_ID.encode(), b"9" * 100_000),
    )
    for name, seats in (
        ("a seat beyond 2^31", [2**31]),
        ("a seat beyond 2^63", [2**63]),
        ("a seat as text", ["1"]),
        ("seats in seats", [[1]]),
        ("null among the seats", [None]),
    ):
        wanted = {"input": {"showId": SHOW, "seatNumbers": seats}}
        yield Attack(name, BOOK, caller=ADA, variables=wanted)
        if name == "seats in seats":
            yield Attack(f"{name}, over a socket", BOOK, Way.SOCKET, ADA, wanted, status=0)


def _prototypes() -> Iterator[Attack]:
    unchanged: Told = {"status": 200, "code": None, "data": {"__typename": "Query"}}
    poison: dict[str, Any] = {"__proto__": {"isAdmin": True, "role": "admin", "caller": "admin"}}
    yield Attack("__proto__ in the body", more=poison, **unchanged)
    yield Attack("__proto__ in the variables", variables=poison, **unchanged)
    yield Attack("__proto__ in the extensions", more={"extensions": poison}, **unchanged)
    for key in ("__proto__", "constructor", "__class__"):
        poison = {key: {"isAdmin": True}}
        yield Attack(
            f"{key} in an input",
            BOOK,
            caller=BOB,
            variables={"input": {"showId": SHOW, "seatCount": 1, **poison}},
        )
    poison = {"__proto__": {"role": "admin"}, "context": {"caller": "admin"}, "caller": "admin"}
    expiry = "mutation { runExpiry { expiredBookings } }"
    refused: Told = {"status": 200, "code": "FORBIDDEN"}
    yield Attack("a role in the body", expiry, caller=BOB, more=poison, **refused)
    yield Attack("a role in the variables", expiry, caller=BOB, variables=poison, **refused)
    own = {"input": {"showId": SHOW, "seatCount": 1, "owner": "ada"}}
    yield Attack("an owner in an input", BOOK, caller=BOB, variables=own)
    own = {"input": {"showId": SHOW, "seatCount": 1, "maxPendingSeats": 1_000}}
    yield Attack("a bound in an input", BOOK, caller=BOB, variables=own)
    yield Attack("__proto__ as a field", "{ __proto__ { isAdmin } }")
    yield Attack("__class__ as a field", "{ __class__ { __init__ } }")
    yield Attack("__dict__ of a show", f'{{ show(id: "{SHOW}") {{ __dict__ }} }}')
    poison = {"id": "1", "type": "subscribe", "__proto__": {"isAdmin": True}}
    yield Attack(
        "__proto__ in a message",
        way=Way.SOCKET,
        content=json.dumps({**poison, "payload": {"query": expiry}}).encode(),
        status=0,
        code="UNAUTHENTICATED",
    )


def _shapes() -> Iterator[Attack]:
    shapes = {
        "nothing": b" ",
        "null": b"null",
        "a text": b'"{ __typename }"',
        "a number": b"7",
        "half of it": ASK[:-1],
        "two of it": ASK * 2,
        "a query that is a list": b'{"query": ["{ __typename }"]}',
        "a query that is an object": b'{"query": {"a": 1}}',
        "no query": b'{"variables": {}}',
        "variables that are a text": b'{"query": "{ __typename }", "variables": "{}"}',
        "variables that are a list": b'{"query": "{ __typename }", "variables": []}',
        "extensions that are a text": b'{"query": "{ __typename }", "extensions": "{}"}',
        "a name that is an object": b'{"query": "{ __typename }", "operationName": {}}',
        "UTF-16": ASK.decode().encode("utf-16"),
        "bytes that are no text": b'{"query": "\xff\xfe"}',
        "half a surrogate": b'{"query": "{ show(id: \\"\\ud800\\") { id } }"}',
        "a zero byte": b'{"query": "{ \x00 }"}',
        "not a number": b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        "JavaScript": b"{query: '{ __typename }'}",
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    }
    for at, (name, content) in enumerate(shapes.items()):
        yield Attack(name, way=(Way.POST, Way.LONG)[at % 2], content=content)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "*/*",
    ):
        yield Attack(f"as {kind or 'nothing'}", headers={"content-type": kind}, status=415)
    yield Attack(
        "in UTF-7", headers={"content-type": "application/json; charset=utf-7"}, status=415
    )
    yield Attack(
        "two kinds at once",
        headers={"content-type": "text/plain; application/json"},
        status=415,
    )
    yield Attack(
        "compressed",
        headers={"content-encoding": "gzip"},
        content=b"\x1f\x8b\x08\x00" + b"\x00" * 100,
    )
    yield Attack("a form by GET", "", Way.GET, ADMIN)
    files = b'--a\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--a--\r\n'
    yield Attack(
        "an upload",
        headers={"content-type": "multipart/form-data; boundary=a"},
        content=files,
        status=415,
    )


BODIES = {
    "large": list(_large()),
    "variables": list(_variables()),
    "prototypes": list(_prototypes()),
    "shapes": list(_shapes()),
}
