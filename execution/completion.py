"""Values as closures: from what a resolver returned to what the answer holds.

A value whose parts are plain attributes is pure: its closure knows neither place nor run, and
what it doesn't expect raises. The value is then completed once more, by the stock executor, which
tells the error to the letter. Whatever calls a resolver is run just once, with its place at hand.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLOutputType,
    GraphQLString,
)
from graphql.pyutils import Path, Undefined
from orjson import Fragment, dumps
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.cast import get_strawberry_type_cast

from execution.coercion import LARGEST_INT, Irregular
from execution.run import Field, Run
from execution.shared import SharedList
from execution.waiting import Settled, fill, pends

Pure = Callable[[Any], Any]
Effectful = Callable[[Any, Run, Path], Any]


@dataclass(frozen=True, slots=True)
class Completion:
    """How values of one type are completed at one place.

    Attributes:
        effectful: completes a value at a place; returns it, or an awaitable of it.
        pure: completes a value; None where resolvers are called on the way.
        key: equal for completions that do the same, while pure.
    """

    effectful: Effectful
    pure: Pure | None = None
    key: Hashable = None


def from_pure(pure: Pure, key: Hashable, type_: GraphQLOutputType, field: Field) -> Completion:
    """A completion that asks the stock executor about what `pure` doesn't expect."""

    def complete(value: Any, run: Run, path: Path) -> Any:
        try:
            return pure(value)
        except Exception:
            return run.complete(value, field, type_, path)

    return Completion(complete, pure, key)


def complete_leaf(type_: GraphQLLeafType, field: Field) -> Completion:
    """Scalars and enums."""
    return from_pure(_leaf(type_), type_.name, type_, field)


def _leaf(type_: GraphQLLeafType) -> Pure:
    settled = Settled()

    def serialize(value: Any) -> Any:
        if value is None:
            return None
        if not settled.holds(value) or isinstance(value, Exception):
            raise Irregular
        written = type_.coerce_output_value(value)
        if written is None or written is Undefined:
            raise Irregular
        return written

    if type_ is GraphQLString or type_ is GraphQLID:
        return lambda value: value if type(value) is str else serialize(value)
    if type_ is GraphQLBoolean:
        return lambda value: value if type(value) is bool else serialize(value)
    if type_ is GraphQLInt:
        return lambda value: (
            value
            if type(value) is int and -LARGEST_INT <= value <= LARGEST_INT
            else serialize(value)
        )
    if isinstance(type_, GraphQLEnumType):
        # By identity, since hashing a member takes longer than all the rest.
        names = {
            id(member): type_.coerce_output_value(member)
            for member in getattr(type_, "wrapped_cls", ())
            if isinstance(member, Enum)
        }
        return lambda value: names.get(id(value)) or serialize(value)
    return serialize


def complete_not_null(inner: Completion, type_: GraphQLOutputType, field: Field) -> Completion:
    """What must be there. Null is told by the stock executor."""
    if inner.pure:
        pure = inner.pure

        def complete_pure(value: Any) -> Any:
            if value is None:
                raise Irregular
            return pure(value)

        return from_pure(complete_pure, ("!", inner.key), type_, field)
    effectful = inner.effectful

    def complete(value: Any, run: Run, path: Path) -> Any:
        completed = None if value is None else effectful(value, run, path)
        if completed is None:
            raise TypeError(
                f"Cannot return null for non-nullable field {field.parent}.{field.name}."
            )
        return completed

    return Completion(complete)


def complete_list(
    item: Completion, item_type: GraphQLOutputType, type_: GraphQLOutputType, field: Field
) -> Completion:
    """Lists. One that is shared encodes itself, once for all who ask alike."""
    if item.pure:
        return from_pure(_pure_list(item.pure, item.key), ("[]", item.key), type_, field)
    complete_item = item.effectful
    settled = Settled()

    async def wait_for_item(completing: Any, run: Run, path: Path) -> Any:
        try:
            return await completing
        except Exception as error:
            return run.fail(error, field, item_type, path)

    def complete(value: Any, run: Run, path: Path) -> Any:
        if value is None:
            return None
        if type(value) is not list or not all(map(settled.holds, value)):
            return run.complete(value, field, type_, path)
        completed: list[Any] = []
        waiting: list[int] = []
        try:
            for index, entry in enumerate(value):
                place = path.add_key(index, None)
                try:
                    result = complete_item(entry, run, place)
                except Exception as error:
                    result = run.fail(error, field, item_type, place)
                if pends(result):
                    result = wait_for_item(result, run, place)
                    waiting.append(index)
                completed.append(result)
        except Exception:
            run.give_up([completed[index] for index in waiting])
            raise
        return fill(completed, waiting) if waiting else completed

    return Completion(complete)


def _pure_list(complete_item: Pure, key: Hashable) -> Pure:
    def encode(entry: Any) -> bytes:
        return dumps(complete_item(entry))

    def complete(value: Any) -> Any:
        if type(value) is list:
            return [complete_item(entry) for entry in value]
        if isinstance(value, SharedList):
            return Fragment(value.encoded(key, encode))
        if value is None:
            return None
        raise Irregular

    return complete


def complete_abstract(
    members: Mapping[StrawberryObjectDefinition, Completion],
    type_: GraphQLOutputType,
    field: Field,
) -> Completion:
    """Unions and interfaces: a class of ours says which type of the schema it stands for."""
    by_definition = {id(definition): member for definition, member in members.items()}
    if all(member.pure for member in members.values()):
        key = (type_, tuple(member.key for member in members.values()))
        pure = {definition: member.pure for definition, member in by_definition.items()}

        def complete_pure(value: Any) -> Any:
            if value is None:
                return None
            complete_member = pure.get(definition_of(value))
            if complete_member is None or get_strawberry_type_cast(value) is not None:
                raise Irregular
            return complete_member(value)

        return from_pure(complete_pure, key, type_, field)

    def complete(value: Any, run: Run, path: Path) -> Any:
        if value is None:
            return None
        member = by_definition.get(definition_of(value))
        if member is None or get_strawberry_type_cast(value) is not None:
            return run.complete(value, field, type_, path)
        return member.effectful(value, run, path)

    return Completion(complete)


def definition_of(value: Any) -> int:
    """The identity of the Strawberry type that a value's class was made for."""
    return id(getattr(type(value), "__strawberry_definition__", None))
