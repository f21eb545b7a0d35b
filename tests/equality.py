"""Two ways to run one request, and what they have to have in common: all that can be seen."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import orjson
import pytest
import strawberry
import strawberry.schema.schema as strawberry_schema
from graphql import DocumentNode, GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

import execution.schema
from execution import limits, validation
from execution.operations import Operations
from execution.schema import Schema
from execution.shared import EncodedResult
from tests.documents import Asked

MAX_EVENTS = 4
# A stand-in waits for nothing: what has not come after so many turns of the loop never will.
PATIENCE = 300

NOT_SUBSCRIPTIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})

Told = list[Any]
MakeContext = Callable[[], Any]
Tick = Callable[[Any], None]


def validate_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was found valid be so when it comes again: validation takes most of the time.

    And let pass what asks for too much, before which no other way has a bound.
    """
    monkeypatch.setattr(limits, "check", lambda *_: None)
    monkeypatch.setattr(limits, "MAX_TOKENS", 1_000_000)
    monkeypatch.setattr(limits, "MAX_COST", float("inf"))
    valid: set[tuple[int, str]] = set()
    validate = strawberry_schema._run_validation

    def run_validation(context: ExecutionContext) -> None:
        key = id(context.schema), context.query or ""
        if context.validation_rules and key not in valid:
            validate(context)
            if not context.pre_execution_errors:
                valid.add(key)

    def find_mistakes(schema: Schema, document: DocumentNode, suggest: bool) -> list[GraphQLError]:
        assert document.loc
        if (id(schema), document.loc.source.body) in valid:
            return []
        return validation.find_mistakes(schema, document, suggest)

    monkeypatch.setattr(strawberry_schema, "_run_validation", run_validation)
    monkeypatch.setattr(execution.schema, "find_mistakes", find_mistakes)


def told(result: Any) -> Told:
    """All there is to see of a result."""
    assert isinstance(result, ExecutionResult), result
    assert not result.extensions
    data = orjson.dumps(result.data, default=repr)
    errors = [_seen(error) for error in result.errors or []]
    if isinstance(result, EncodedResult):
        assert orjson.loads(result.encoded) == {"data": result.data}
    return [
        type(result).__name__.replace("Encoded", "Execution"),
        data,
        errors[: validation.MAX_MISTAKES] if isinstance(result, PreExecutionError) else errors,
    ]


def _seen(error: GraphQLError) -> dict[str, Any]:
    """An error as a client sees it, but for the id of its request, which no other has."""
    extensions = {**(error.extensions or {})}
    extensions.pop("requestId", None)
    return {**error.formatted, "extensions": extensions}


async def execute_stock(schema: Schema, asked: Asked, context: Any, root: Any) -> Told:
    """What Strawberry alone makes of a query or a mutation."""
    try:
        result = await strawberry.Schema.execute(
            schema, asked.text, dict(asked.variables), context, root, asked.name, NOT_SUBSCRIPTIONS
        )
    except CannotGetOperationTypeError as error:  # as Schema has it, whichever way is taken
        result = schema.refuse(GraphQLError(error.as_http_error_reason(), original_error=error))
    except Exception as error:
        return ["raised", type(error), str(error)]
    return told(result)


async def execute_ours(schema: Schema, asked: Asked, context: Any, root: Any) -> Told:
    """What the closures make of it."""
    try:
        result = await schema.execute(asked.text, dict(asked.variables), context, root, asked.name)
    except Exception as error:
        return ["raised", type(error), str(error)]
    return told(result)


async def stream_stock(
    schema: Schema, asked: Asked, context: Any, root: Any
) -> AsyncGenerator[Any, None]:
    """Begin a stream as Strawberry alone would."""
    stream: Any = await strawberry.Schema.stream(
        schema, asked.text, dict(asked.variables), context, root, asked.name
    )
    return schema._coded(stream)


async def stream_ours(
    schema: Schema, asked: Asked, context: Any, root: Any
) -> AsyncGenerator[Any, None]:
    """Begin a stream with closures."""
    return await schema.stream(asked.text, dict(asked.variables), context, root, asked.name)


async def watch(begin: Awaitable[AsyncGenerator[Any, None]], tick: Callable[[], None]) -> Told:
    """Everything a stream tells, with something happening after each event."""
    events: Told = []
    try:
        async with aclosing(await begin) as stream:
            while len(events) < MAX_EVENTS:
                waiting: asyncio.Task[Any] = asyncio.ensure_future(anext(stream, "ended"))
                for _ in range(PATIENCE):
                    if waiting.done():
                        break
                    await asyncio.sleep(0)
                else:
                    waiting.cancel()
                    await asyncio.wait([waiting])
                    return [*events, "silent"]
                result = await waiting
                if result == "ended":
                    return [*events, "ended"]
                events.append(told(result))
                tick()
    except Exception as error:
        return [*events, "raised", type(error), str(error)]
    return events


def assert_alike(schema: Schema, asked: Asked, make_context: MakeContext, root: Any = None) -> Told:
    """Run a request in three ways: stock, by closures at first sight, and once more."""
    schema._operations = Operations(schema)

    async def run() -> tuple[list[Told], list[Any]]:
        contexts = [make_context() for _ in range(3)]
        stock = await execute_stock(schema, asked, contexts[0], root)
        ours = [await execute_ours(schema, asked, context, root) for context in contexts[1:]]
        return [stock, *ours], contexts

    return _same(*asyncio.run(run()))


def assert_streams_alike(
    schema: Schema, asked: Asked, make_context: MakeContext, tick: Tick, root: Any = None
) -> Told:
    """The same, for streams."""
    schema._operations = Operations(schema)

    async def run() -> tuple[list[Told], list[Any]]:
        contexts = [make_context() for _ in range(3)]
        ways = [stream_stock, stream_ours, stream_ours]
        streams = [
            await watch(way(schema, asked, context, root), partial(tick, context))
            for way, context in zip(ways, contexts, strict=True)
        ]
        return streams, contexts

    return _same(*asyncio.run(run()))


def _same(answers: list[Told], contexts: list[Any]) -> Told:
    stock, first, again = answers
    assert first == stock, "at first sight"
    assert again == stock, "once it is known"
    done = [context["done"] for context in contexts]
    assert done[1] == done[0]
    assert done[2] == done[0]
    return stock
