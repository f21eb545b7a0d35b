"""Objects as closures: the selected fields by key, one after the other or together."""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLObjectType
from graphql.pyutils import Path
from strawberry.types.base import StrawberryObjectDefinition

from execution.coercion import Irregular
from execution.completion import Completion, definition_of, from_pure, gather
from execution.resolution import Step
from execution.run import Field, Run

Steps = Sequence[tuple[str, Step]]


def complete_object(
    steps: Steps,
    expected: StrawberryObjectDefinition | None,
    type_: GraphQLObjectType,
    field: Field,
) -> Completion:
    """Complete an object; `expected` is what its class must be made for, if anything."""
    if all(step.write for _, step in steps):
        return _complete_flat(steps, expected, type_, field)
    awaits, strict = needs_waiting(steps), expected is not None
    execute: Any = execute_together if awaits else execute_in_order

    def complete(value: Any, run: Run, path: Path) -> Any:
        if strict and definition_of(value) != id(expected):
            return run.complete(value, field, type_, path)
        return execute(steps, value, run, path)

    async def complete_and_wait(value: Any, run: Run, path: Path) -> Any:
        return None if value is None else await complete(value, run, path)

    if awaits:
        return Completion(complete_and_wait, awaits=True)
    return Completion(
        lambda value, run, path: None if value is None else complete(value, run, path)
    )


def _complete_flat(
    steps: Steps,
    expected: StrawberryObjectDefinition | None,
    type_: GraphQLObjectType,
    field: Field,
) -> Completion:
    """An object of nothing but attributes, in one step."""
    strict = expected is not None
    parts = [(key, step.read, step.write) for key, step in steps]

    def complete(value: Any) -> Any:
        if value is None:
            return None
        if strict and definition_of(value) != id(expected):
            raise Irregular
        return {key: write(read(value)) for key, read, write in parts}  # type: ignore[misc]

    selection = (type_.name, tuple((key, step.key) for key, step in steps))
    return from_pure(complete, selection, type_, field)


def needs_waiting(steps: Steps) -> bool:
    """Whether one of these fields is to be awaited."""
    return any(step.awaits for _, step in steps)


def execute_in_order(steps: Steps, source: Any, run: Run, path: Path | None) -> dict[str, Any]:
    """Execute fields none of which is awaited."""
    return {key: step.execute(source, run, path) for key, step in steps}


async def execute_together(
    steps: Steps, source: Any, run: Run, path: Path | None
) -> dict[str, Any]:
    """Execute fields and wait for all that are to be awaited at once."""
    completed: dict[str, Any] = {}
    waiting: list[str] = []
    try:
        for key, step in steps:
            completed[key] = step.execute(source, run, path)
            if step.awaits:
                waiting.append(key)
    except Exception:
        for key in waiting:
            completed[key].close()  # never begun, and nobody would see what comes of it
        raise
    if waiting:
        results = await gather([completed[key] for key in waiting])
        completed.update(zip(waiting, results, strict=True))
    return completed


async def execute_serially(
    steps: Steps, source: Any, run: Run, path: Path | None
) -> dict[str, Any]:
    """Execute mutations, each when the one before it is done."""
    completed: dict[str, Any] = {}
    for key, step in steps:
        value = step.execute(source, run, path)
        completed[key] = await value if step.awaits else value
    return completed
