"""Documents made to be dear, each as large as the bounds let it be, or larger."""

from typing import NamedTuple

from schema import ids


class Hostile(NamedTuple):
    """A document, and what becomes of it.

    Attributes:
        code: what it is refused with; None where it is answered.
        limit: the name of the bound that refuses it; None where it is simply wrong.
    """

    name: str
    document: str
    code: str | None
    limit: str | None = None


def harmless(name: str, document: str) -> Hostile:
    """One that is answered."""
    return Hostile(name, document, None)


def wrong(name: str, document: str) -> Hostile:
    """One that is refused for its mistakes."""
    return Hostile(name, document, "BAD_REQUEST")


def too_much(limit: str, name: str, document: str) -> Hostile:
    """One that is refused for a bound."""
    return Hostile(name, document, "BAD_REQUEST", limit)


def times(count: int, text: str) -> str:
    """A text again and again; # is the number of each."""
    return " ".join(text.replace("#", str(number)) for number in range(count))


def on_show(inside: str) -> str:
    """An operation that selects of a show."""
    return with_id(f'"{ids.show_id(1)}"', inside)


def with_id(literal: str, inside: str = "id") -> str:
    """An operation with a literal."""
    return f"{{ show(id: {literal}) {{ {inside} }} }}"


def quoted(text: str) -> str:
    """A string's literal."""
    return f'"{text}"'


def on_bookings(inside: str, arguments: str = "first: 1") -> str:
    """An operation that selects of a page of bookings."""
    return f"{{ bookings({arguments}) {{ {inside} }} }}"


def chain(count: int, inside: str, spreads: int = 1) -> str:
    """Fragments on a show, each of which spreads the next."""
    ends = [f"...F{at + 1} " * spreads for at in range(count - 1)] + [""]
    return " ".join(f"fragment F{at} on Show {{ {inside} {end}}}" for at, end in enumerate(ends))


BOOK = f'bookSeats(input: {{showId: "{ids.show_id(1)}", seatCount: 1, userName: "A"}})'
LEAVES = "id name startTime totalSeats availableSeats pendingSeats confirmedSeats holdSeconds"
DEEP = "edges { node { show { seatMap { seats { row } } } } }"
# Not far from many names, so that the search for what may have been meant takes longest.
LIKE_TYPES = "BookingNotActiveSho"
LIKE_FIELDS = "totalSeatsHoldSeco"

TEXTS = [
    harmless("spaces", "{ __typename }" + " " * 32_000),
    too_much("characters", "more spaces", "{ __typename }" + " " * 100_000),
    harmless("a comment", "#" + "x" * 32_000 + "\n{ __typename }"),
    harmless("lines", "\n" * 4_900 + "{ __typename }"),
    too_much("lines", "more lines", "\n" * 30_000 + times(15, "{ a# }")),
    too_much("lines", "lines of another kind", "\r" * 30_000 + times(15, "{ a# }")),
    harmless("commas", "," * 32_000 + "{ __typename }"),
    harmless("byte order marks", "\ufeff" * 32_000 + "{ __typename }"),
    harmless("a string", with_id(quoted("x" * 32_000))),
    harmless("a string of escapes", with_id(quoted("\\n" * 16_000))),
    harmless("a string of longer escapes", with_id(quoted("\\u0041" * 5_000))),
    harmless("a string of letters outside the plane", with_id(quoted("\\u{1F600}" * 3_000))),
    harmless("a string of surrogate pairs", with_id(quoted("\\uD83D\\uDE00" * 2_600))),
    wrong("a string of half a pair", with_id(quoted("\\uD800"))),
    wrong("a string with an endless escape", with_id(quoted("\\u{" + "0" * 32_000 + "41}"))),
    wrong("a string without an end", f'{{ show(id: "{"x" * 32_000}'),
    harmless("a block string", with_id(f'"""{"x" * 32_000}"""')),
    harmless("a block string of lines", with_id('"""' + "  x\n" * 4_900 + '"""')),
    harmless("a block string of quotes", with_id('"""' + '\\"""' * 8_000 + '"""')),
    wrong("a block string without an end", '{ show(id: """' + "x\n" * 4_900),
    wrong("a name", f"{{ {'a' * 32_000} }}"),
    harmless("a number", with_id("9" * 32_000)),
    wrong("a number for a page", on_bookings("edges { cursor }", f"first: {'9' * 32_000}")),
    wrong("an exponent for a page", on_bookings("edges { cursor }", f"first: 1e{'9' * 32_000}")),
    too_much("tokens", "tokens", "{ " + "id " * 2_000 + "}"),
    too_much("tokens", "empty comments", "#\n" * 2_000 + "{ __typename }"),
    wrong("tokens that are no document", "! " * 2_000),
    wrong("nothing that is text", "\0" * 32_000),
    wrong("braces", "{" * 900),
    too_much("depth", "lists in lists", with_id("[" * 480 + "]" * 480)),
    wrong("fewer lists in lists", with_id("[" * 150 + "]" * 150)),
    wrong("objects in objects", with_id("{a: " * 60 + "1" + "}" * 60)),
    too_much("depth", "a type of lists", f"query ($a: {'[' * 480}Int{']' * 480}) {{ a }}"),
    wrong("definitions of types", "type A { a: Int } " * 120),
]

