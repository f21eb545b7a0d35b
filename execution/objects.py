"""Objects as closures: the selected fields by key, one after the other or together."""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLObjectType
from graphql.pyutils import Path
from strawberry.types.cast import get_strawberry_type_cast

from execution.coercion import Irregular
from execution.completion import Completion, Pure, from_pure
from execution.resolution import Step
from execution.run import Field, Run
from execution.waiting import fill, pends

Steps = Sequence[tuple[str, Step]]


def complete_object(
    steps: Steps, expected: type | None, type_: GraphQLObjectType, field: Field
) -> Completion:
    """Complete an object of the expected class; of any at all where others have looked at it."""
    fits = _fits(expected, strict=type_.is_type_of is not None)
    if all(step.write for _, step in steps):
        return _complete_flat(steps, fits, type_, field)

    def complete(value: Any, run: Run, path: Path) -> Any:
        if value is None:
            return None
        if not fits(value):
            return run.complete(value, field, type_, path)
        return execute_together(steps, value, run, path)

    return Completion(complete)


def _fits(expected: type | None, strict: bool) -> Pure:
    """What tells a value that the stock executor would take for the object it should be."""
    if expected is None:
        return lambda value: True
    if strict:
        return lambda value: isinstance(value, expected) and not get_strawberry_type_cast(value)
    return lambda value: isinstance(value, expected)


def _complete_flat(steps: Steps, fits: Pure, type_: GraphQLObjectType, field: Field) -> Completion:
    """An object of nothing but attributes, in one step."""
    parts = [(key, step.read, step.write) for key, step in steps]

    def complete(value: Any) -> Any:
        if value is None:
            return None
        if not fits(value):
            raise Irregular
        return {key: write(read(value)) for key, read, write in parts}  # type: ignore[misc]

    selection = (type_.name, tuple((key, step.key) for key, step in steps))
    return from_pure(complete, selection, type_, field)


def execute_together(steps: Steps, source: Any, run: Run, path: Path | None) -> Any:
    """Execute fields; returns them by key, or an awaitable of that, which waits for all at once."""
    completed: dict[str, Any] = {}
    waiting: list[str] = []
    try:
        for key, step in steps:
            completed[key] = result = step.execute(source, run, path)
            if pends(result):
                waiting.append(key)
    except Exception:
        run.give_up([completed[key] for key in waiting])
        raise
    return fill(completed, waiting) if waiting else completed


async def execute_serially(
    steps: Steps, source: Any, run: Run, path: Path | None
) -> dict[str, Any]:
    """Execute mutations, each when the one before it is done."""
    completed: dict[str, Any] = {}
    for key, step in steps:
        result = step.execute(source, run, path)
        completed[key] = await result if pends(result) else result
    return completed
