"""A schema with all that ours doesn't have, where things go wrong as a number says.

What happens at a place depends on that number and the place alone, not on who comes first.
"""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Annotated, Any, Generic, NewType, TypeVar
from uuid import UUID

import strawberry
from strawberry import Info, relay
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from execution.schema import Schema

T = TypeVar("T")


class Mistake(Exception):
    """What resolvers raise."""

    code = "BAD_REQUEST"


@strawberry.enum
class Colour(Enum):
    RED = 1
    GREEN = "green"
    BLUE = strawberry.enum_value("b", name="AZURE")


def write_fussy(value: Any) -> Any:
    """Write a number that is positive; nought is null, and the rest is refused."""
    if value < 0:
        raise Mistake(f"{value} is too small")
    return value or None


def read_fussy(value: Any) -> Any:
    """Read a number."""
    if not isinstance(value, int | float):
        raise ValueError(f"not fussy enough: {value}")
    return value


Fussy = NewType("Fussy", object)
FUSSY = strawberry.scalar(name="Fussy", serialize=write_fussy, parse_value=read_fussy)


class Moods:
    """What goes wrong, and where."""

    def __init__(self, seed: int, faults: float) -> None:
        self.seed, self.faults = seed, faults

    def __repr__(self) -> str:
        return f"Moods({self.seed}, {self.faults})"

    def at(self, *place: Any) -> Random:
        """A generator for one place."""
        return Random(repr((self.seed, place)))

    def fails(self, *place: Any) -> bool:
        """Whether something is to go wrong there."""
        return self.at("fails", *place).random() < self.faults


def moods(info: Info) -> Moods:
    """The moods of this run."""
    found: Moods = info.context["moods"]
    return found


def place(info: Info) -> tuple[Any, ...]:
    """Where a resolver is called."""
    return tuple(info.path.as_list())


def act(info: Info, value: Any, wrong: tuple[Any, ...] = ()) -> Any:
    """A resolver's value, or what it comes to where it goes wrong."""
    here, mood = place(info), moods(info)
    if not mood.fails(here):
        return value
    odd = mood.at("odd", here).choice([None, Mistake("returned"), Mistake, *wrong])
    if odd is Mistake:
        raise Mistake(f"raised at {here}")
    return odd


async def act_later(info: Info, value: Any, wrong: tuple[Any, ...] = ()) -> Any:
    """The same after a while."""
    for _ in range(moods(info).at("turns", place(info)).randrange(3)):
        await asyncio.sleep(0)
    return act(info, value, wrong)


class Shy(BasePermission):
    message = "Not now."

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        return not moods(info).fails("shy", place(info))


class SlowlyShy(BasePermission):
    message = "Not now, after a while."

    async def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        await asyncio.sleep(0)
        return not moods(info).fails("slowly", place(info))