SHAPES = [
    too_much("depth", "levels", "{ booking(id: 1) " + "{ a " * 20 + "}" * 21),
    too_much("depth", "levels past the parser's bound", "{ a " * 490 + "}" * 490),
    too_much("depth", "inline fragments", "{ " + "... { " * 480 + "__typename" + " }" * 481),
    harmless("fewer inline fragments", "{ " + "... { " * 150 + "__typename" + " }" * 151),
    too_much("depth", "a fragment in itself", "{ ...F } fragment F on Query { ...F }"),
    too_much(
        "depth",
        "a circle of fragments",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    ),
    too_much("fields", "fragments that multiply", on_show("...F0") + chain(12, "id", spreads=2)),
    harmless("fragments in a row", on_show("...F0") + chain(29, "name id startTime totalSeats")),
    too_much(
        "fields", "longer fragments in a row", on_show(times(29, "...F#")) + chain(29, LEAVES)
    ),
    harmless(
        "fragments side by side",
        on_show(times(30, "...F#")) + times(30, f"fragment F# on Show {{ {LEAVES} {LEAVES} }}"),
    ),
    too_much("spreads", "spreads", on_show("...F " * 61) + "fragment F on Show { id }"),
    too_much("fragments", "fragments", "{ a }" + times(31, "fragment F# on Show { id }")),
    wrong("fragments that nobody spreads", "{ id }" + times(30, "fragment F# on Show { id }")),
    wrong("fragments that are not there", on_show(times(60, "...F#"))),
    wrong("fragments on nothing", on_show(times(60, f"... on {LIKE_TYPES}# {{ id }}"))),
    wrong("fragments on another type", on_show("... on Booking { id } " * 60)),
    too_much("operations", "operations", times(21, "query Q# { __typename }")),
    wrong("operations of one name", "query Q { __typename } " * 20),
    wrong(
        "operations that share fragments",
        times(9, "query Q# ($a: Int, $b: Int, $c: Int) { show(id: $a) { ...F0 } }")
        + chain(15, LEAVES),
    ),
    too_much("directives", "directives", "{ __typename " + "@skip(if: false) " * 51 + "}"),
    wrong("fewer directives", "{ __typename " + "@skip(if: false) " * 50 + "}"),
    wrong("directives that are not there", on_show("name @a " * 50)),
]

NAMES = [
    harmless("namesakes", on_show("name " * 60)),
    too_much("namesakes", "more namesakes", on_show("name " * 61)),
    harmless("namesakes of every name", on_show(f"{LEAVES} " * 60)),
    harmless("namesakes in inline fragments", on_show(f"... on Show {{ {LEAVES} }} " * 60)),
    harmless("namesakes that select", on_bookings("edges { node { id seats { row } } } " * 40)),
    too_much("namesakes", "more that select", on_bookings("edges { node { id } } " * 41)),
    too_much("cost", "namesakes that select deeply", on_bookings(f"{DEEP} " * 40)),
    too_much("cost", "namesakes at the root", "{ " + f"bookings {{ {DEEP * 2} }} " * 20 + "}"),
    harmless("typenames", on_show("__typename " * 100)),
    too_much("typenames", "more typenames", on_show("__typename " * 101)),
    wrong("namesakes with arguments", on_show(times(60, "name(a#: #)"))),
    wrong("namesakes with many arguments", on_show(times(24, f"name({times(12, 'b: 1')})"))),
    wrong(
        "namesakes with objects",
        on_show(times(12, f"seatMap(a: {{{'b: 1 ' * 20}}}) {{ version }}")),
    ),
    wrong(
        "namesakes of several types",
        f'{{ node(id: "{ids.show_id(1)}") {{ '
        + "... on Show { a: name } ... on Booking { a: seats { row } } " * 25
        + "} }",
    ),
    too_much("aliases", "aliases", on_show(times(51, "a#: name"))),
    harmless("fewer aliases", on_show(times(50, "a#: name"))),
    too_much("aliasLength", "a long alias", on_show(f"{'a' * 10_000}: name")),
    too_much("rootFields", "root fields", "{ " + times(21, "a#: __typename") + " }"),
    too_much(
        "rootFields", "bookings", "mutation { " + times(21, f"a#: {BOOK} {{ __typename }}") + " }"
    ),
    harmless("fewer bookings", "mutation { " + times(20, f"a#: {BOOK} {{ __typename }}") + " }"),
    harmless("pages", "{ " + times(20, "a#: bookings(first: 1) { edges { node { id } } }") + " }"),
    too_much("cost", "maps of a page", f"{{ bookings(first: 100) {{ {DEEP} }} }}"),
    too_much(
        "cost",
        "maps",
        "{ " + times(15, f"a#: {on_show('seatMap { seats { row label } }')[2:-2]}") + " }",
    ),
]

