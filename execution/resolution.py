"""Fields as closures: from a source to the completed value under its key, whatever happens."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from graphql.execution import get_argument_values
from graphql.pyutils import Path
from strawberry.types.field import StrawberryField

from execution.arguments import compile_arguments
from execution.coercion import Irregular
from execution.completion import Completion, Effectful, Pure
from execution.guard import guards_of
from execution.run import Field, Run, Source
from execution.shared import SharedList
from execution.waiting import pends

Execute = Callable[[Any, Run, Path | None], Any]
Resolve = Callable[[Any, Run, Path], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One field of a selection.

    Attributes:
        execute: resolves and completes it; returns the value, or an awaitable of it. It raises
            only the error of a field that may not be null, for what stands above.
        read, write: for an attribute with a pure value, the two halves of the same without place
            or run; they raise whatever is wrong.
        key: equal for steps that do the same, while pure.
    """

    execute: Execute
    read: Pure | None = None
    write: Pure | None = None
    key: Hashable = None


def typename_step(name: str) -> Step:
    """`__typename`, which is known beforehand."""
    return Step(lambda source, run, above: name, lambda source: name, str, "__typename")


def attribute_step(name: str, field: Field, completion: Completion) -> Step:
    """A field that is an attribute of its source."""
    read, write = attrgetter(name), completion.pure
    if write is None:
        return _step(lambda source, run, path: read(source), field, completion)

    def execute(source: Any, run: Run, above: Path | None) -> Any:
        try:
            return write(read(source))
        except Exception:
            path = field.path(above)
            return run.executor.execute_field(field.parent, source, field.details, path, None)

    return Step(execute, read, write, (name, completion.key))


def resolver_step(
    source: Source,
    own: StrawberryField,
    field: Field,
    completion: Completion,
    entry_bytes: int = 0,
) -> Step:
    """A field with a resolver, which is called just once; `entry_bytes` where it gives a list."""
    if entry_bytes:
        completion = replace(completion, effectful=_counted(completion.effectful, entry_bytes))
    resolver, stock = own.base_resolver, field.definition.resolve
    assert stock is not None, "Strawberry gives every field a resolver"
    if resolver is None or guards_of(own) is None or source.schema.exception_handlers:
        by_stock = resolve_by_stock(source, field, stock)
        return _step(by_stock, field, completion)
    by_closure = compile_resolver(source, own, field, stock)
    return _step(by_closure, field, completion)


def compile_resolver(
    source: Source, own: StrawberryField, field: Field, stock: Callable[..., Any]
) -> Resolve:
    """Call a resolver as Strawberry does: arguments converted, source and info where asked for."""
    resolver = own.base_resolver
    assert resolver is not None
    arguments = compile_arguments(
        source.schema, field.definition, field.nodes[0], list(own.arguments)
    )
    has_self = resolver.self_parameter is not None
    parents = [p.name for p in (resolver.parent_parameter, resolver.root_parameter) if p]
    info_name = resolver.info_parameter.name if resolver.info_parameter else None
    make_info = source.schema.config.info_class
    by_stock = resolve_by_stock(source, field, stock)
    asks = [guard.ask for guard in guards_of(own) or ()]

    def resolve(value: Any, run: Run, path: Path) -> Any:
        try:
            given = arguments(run.values)
        except Irregular:
            return by_stock(value, run, path)
        for ask in asks:
            ask(run.context)
        for name in parents:
            given[name] = value
        if info_name:
            given[info_name] = make_info(_raw_info=run.info(field, path), _field=own)
        return resolver(value, **given) if has_self else resolver(**given)

    return resolve


def resolve_by_stock(source: Source, field: Field, stock: Callable[..., Any]) -> Resolve:
    """Call what Strawberry made of a resolver, with its extensions."""
    arguments = compile_arguments(source.schema, field.definition, field.nodes[0], [])

    def resolve(value: Any, run: Run, path: Path) -> Any:
        try:
            given = arguments(run.values)
        except Irregular:
            values = run.executor.variable_values
            given = get_argument_values(field.definition, field.nodes[0], values)
        return stock(value, run.info(field, path), **given)

    return resolve


def _counted(complete: Effectful, entry_bytes: int) -> Effectful:
    """Complete a list that leaves the answer as large as it may be, and the client some reads."""

    async def complete_later(counting: Awaitable[None], value: Any, run: Run, path: Path) -> Any:
        await counting
        completed = complete(value, run, path)
        return await completed if pends(completed) else completed

    def complete_counted(value: Any, run: Run, path: Path) -> Any:
        if isinstance(value, list | SharedList):
            counting = run.take(len(value) * entry_bytes)
            if counting is not None:
                return complete_later(counting, value, run, path)
        return complete(value, run, path)

    return complete_counted


def _step(resolve: Resolve, field: Field, completion: Completion) -> Step:
    finish = completion.effectful
    type_ = field.type

    async def finish_later(value: Any, run: Run, path: Path) -> Any:
        try:
            completed = finish(_no_error(await value), run, path)
            return await completed if pends(completed) else completed
        except Exception as error:
            return run.fail(error, field, type_, path)

    async def wait(completing: Any, run: Run, path: Path) -> Any:
        try:
            return await completing
        except Exception as error:
            return run.fail(error, field, type_, path)

    def execute(source: Any, run: Run, above: Path | None) -> Any:
        path = field.path(above)
        try:
            value = resolve(source, run, path)
            if pends(value):
                return finish_later(value, run, path)
            completed = finish(_no_error(value), run, path)
        except Exception as error:
            return run.fail(error, field, type_, path)
        return wait(completed, run, path) if pends(completed) else completed

    return Step(execute)


def _no_error(value: Any) -> Any:
    """A resolver may also return its error."""
    if isinstance(value, Exception):
        raise value
    return value
