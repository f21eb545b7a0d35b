"""Documents: nested, in circles, flooded, and those that look into the schema."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tests.attacks.attack import ADA, ADMIN, BOB, SHOW, Attack, Way
from tests.hostile_documents import HOSTILE, INTROSPECTION

WATCH = f'seatMap(showId: "{SHOW}") {{ version }}'
NESTED = "edges { node { ... on Show { seatMap { seats { number } } } } }"
BOOK = f'bookSeats(input: {{showId: "{SHOW}", seatCount: 1}}) {{ __typename }}'


def _repeated(text: str, count: int) -> str:
    """A text so many times, with its number for `@`."""
    return " ".join(text.replace("@", str(at)) for at in range(count))


def _nested(levels: int, opening: str = "{ a ") -> str:
    return "{ booking(id: 1) " + opening * levels + "}" * (levels + 1)


def _doubling(levels: int, type_: str = "Show") -> str:
    """Fragments that each spread the next one twice."""
    fragments = _repeated(f"fragment F@ on {type_} {{ a@: __typename ...G@ ...G@ }}", levels)
    links = " ".join(
        f"fragment G{at} on {type_} {{ ...F{at + 1} ...F{at + 1} }}" for at in range(levels)
    )
    return f"{fragments} {links} fragment F{levels} on {type_} {{ __typename }}"


def _circle(length: int) -> str:
    """Fragments of which each spreads the next one, and the last the first."""
    return " ".join(
        f"fragment F{at} on Query {{ ...F{(at + 1) % length} }}" for at in range(length)
    )


def _depth() -> Iterator[Attack]:
    deep = [
        ("20 levels", _nested(20)),
        ("490 levels", _nested(490)),
        ("30,000 levels", "{ a " * 30_000),
        ("levels of inline fragments", _nested(60, "{ ... { a ") + "}" * 60),
        ("levels by fragments", "{ ...F0 } " + _levels_by_fragments(20)),
        ("lists in lists as a value", f"{{ show(id: {'[' * 5_000}{']' * 5_000}) {{ id }} }}"),
        ("objects in objects as a value", f"{{ show(id: {'{a: ' * 300}1{'}' * 300}) {{ id }} }}"),
        ("lists in lists as a type", f"query ($a: {'[' * 900}Int{']' * 900}) {{ __typename }}"),
    ]
    limits = ["depth", "depth", "characters", "depth", "depth", "depth", "depth", "depth"]
    for (name, text), limit in zip(deep, limits, strict=True):
        yield Attack(name, text, limit=limit)
    yield Attack("20 levels, by GET", _nested(20), Way.GET, limit="depth")
    yield Attack("20 levels, as a stream", _nested(20), Way.STREAM, status=200, limit="depth")
    yield Attack("20 levels, over a socket", _nested(20), Way.SOCKET, status=0, limit="depth")


def _levels_by_fragments(count: int) -> str:
    links = " ".join(f"fragment F{at} on Query {{ a {{ ...F{at + 1} }} }}" for at in range(count))
    return f"{links} fragment F{count} on Query {{ a }}"


def _circles() -> Iterator[Attack]:
    circles = [
        ("a fragment in itself", "{ ...F } fragment F on Query { ...F }"),
        ("a fragment in itself, unused", "{ __typename } fragment F on Query { ...F }"),
        ("two fragments in each other", "{ ...F0 } " + _circle(2)),
        ("a circle of thirty", "{ ...F0 } " + _circle(30)),
        (
            "a circle through inline fragments",
            "{ ...F } fragment F on Query { ... { ... on Query { ...F } } }",
        ),
        (
            "a circle through a field",
            '{ ...F } fragment F on Query { node(id: "x") { ... on Show { ...G } } } '
            "fragment G on Show { seatMap { ...H } } fragment H on SeatMap { ...G }",
        ),
        ("a circle under a directive", "{ ...F } fragment F on Query { ...F @skip(if: true) }"),
    ]
    for name, text in circles:
        yield Attack(name, text, limit="depth")
    text = "subscription { ...F } fragment F on Subscription { ...F }"
    yield Attack("a circle in a subscription", text, Way.SOCKET, status=0, limit="depth")
    yield Attack("a circle as a stream", text, Way.STREAM, status=200, limit="depth")
    yield Attack("a circle by GET", circles[2][1], Way.GET, limit="depth")
    doubling = f"{{ shows {{ edges {{ node {{ ...F0 }} }} }} }} {_doubling(10)}"
    yield Attack("fragments that double", doubling, limit="fields")


def _floods() -> Iterator[Attack]:
    name = "{ show(id: 1) { @ } }"
    floods: list[tuple[str, str, str | None]] = [
        ("aliases of a root field", "{ " + _repeated("a@: __typename", 200) + " }", "rootFields"),
        ("aliases below", name.replace("@", _repeated("a@: name", 60)), "aliases"),
        ("aliases by fragments", "{ ...A ...B } " + _aliased("A") + _aliased("B"), "rootFields"),
        ("a long alias", name.replace("@", f"{'a' * 10_000}: name"), "aliasLength"),
        ("one alias again and again", name.replace("@", "a: name " * 300), "aliases"),
        ("a field again and again", name.replace("@", "name " * 300), "namesakes"),
        ("directives of a field", f"{{ __typename {'@skip(if: false) ' * 100} }}", "directives"),
        ("directives nobody knows", f"{{ __typename {'@aaaa ' * 400} }}", "directives"),
        ("directives of the operation", f"query {'@a ' * 60} {{ __typename }}", "directives"),
        (
            "directives of a fragment",
            f"{{ ...F {'@a ' * 30} }} fragment F on Query {'@a ' * 30} {{ __typename }}",
            "directives",
        ),
        (
            "directives of variables",
            "query (" + "".join(f"$a{at}: Int {'@a ' * 10}" for at in range(10)) + ") { id }",
            "directives",
        ),
        ("operations", _repeated("query Q@ { __typename }", 30), "operations"),
        ("variables", "query (" + _repeated("$a@: Int", 60) + ") { __typename }", "variables"),
        ("fragments", "{ id } " + _repeated("fragment F@ on Show { id }", 40), "fragments"),
        ("spreads", name.replace("@", "...F " * 70) + " fragment F on Show { id }", "spreads"),
        ("a comment of 200,000 characters", "#" + "x" * 200_000 + "\n{ __typename }", "characters"),
        ("100,000 commas", "{ __typename" + "," * 100_000 + " }", "characters"),
        ("2,000 tokens", "{ " + "id " * 2_000 + "}", "tokens"),
        ("arguments nobody knows", "{ show(" + _repeated("a@: 1", 300) + ") { id } }", None),
        ("whole maps of a page", f"{{ shows(first: 100) {{ {NESTED} }} }}", "cost"),
        (
            "pages without a first",
            "{ shows { edges { node { seatMap { seats { number row label status } } } } } }",
            "cost",
        ),
    ]
    for what, text, limit in floods:
        yield Attack(what, text, limit=limit)
    ways = {
        "aliases of a root field": (Way.SOCKET, 0),
        "directives nobody knows": (Way.STREAM, 200),
        "2,000 tokens": (Way.SOCKET, 0),
        "whole maps of a page": (Way.STREAM_GET, 200),
    }
    for what, text, limit in floods:
        if what in ways:
            way, status = ways[what]
            yield Attack(f"{what}, {way.name}", text, way, status=status, limit=limit)
    page = "query ($n: Int = 99) { shows(first: $n) { " + NESTED + " } }"
    yield Attack("a page by a variable", page, variables={"n": 100}, limit="cost")
    yield Attack("a page by its default", page, limit="cost")


def _aliased(name: str) -> str:
    aliases = _repeated(f"{name}@: __typename", 20)
    return f"fragment {name} on Query {{ {aliases} }} "


def _batches() -> Iterator[Attack]:
    books = _repeated(f"a@: {BOOK}", 21)
    yield Attack("21 bookings in one", f"mutation {{ {books} }}", caller=ADA, limit="rootFields")
    by_fragments = f"mutation {{ ...F ...G }} fragment F on Mutation {{ {books} }} "
    yield Attack(
        "bookings by fragments",
        by_fragments + f"fragment G on Mutation {{ b: {BOOK} }}",
        Way.SOCKET,
        caller=ADA,
        status=0,
        limit="rootFields",
    )
    yield Attack("a list of requests", content=b'[{"query": "{ __typename }"}]')
    yield Attack("a list of a thousand", content=b"[" + b'{"query":"{a}"},' * 999 + b"{}]")
    yield Attack("an empty list", content=b"[]")
    yield Attack("a list, the long way", way=Way.LONG, content=b'[{"query": "{ __typename }"}]')
    yield Attack("a list as a stream", way=Way.STREAM, content=b'[{"query": "{ __typename }"}]')
    yield Attack("a list over a socket", way=Way.SOCKET, content=b"[]", status=4400, code=None)
    both = f"query A {{ __typename }} mutation B {{ {BOOK} }}"
    yield Attack("two operations, none named", both, caller=ADA)
    yield Attack("an operation that isn't there", both, caller=ADA, more={"operationName": "C"})
    yield Attack("a mutation by GET", f"mutation {{ {BOOK} }}", Way.GET, ADA, status=405)
    yield Attack(
        "a named mutation by GET", both, Way.GET, ADA, more={"operationName": "B"}, status=405
    )
    yield Attack("a subscription as a query", f"subscription {{ {WATCH} }}")
    roots = f"subscription {{ a: {WATCH} b: {WATCH} }}"
    yield Attack("two subscriptions in one", roots, Way.SOCKET, status=0)
    yield Attack(
        "deferred", "{ shows { ... @defer { edges { cursor } } } }", headers=MIXED, status=200
    )


MIXED = {"accept": "multipart/mixed"}


def _introspection() -> Iterator[Attack]:
    hidden = [
        ("the schema", "{ __schema { types { name } } }"),
        ("a type", '{ __type(name: "Booking") { fields { name } } }'),
        ("the schema under an alias", "{ a: __schema { queryType { name } } }"),
        ("the schema in a fragment", "{ ...F } fragment F on Query { __schema { __typename } }"),
        (
            "the schema in an unused fragment",
            "{ id } fragment F on Query { __schema { __typename } }",
        ),
        ("the schema inline", "{ ... on Query { ... { __schema { __typename } } } }"),
        ("the schema that is skipped", "{ __typename __schema @skip(if: true) { __typename } }"),
        (
            "the schema in another operation",
            "query A { __typename } query B { __schema { __typename } }",
        ),
    ]
    for name, text in hidden:
        yield Attack(
            name,
            text,
            limit="introspection",
            more={"operationName": "A"} if "query A" in text else {},
        )
    text = hidden[0][1]
    for name, way, status in (
        ("by GET", Way.GET, 400),
        ("as a stream", Way.STREAM, 200),
        ("over a socket", Way.SOCKET, 0),
        ("the long way", Way.LONG, 400),
    ):
        yield Attack(f"the schema {name}", text, way, status=status, limit="introspection")
    yield Attack("the schema as a customer", text, caller=BOB, limit="introspection")
    yield Attack("the schema as an admin", text, caller=ADMIN, limit="introspection")
    yield Attack(
        "the schema of a subscription",
        "subscription { __schema { queryType { name } } }",
        Way.SOCKET,
        status=0,
        limit="introspection",
    )


def _hashes() -> Iterator[Attack]:
    """Documents by hash: of a text that isn't there, or that is another."""
    asked = "{ __typename }"
    right = sha256(asked.encode()).hexdigest()

    def named(digest: object, version: object = 1) -> dict[str, Any]:
        return {"extensions": {"persistedQuery": {"version": version, "sha256Hash": digest}}}

    yield Attack("a hash alone", "", more=named(right))
    yield Attack("a hash alone by GET", "", Way.GET, more=named(right))
    yield Attack("a hash alone over a socket", "", Way.SOCKET, more=named(right), status=0)
    yield Attack("another's hash", asked, more=named("0" * 64))
    yield Attack("a hash in capitals", asked, more=named(right.upper()))
    yield Attack("half a hash", asked, more=named(right[:32]))
    yield Attack("a hash that is a path", asked, more=named("../../etc/passwd"))
    yield Attack("a hash that is a list", asked, more=named([right]))
    yield Attack("a hash of a later version", asked, more=named(right, 2))
    yield Attack("a hash that is none", asked, more={"extensions": {"persistedQuery": right}})


def _dear() -> Iterator[Attack]:
    """The documents that were made to be dear, each on another way."""
    ways = [(Way.SOCKET, 0), (Way.STREAM, 200)]
    refused = [one for one in HOSTILE if one.code and one not in INTROSPECTION]
    for at, one in enumerate(refused):
        way, status = ways[at % len(ways)]
        yield Attack(one.name, one.document, way, ADMIN, status=status, limit=one.limit)


DOCUMENTS = {
    "dear": list(_dear()),
    "hashes": list(_hashes()),
    "depth": list(_depth()),
    "circles": list(_circles()),
    "floods": list(_floods()),
    "batches": list(_batches()),
    "introspection": list(_introspection()),
}