MISTAKES = [
    wrong("unknown fields", on_show(times(450, f"{LIKE_FIELDS}#"))),
    wrong("unknown fields of an interface", "{ node(id: 1) { " + times(450, "nam#") + " } }"),
    wrong("unknown fields of a union", f"mutation {{ {BOOK} {{ {times(450, 'messag#')} }} }}"),
    wrong("unknown fields with long names", on_show(times(9, "a" * 3_000 + "#"))),
    wrong("unknown arguments", on_bookings("edges { cursor }", times(300, "userNam#: 1"))),
    wrong("an argument again and again", with_id("1 " + "id: 1 " * 300)),
    wrong("fields without a selection", on_show("seatMap " * 60)),
    wrong("leaves with a selection", on_show("name { a } " * 30)),
    wrong("a list where none is due", with_id("[" + "1 " * 900 + "]")),
    wrong("an object where none is due", with_id(f"{{{times(240, 'a#: 1')}}}")),
    wrong(
        "an object of unknown fields",
        f"mutation {{ createShow(input: {{{times(300, LIKE_FIELDS + '#: 1')}}}) {{ id }} }}",
    ),
    wrong(
        "a default of unknown fields",
        f"query ($a: CreateShowInput! = {{{times(300, LIKE_FIELDS + '#: 1')}}}) {{ a }}",
    ),
    wrong(
        "a default of unknown names",
        f"query ($a: [BookingStatus] = [{times(900, 'PENDIN#')}]) {{ a }}",
    ),
    wrong("a default of strings", "query ($a: [Int!] = [" + '"x" ' * 900 + "]) { __typename }"),
    wrong(
        "a large default that nobody uses",
        "query ($a: [Int!] = [" + "1 " * 900 + "]) { __typename }",
    ),
    too_much("variables", "variables", f"query ({times(51, '$a#: Int')}) {{ __typename }}"),
    wrong("variables that nobody uses", f"query ({times(50, '$a#: Int')}) {{ __typename }}"),
    wrong("variables of one name", "query (" + "$a: Int " * 50 + ") { __typename }"),
    wrong("variables of no type", f"query ({times(50, f'$a#: {LIKE_TYPES}#')}) {{ __typename }}"),
    wrong("variables that are not there", on_show(times(60, "name(a: $a#)"))),
    wrong(
        "variables in wrong places",
        "query ($a: Int) { "
        + times(
            20, "a#: bookings(userName: $a showId: $a after: $a status: $a) { edges { cursor } }"
        )
        + " }",
    ),
    wrong(
        "a variable's list",
        f"mutation ($a: Int!) {{ bookSeats(input: {{showId: 1, seatNumbers: [{'$a ' * 450}]}}) "
        "{ __typename } }",
    ),
    wrong(
        "some of everything",
        on_bookings(
            "edges { node { id seats { row } } } pageInfo { endCursor } " * 40,
            "first: 1, after: " + quoted("\\n" * 14_000),
        ),
    ),
]

INTROSPECTION = [
    too_much(
        "introspection",
        "types of fields of types",
        "{ __schema { types { " + "fields { type { " * 4 + "name" + " } }" * 4 + " } } }",
    ),
    too_much(
        "introspected",
        "all types, twenty times",
        "{ " + times(20, "a#: __schema { types { fields { type { fields { name } } } } }") + " }",
    ),
    too_much(
        "introspected",
        "all fields, thirty times",
        "{ __schema { types { " + times(30, "a#: fields { name args { name } }") + " } } }",
    ),
    harmless(
        "one type, twenty times",
        "{ " + times(20, 'a#: __type(name: "Show") { fields { type { fields { name } } } }') + " }",
    ),
    harmless(
        "descriptions, forty times",
        "{ __schema { types { fields { " + times(40, "a#: description") + " } } } }",
    ),
]

HOSTILE: list[Hostile] = [*TEXTS, *SHAPES, *NAMES, *MISTAKES, *INTROSPECTION]
