"""What is prepared once: that it is used, what it costs on top, and how much is kept."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import strawberry.schema.schema as strawberry_schema
from graphql import DocumentNode, parse
from graphql.execution import Executor
from strawberry.types import ExecutionContext

from execution import limits
from execution.coercion import Irregular
from execution.limits import MAX_FIELDS
from execution.operation import MAX_PLANS
from execution.operations import CHARACTERS_A_FIELD, LARGEST, MAX_WEIGHT, Operations
from execution.selection import Selections
from resolvers.api import schema
from schema import ids
from tests.equality import told
from tests.stand_in import BOOKINGS, NOON, StandIn

SHOW, BOOKING = ids.show_id(1), ids.booking_id(1, BOOKINGS[0])

BOOK = """mutation Book($input: BookSeatsInput!) { bookSeats(input: $input) {
    __typename
    ... on Booking { id status expiresAt show { name availableSeats } seats { label } }
    ... on SeatsUnavailable { unavailable availableSeats }
    ... on Error { message } } }"""
MAP = """query Map($id: ID!, $short: Boolean = false) { show(id: $id) { id seatMap { version
    seats @skip(if: $short) { number status } encoded @include(if: $short) } } }"""
SHOWS = """query Shows($first: Int, $after: String) { shows(first: $first, after: $after) {
    edges { cursor node { ...Listed } } pageInfo { hasNextPage endCursor } } }
    fragment Listed on Show { id name startTime availableSeats }"""
NODE = """query Node($id: ID!) { node(id: $id) { __typename id ...S ... on Booking { status
    seatNumbers show { ...S } } } } fragment S on Show { name totalSeats }"""
WATCH = """subscription Watch($id: ID!) { seatMap(showId: $id) { version snapshot
    seats { number status } } }"""

USUAL: list[tuple[str, dict[str, Any]]] = [
    (BOOK, {"input": {"showId": SHOW, "seatNumbers": [5, 6], "userName": "Ada"}}),
    (BOOK, {"input": {"showId": SHOW, "seatCount": 2, "userName": "Ada", "confirm": True}}),
    (MAP, {"id": SHOW}),
    (MAP, {"id": SHOW, "short": True}),
    (SHOWS, {"first": 2}),
    (NODE, {"id": SHOW}),
    (NODE, {"id": BOOKING}),
    (f'{{ show(id: "{SHOW}") {{ name }} booking(id: "{BOOKING}") {{ status }} }}', {}),
]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_operations", Operations(schema))


@pytest.fixture
def executors(monkeypatch: pytest.MonkeyPatch) -> list[Executor[Any]]:
    """Every stock executor that is made from now on."""
    made: list[Executor[Any]] = []
    init = Executor.__init__

    def note(self: Executor[Any], *args: Any, **kwargs: Any) -> None:
        made.append(self)
        init(self, *args, **kwargs)

    monkeypatch.setattr(Executor, "__init__", note)
    return made


def office() -> StandIn:
    return StandIn(seed=1, faults=0)


async def run(text: str, variables: dict[str, Any], parts: StandIn, name: str | None = None) -> Any:
    return await schema.execute(text, variables, parts.context, operation_name=name)


@pytest.mark.parametrize(("text", "variables"), USUAL)
def test_what_is_asked_usually_never_reaches_the_stock_executor(
    executors: list[Executor[Any]], text: str, variables: dict[str, Any]
) -> None:
    for _ in range(2):
        result = asyncio.run(run(text, variables, office()))
        assert result.errors is None
        assert result.data
    assert not executors


def test_a_subscription_never_reaches_the_stock_executor(executors: list[Executor[Any]]) -> None:
    async def watch() -> None:
        parts = office()
        stream = await schema.stream(WATCH, {"id": SHOW}, parts.context)
        for _ in range(3):
            result = await anext(stream)
            assert result.errors is None
            assert result.data
            parts.tick()
        await stream.aclose()

    asyncio.run(watch())
    assert not executors


def test_what_was_seen_is_parsed_and_validated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    read, parse_anew = limits.read, strawberry_schema._parse_operation_document

    def note(context: ExecutionContext) -> None:
        assert context.graphql_document is not None
        parse_anew(context)

    def read_and_note(text: str) -> DocumentNode:
        parsed.append(text)
        return read(text)

    monkeypatch.setattr(limits, "read", read_and_note)
    monkeypatch.setattr(strawberry_schema, "_parse_operation_document", note)
    unusual = 'query ($n: Int) { __type(name: "Show") { name } shows(first: $n) { __typename } }'
    asked: list[tuple[str, dict[str, Any]]]
    asked = [(MAP, {"id": SHOW}), (unusual, {"n": 1}), (MAP, {"id": None})]
    for text, variables in asked:
        for _ in range(3):
            asyncio.run(run(text, variables, office()))
    assert parsed == [MAP, unusual]


@pytest.mark.parametrize("name", ["Show", None])
def test_a_mutation_is_done_once_even_if_its_answer_fails(
    monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    text = (
        "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { name } } }"
    )
    sent = {"input": {"name": "Show", "startTime": "2030-01-01T20:00:00Z", "totalSeats": 9}}
    parts = office()
    columns = parts.create_show({**sent["input"], "start_time": NOON, "total_seats": 9})[0]
    row = [columns[0], name, *columns[2:]]
    monkeypatch.setattr(parts, "create_show", lambda _: [row])
    result = asyncio.run(run(text, sent, parts))
    assert bool(result.errors) == (name is None)
    assert [done[0] for done in parts.done] == ["create_show"]


def multiplied(levels: str) -> str:
    """A document of a few hundred tokens: fragments in fragments, sixteen times at each level."""
    names = levels.split()
    text = '{ booking(id: "nothing") { ...F0 } }'
    on = ["Booking", "Show", "SeatMap", "Seat"]
    for depth, name in enumerate(names):
        inside = f"{{ ...F{depth + 1} }}"
        fields = " ".join(f"a{at}: {name} {inside}" for at in range(16))
        text += f" fragment F{depth} on {on[depth]} {{ {fields} }}"
    leaves = " ".join(f"a{at}: label" for at in range(16))
    return f"{text} fragment F{len(names)} on Seat {{ {leaves} }}"


def test_fragments_that_multiply_are_given_up_early(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    step = Selections._step

    def note(self: Selections, parent: Any, key: str, details: Any) -> Any:
        steps.append(key)
        return step(self, parent, key, details)

    monkeypatch.setattr(Selections, "_step", note)
    text = multiplied("show seatMap seats")
    monkeypatch.setattr(limits, "check", lambda *_: None)
    monkeypatch.setattr(limits, "MAX_COST", float("inf"))
    assert asyncio.run(run(text, {}, office())).data == {"booking": None}
    assert len(steps) == MAX_FIELDS + 1
    asyncio.run(run(text, {}, office()))
    assert len(steps) == MAX_FIELDS + 1, "once is enough"


def test_names_of_types_count_like_any_field() -> None:
    names = " ".join(f"t{at}: __typename" for at in range(MAX_FIELDS + 1))
    operation = schema._operations.add("text", None, parse(f"{{ {names} }}"))
    assert operation
    with pytest.raises(Irregular):
        operation._begin({}, None, None, None)


def test_plans_for_conditions_are_bounded(executors: list[Executor[Any]]) -> None:
    conditions = [f"c{at}" for at in range(8)]
    declared = ", ".join(f"${name}: Boolean!" for name in conditions)
    fields = " ".join(f"{name}: __typename @include(if: ${name})" for name in conditions)
    text = f"query ({declared}) {{ {fields} __typename }}"

    def values(number: int) -> dict[str, bool]:
        return {name: bool(number >> at & 1) for at, name in enumerate(conditions)}

    for number in range(256):
        result = asyncio.run(run(text, values(number), office()))
        assert [*result.data][:-1] == [name for name, on in values(number).items() if on]
    operation = schema._operations.find(text, None)
    assert operation
    assert len(operation._plans) == MAX_PLANS
    assert len(executors) == 256 - MAX_PLANS


def kept() -> Iterator[int]:
    """The weight of each operation that is kept, counted anew."""
    for (text, _), operation in schema._operations._known.items():
        yield len(text) + CHARACTERS_A_FIELD * operation.weight


def test_what_is_kept_is_bounded_whatever_is_asked_once() -> None:
    # Little text that becomes many fields, each document seen just once.
    small = multiplied("show")
    for number in range(200):
        asyncio.run(run(f"{small} # {number}", {}, office()))
        assert sum(kept()) <= MAX_WEIGHT
    assert sum(kept()) == schema._operations._weight
    assert schema._operations._weights.keys() == schema._operations._known.keys()
    for number in range(30):
        asyncio.run(run(f"{{ __typename }} # {number} {'.' * (LARGEST - 100)}", {}, office()))
        assert sum(kept()) <= MAX_WEIGHT
    assert sum(kept()) == schema._operations._weight


def test_a_huge_text_drives_nobody_out() -> None:
    text = "{ __typename } # a page's own"
    asyncio.run(run(text, {}, office()))
    for number in range(30):
        huge = f"{{ __typename }} # {number} {'.' * LARGEST}"
        asyncio.run(run(huge, {}, office()))
        assert schema._operations.find(huge, None) is None
    assert schema._operations.find(text, None)


def test_the_latest_used_is_kept_longest() -> None:
    asyncio.run(run(MAP, {"id": SHOW}, office()))
    for number in range(30):
        asyncio.run(run(f"{{ __typename }} # {number} {'.' * 20_000}", {}, office()))
        assert schema._operations.find(MAP, None)


def test_conditions_of_another_operation_are_none_of_this_one() -> None:
    text = """mutation This($c: [Int!], $show: ID!) {
            bookSeats(input: {showId: $show, userName: "Ada", seatNumbers: $c}) { __typename }
        }
        query Other($c: Boolean!) { __typename @include(if: $c) }"""
    for name, c in [("This", [5]), ("Other", True), ("This", None)]:
        result = asyncio.run(run(text, {"c": c, "show": SHOW}, office(), name))
        assert told(result)[2] == []