class Twice(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        return next_(source, info, **kwargs) * 2

    async def resolve_async(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        return await next_(source, info, **kwargs) * 2


def about(info: Info) -> str:
    """What a resolver is told of where it is."""
    own = info._raw_info
    selected = [(type(each).__name__, vars(each)) for each in info.selected_fields]
    return repr(
        (
            info.field_name,
            info.python_name,
            place(info),
            info.variable_values,
            selected,
            info.operation.operation,
            info.root_value,
            sorted(info.context),
            str(info.return_type),
            str(own.parent_type),
            str(own.return_type),
            sorted(own.fragments),
            [node.name.value for node in own.field_nodes],
            info.input_extensions,
        )
    )


@strawberry.interface
class Thing:
    name: str | None
    size: int

    @strawberry.field
    def doubled(self) -> int:
        return self.size * 2

    @strawberry.field
    async def later(self, info: Info) -> str:
        result: str = await act_later(info, "later", (7, []))
        return result


@strawberry.type
class Ball(Thing):
    colour: Colour
    weight: Fussy | None
    about: str = strawberry.field(resolver=about)


class OwnBall(Ball):
    """A subclass of which the schema knows nothing."""


@strawberry.type
class Box(Thing):
    fussy: list[Fussy] | None
    grid: list[list[int | None]]

    @strawberry.field
    def things(self, info: Info, count: int = 2) -> list[Thing | None] | None:
        return act(info, [thing(info, at) for at in range(count)], (5, "none", {}))

    @strawberry.field
    async def must(self, info: Info) -> list[Thing]:
        return await act_later(info, [thing(info, at) for at in range(2)], ((), 5))


@strawberry.type
class Leaf:
    text: str
    more: JSON | None = None
    key: UUID | None = None
    price: Decimal | None = None

    @strawberry.field
    def parent_text(self, parent: strawberry.Parent[Any]) -> str:
        return str(parent.text)


Toy = Annotated[Ball | Box | Leaf, strawberry.union("Toy")]


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class Page(Generic[T]):
    edges: list[Edge[T]]
    total: int | None

    @strawberry.field
    def first(self) -> T | None:
        return self.edges[0].node if self.edges else None


@strawberry.type
class Fruit(relay.Node):
    code: relay.NodeID[int]
    colour: Colour | None

    @classmethod
    def resolve_nodes(cls, *, info: Info, node_ids: Any, required: bool = False) -> Any:
        return [Fruit(code=int(id_), colour=Colour.RED) for id_ in node_ids]


def thing(info: Info, at: int) -> Any:
    """Anything that may stand where a thing is due, and some that may not."""
    mood, here = moods(info), (place(info), at)
    random = mood.at("thing", here)
    if mood.fails("thing", here):
        odd: list[Any] = [None, "thing", Leaf(text="a leaf"), Mistake("item"), {"size": 1}, []]
        return random.choice(odd)
    name = "n" if not mood.fails("name", here) else random.choice([None, 5, ["n"], b"n"])
    size: Any = (
        at if not mood.fails("size", here) else random.choice([None, "9", "big", 2**40, 1.5])
    )
    colour: Any = Colour.RED
    if mood.fails("colour", here):
        colour = random.choice([None, "RED", 1, "green", Colour.BLUE, Colour, Mistake("colour")])
    weight: Any = random.choice([None, 1, 2.5] + [0, -1, "heavy"] * mood.fails("weight", here))
    kind = random.choice([Ball, Ball, OwnBall])
    ball = kind(name=name, size=size, colour=colour, weight=weight)
    if random.random() < 0.6:
        return strawberry.cast(Ball, ball) if random.random() < 0.2 else ball
    fussy: Any = [1, 2]
    grid: Any = [[1, None], []]
    if mood.fails("lists", here):
        fussy = random.choice([None, [0], [1, -1], (1, 2), 5])
        grid = random.choice([None, [None], [[1], 2], [["x"]], [[2**40], [1]], ((1,),)])
    return Box(name=name, size=size, fussy=fussy, grid=grid)


def leaf(info: Info) -> Any:
    """A leaf, with odd values here and there."""
    mood, here = moods(info), place(info)
    random = mood.at("leaf", here)
    more = random.choice([None, {"a": [1, None]}, "text", 5])
    key: Any = UUID(int=7) if not mood.fails("key", here) else "no key"
    text: Any = "leaf" if not mood.fails("text", here) else random.choice([None, 1, True, {}])
    return Leaf(text=text, more=more, key=key, price=Decimal("1.50"))


@strawberry.input
class Point:
    x: int
    y: int = 5
    colour: Colour | None = None
    tags: list[str] = strawberry.field(default_factory=lambda: ["a"])


@strawberry.input(one_of=True)
class Either:
    number: strawberry.Maybe[int]
    text: strawberry.Maybe[str]


@strawberry.input
class Wish:
    point: Point | None = None
    points: list[Point] = strawberry.field(default_factory=list)
    maybe: strawberry.Maybe[int | None]
    id: relay.GlobalID | None = None
    matrix: list[list[int]] | None = strawberry.UNSET
    fussy: Fussy | None = strawberry.UNSET
    free: JSON | None = None


ORIGIN = Point(x=0)


@strawberry.type
class Query:
    node: relay.Node = relay.node()

    @strawberry.field
    def thing(self, info: Info) -> Thing | None:
        return act(info, thing(info, 1), (5,))

    @strawberry.field
    async def thing_later(self, info: Info) -> Thing:
        return await act_later(info, thing(info, 1), (5,))

    @strawberry.field
    def toys(self, info: Info) -> list[Toy | None]:
        return act(info, [thing(info, 0), leaf(info), thing(info, 2)], (iter(()), 5))

    @strawberry.field
    async def toys_later(self, info: Info) -> list[Toy] | None:
        return await act_later(info, (thing(info, 0), leaf(info)))

    @strawberry.field
    def leaf(self, info: Info) -> Leaf:
        return act(info, leaf(info), (5,))

    @strawberry.field
    def leaf_or_none(self, info: Info) -> Leaf | None:
        return act(info, leaf(info), (5,))

    @strawberry.field
    async def box(self, info: Info) -> Box | None:
        box = Box(name="b", size=1, fussy=[], grid=[])
        return await act_later(info, box, (5, leaf(info)))

    @strawberry.field
    def fruits(self, info: Info) -> Page[Fruit]:
        edges = [Edge(cursor=str(at), node=Fruit(code=at, colour=None)) for at in range(2)]
        return act(info, Page(edges=edges, total=2), (Page(edges=[], total="x"),))

    @strawberry.field
    async def leaves(self, info: Info) -> Page[Leaf] | None:
        edges = [Edge(cursor=str(at), node=leaf(info)) for at in range(2)]
        return await act_later(info, Page(edges=edges, total=2))

    @strawberry.field
    def colours(self, info: Info, among: list[Colour] = [Colour.RED]) -> list[Colour | None]:  # noqa: B006
        mine = list(among)
        among.append(Colour.BLUE)
        return act(info, mine, (["purple", Colour.BLUE], [None], "RED"))

    @strawberry.field
    def wish(self, wish: Wish, at: Point | None = None, again: Point = ORIGIN) -> str:
        again.tags.append("changed")
        wish.points.append(Point(x=99))
        return repr((wish, at, again.x, len(again.tags)))

    @strawberry.field
    def either(self, info: Info, either: Either, ids: list[relay.GlobalID] | None = None) -> str:
        return repr((either, ids))

    @strawberry.field
    async def free(
        self,
        json: JSON = None,
        fussy: Fussy | None = 3,
        matrix: list[list[int | None]] | None = None,
    ) -> str:
        return repr((json, fussy, matrix))

    @strawberry.field(permission_classes=[Shy])
    def shy(self, info: Info, number: int = 1) -> Thing | None:
        return act(info, thing(info, number))

    @strawberry.field(permission_classes=[SlowlyShy])
    async def slowly_shy(self, info: Info) -> str:
        return await act_later(info, "well")

    @strawberry.field(permission_classes=[Shy, SlowlyShy])
    async def both_shy(self, info: Info) -> str | None:
        return await act_later(info, "well")

    @strawberry.field(extensions=[Twice()])
    def twice(self, info: Info, text: str = "x") -> str | None:
        return act(info, text)

    @strawberry.field(extensions=[Twice()])
    async def twice_later(self, info: Info, text: str | None = "x") -> str | None:
        return await act_later(info, text)

    @strawberry.field
    def about(self, info: Info, number: int | None = None) -> str:
        return about(info)

    @strawberry.field
    def from_root(self, root: strawberry.Parent[Any]) -> str | None:
        return repr(root)

    @strawberry.field
    def promised(self, info: Info) -> Thing | None:
        return act_later(info, thing(info, 1), (5,))  # type: ignore[return-value]

    @strawberry.field
    def promises(self, info: Info) -> list[str | None]:
        return [act_later(info, "one"), "two", act_later(info, 3)]  # type: ignore[list-item]

    number: float | None = 1.5


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add(self, info: Info, number: int = 1) -> Thing:
        info.context["done"].append(("add", number))
        return act(info, thing(info, number), (5,))

    @strawberry.mutation
    async def add_later(self, info: Info, point: Point = ORIGIN) -> Toy | None:
        info.context["done"].append(("begun", point.x))
        result = await act_later(info, leaf(info), (5,))
        info.context["done"].append(("ended", point.x))
        return result

    @strawberry.mutation
    async def must(self, info: Info) -> Box:
        info.context["done"].append("must")
        return await act_later(info, thing(info, 3))


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def things(self, info: Info, count: int = 3) -> AsyncIterator[Thing | None]:
        for at in range(count):
            if moods(info).fails("source", at):
                raise Mistake("the source is dry")
            yield await act_later(info, thing(info, at), (5,))

    @strawberry.subscription
    async def musts(self, info: Info) -> AsyncIterator[list[Toy]]:
        yield [thing(info, 1), leaf(info)]
        yield act(info, [thing(info, 2)])

    @strawberry.subscription
    async def no_stream(self, info: Info) -> AsyncIterator[int]:
        if moods(info).fails("stream"):
            raise Mistake("no stream")
        yield 1
        yield "x"  # type: ignore[misc]


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Fruit],
    config=StrawberryConfig(scalar_map={Fussy: FUSSY}),
)
