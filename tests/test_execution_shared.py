"""Lists and events that are encoded once: what is told of them is what the stock executor tells."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from dataclasses import field
from typing import Any, overload

import orjson
import pytest
import strawberry
from strawberry import Private

from execution.operation import _digest
from execution.schema import Schema
from execution.shared import EncodedResult, SharedList
from tests.documents import Asked
from tests.equality import assert_alike, told


@strawberry.type
class Place:
    number: int
    label: str | None

    @strawberry.field
    def twice(self) -> int:
        return self.number * 2


class Places(SharedList[Place]):
    """A list that remembers what it was encoded to."""

    def __init__(self, *places: Any) -> None:
        self.places = places
        self.known: dict[Hashable, bytes] = {}
        self.encodings = 0

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Place: ...
    @overload
    def __getitem__(self, index: slice) -> "Places": ...
    def __getitem__(self, index: int | slice) -> "Place | Places":
        if isinstance(index, slice):
            return Places(*self.places[index])
        place: Place = self.places[index]
        return place

    def __iter__(self) -> Iterator[Place]:
        return iter(self.places)

    def encoded(self, selection: Hashable, encode: Callable[[Place], bytes]) -> bytes:
        if selection not in self.known:
            whole = b"[" + b",".join(map(encode, self.places)) + b"]"
            self.known[selection] = whole
            self.encodings += 1
        return self.known[selection]


@strawberry.type
class News:
    number: int
    places: list[Place]
    encodings: Private[dict[Hashable, bytes]] = field(default_factory=dict)
    looks: Private[list[str]] = field(default_factory=list)

    @strawberry.field
    def looked(self, by: str = "x") -> str | None:
        self.looks.append(by)
        return by if self.number != 2 else None

    @strawberry.field
    def surely(self, by: str = "x") -> str:
        self.looks.append(by)
        return by if self.number != 2 else None  # type: ignore[return-value]


@strawberry.type
class Query:
    @strawberry.field
    def places(self, info: strawberry.Info) -> list[Place]:
        places: Any = info.context["places"]
        return places  # type: ignore[no-any-return]

    @strawberry.field
    def may_be(self, info: strawberry.Info) -> list[Place | None] | None:
        places: Any = info.context["places"]
        return places  # type: ignore[no-any-return]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def news(self, info: strawberry.Info, id: str | None = "") -> AsyncIterator[News]:
        for event in info.context["events"]:
            yield event


schema = Schema(query=Query, subscription=Subscription)

TWO = (Place(number=1, label="A"), Place(number=2, label=None))
FAULTY: tuple[Any, ...] = (Place(number=1, label="A"), Place(number=2**40, label="B"))
MISSING: tuple[Any, ...] = (*TWO, None)


@pytest.mark.parametrize("places", [(), TWO, FAULTY, MISSING, ("no place",), (ValueError("x"),)])
@pytest.mark.parametrize(
    "fields", ["number", "label number", "a: number __typename b: number", "number twice", "twice"]
)
def test_a_shared_list_is_answered_as_any_list(places: tuple[Any, ...], fields: str) -> None:
    for root in ("places", "mayBe"):
        asked = Asked(f"{{ {root} {{ {fields} }} }}", {})
        shared = assert_alike(schema, asked, lambda: {"places": Places(*places), "done": 0})
        plain = assert_alike(schema, asked, lambda: {"places": list(places), "done": 0})
        assert shared == plain


def test_a_list_is_encoded_once_for_each_selection() -> None:
    places = Places(*TWO)

    async def ask(selection: str) -> Any:
        result = await schema.execute(f"{{ {selection} }}", {}, {"places": places})
        assert result.errors is None
        return orjson.loads(orjson.dumps(result.data))

    alike = ["places { number label }", "mine: places { label: label ...on Place { number } }"]
    for _ in range(2):
        found = asyncio.run(ask(alike[0]))
        assert found == {"places": [{"number": 1, "label": "A"}, {"number": 2, "label": None}]}
    assert places.encodings == 1
    assert asyncio.run(ask(alike[1]))["mine"][0] == {"label": "A", "number": 1}
    for other in ("number", "a: number label", "label number", "number label __typename"):
        before = len(places.known)
        asyncio.run(ask(f"places {{ {other} }}"))
        # `label number` was asked for above, by another name of the list.
        assert len(places.known) == before + (other != "label number")


def watch(events: list[News], text: str, variables: dict[str, Any]) -> list[Any]:
    async def collect() -> list[Any]:
        stream = await schema.stream(text, variables, {"events": events})
        return [result async for result in stream]

    return asyncio.run(collect())


LOOK = "subscription ($by: String!, $id: String) { news(id: $id) { number looked(by: $by) } }"


def test_an_event_is_answered_once_for_all_who_ask_alike() -> None:
    events = [News(number=1, places=[*TWO])]
    for _ in range(3):
        [result] = watch(events, LOOK, {"by": "Ada"})
        assert isinstance(result, EncodedResult)
        assert result.data == {"news": {"number": 1, "looked": "Ada"}}
    assert events[0].looks == ["Ada"]


def test_an_answer_is_not_shared_by_those_who_ask_otherwise() -> None:
    events = [News(number=1, places=[*TWO])]
    asked: list[tuple[str, dict[str, Any]]] = [
        (LOOK, {"by": "Ada"}),
        (LOOK, {"by": "Bob"}),
        (LOOK, {"by": "Ada", "id": None}),
        (LOOK, {"by": "Ada", "id": "1"}),
        (LOOK.replace("number", "n: number"), {"by": "Ada"}),
    ]
    for text, variables in asked:
        [result] = watch(events, text, variables)
        assert result.data["news"]["looked"] == variables["by"]
    assert events[0].looks == ["Ada", "Bob", "Ada", "Ada", "Ada"]


def test_variables_that_cannot_be_compared_share_nothing() -> None:
    # No type of ours takes such a number; somebody's own scalar may.
    assert _digest({"id": 2**70}) != _digest({"id": 2**70})
    assert _digest({"id": "1", "by": "Ada"}) == _digest({"by": "Ada", "id": "1"})


def test_what_nobody_asked_for_keeps_no_subscribers_apart() -> None:
    events = [News(number=1, places=[*TWO])]
    for junk in (1, "x" * 1_000, 2**70):
        [result] = watch(events, LOOK, {"by": "Ada", "junk": junk})
        assert result.errors is None
    assert len(events[0].looks) == 1


@pytest.mark.parametrize("name", ["looked", "surely"])
def test_an_answer_with_errors_is_made_anew_for_each(name: str) -> None:
    text = f"subscription {{ news {{ number {name} }} }}"
    events = [News(number=number, places=[*TWO]) for number in (1, 2, 3)]

    async def stock() -> list[Any]:
        stream: Any = await strawberry.Schema.stream(schema, text, {}, {"events": events})
        return [told(result) async for result in stream]

    expected = asyncio.run(stock())
    for _ in range(2):
        assert [told(result) for result in watch(events, text, {})] == expected
    seen = [len(event.looks) for event in events]
    assert seen == [2, 2 if name == "looked" else 3, 2]
