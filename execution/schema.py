"""Strawberry's schema with a thin way: prepared operations, and errors that carry a code."""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from functools import partial
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
)
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from execution import limits
from execution.coercion import Irregular
from execution.counting import CountedSchema
from execution.documents import Documents
from execution.executor import BoundedExecutor, DiscreetExecutor
from execution.operation import Operation
from execution.operations import Operations
from execution.pushing import Answers
from execution.validation import find_mistakes
from execution.variables import check_variables
from schema.errors import ApiError, RateLimited, TooMuch, reveal
from telemetry import operations

# What Strawberry raises for an operation that it does not even look at.
UNPREPARED = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)


Prepared = Operation | PreExecutionError | None
EVERY_TYPE = frozenset(OperationType)
EXECUTABLE = EVERY_TYPE - {OperationType.SUBSCRIPTION}
UNCOUNTED = nullcontext()


class NamedOperation(ExecutionContext):
    """One operation's context. Strawberry's runs the first of several when none is named."""

    @property
    def operation_name(self) -> str | None:
        return self._provided_operation_name


class Schema(CountedSchema):
    """A schema that runs what it has seen before as closures, and the rest by the stock executor.

    Every error carries a code, whichever way the operation came.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._sizes: limits.Sizes = kwargs.pop("sizes", limits.Sizes())
        super().__init__(*args, **kwargs)
        self.introspection = True
        self.documents = Documents()
        self._operations = Operations(self)
        # Extensions may do anything at any step: only the stock executor has room for them.
        self._extended = bool(self.extensions or self.directives)

    @property
    def introspection(self) -> bool:
        """Whether clients may see the schema, in answers or in what they are told of mistakes."""
        return self._introspection

    @introspection.setter
    def introspection(self, allowed: bool) -> None:
        self._introspection = allowed
        self.execution_context_class = BoundedExecutor if allowed else DiscreetExecutor

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        reveal(errors)
        for error in errors[:1]:
            operations.failed((error.extensions or {})["code"])

    def _create_execution_context(
        self,
        query: str | None,
        allowed_operation_types: Iterable[OperationType],
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionContext:
        context = NamedOperation(
            query=query,
            schema=self,
            allowed_operations=allowed_operation_types,
            context=context_value,
            root_value=root_value,
            variables=variable_values,
            provided_operation_name=operation_name,
            operation_extensions=operation_extensions,
            parse_options={
                "max_tokens": limits.MAX_TOKENS,
                "max_source_length": limits.MAX_DOCUMENT_LENGTH,  # type: ignore[typeddict-unknown-key]
            },  # passed on to graphql-core's parser, which knows more options than the type
        )
        if known := self._find(query, operation_name):  # one for the stock executor, after all
            context.graphql_document = known.document
            context.validation_rules = ()
        return context

    def check_document(self, text: str) -> None:
        """See whether the operations of a text could be run.

        Raises:
            GraphQLError: it is not valid, or has none.
            TooMuch: it, or one of them, asks for too much.
        """
        document = limits.read(text)
        limits.check(document, self.introspection)
        for mistake in find_mistakes(self, document, suggest=True):
            raise mistake
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        if not operations:
            raise GraphQLError("There is no operation in it.")
        for each in operations:
            operation = Operation(self, document, each.name.value if each.name else None)
            operation.check_cost({}, self._sizes)

    async def text_of(
        self, query: str | None, extensions: Mapping[str, Any] | None, context: Any
    ) -> str | None:
        """The text of the document that a request asks for, by text or by hash.

        Raises:
            ApiError: it may not, or not like this, or too often.
        """
        try:
            return self.documents.text_of(query, extensions)
        except ApiError:
            if self.gate and (counting := self.gate.read(context)):
                await counting
            raise

    def _find(self, query: str | None, name: str | None) -> Operation | None:
        return self._operations.find(query, name) if query else None

    async def _prepare(
        self, query: str | None, name: str | None, allowed: Collection[OperationType]
    ) -> Prepared:
        """Prepare an operation seen for the first time; None if it is one for the stock executor.

        That is done once for each text and name that are valid, as long as they are remembered.
        """
        if self._extended:
            return None
        context = self._create_execution_context(query, allowed, operation_name=name)
        runner = self.create_extensions_runner(context, [])
        if query:
            with suppress(GraphQLSyntaxError):  # which Strawberry has words for
                context.graphql_document = limits.read(query)
                limits.check(context.graphql_document, self.introspection)
        context.validation_rules = ()
        if error := await self._prepare_operation_async(context, runner):
            return error
        assert query is not None
        assert context.graphql_document is not None
        if mistakes := find_mistakes(self, context.graphql_document, self.introspection):
            return PreExecutionError(data=None, errors=mistakes)
        return self._operations.add(query, name, context.graphql_document)

    async def _obtain(
        self,
        query: str | None,
        name: str | None,
        allowed: Collection[OperationType],
        variables: Mapping[str, Any] | None,
        context: Any,
    ) -> Prepared:
        """The operation, prepared now or before, unless it asks for too much, or too often."""
        gate = self.gate
        try:
            known = self._find(query, name)
            operation: Prepared = known
            if known:
                operations.known(known.label, known.kind)
            # What can't be run is counted like what is read; so is the first of each mutation.
            mutates = known is not None and known.fields_of_mutation
            if gate and not mutates and (counting := gate.read(context)):
                await counting
            if operation is None:
                operation = await self._prepare(query, name, allowed)
                if isinstance(operation, Operation):
                    operations.known(operation.label, operation.kind)
            count = operation.fields_of_mutation if isinstance(operation, Operation) else 0
            if gate and count and (counting := gate.book(context, count)):
                await counting
            if isinstance(operation, Operation) and operation.cost is None:
                operation.check_cost(variables or {}, self._sizes)
            if operation is None:
                check_variables(variables or {})
        except (TooMuch, RateLimited) as error:
            return self.refuse(GraphQLError(str(error), original_error=error))
        return operation

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Run a query or a mutation. A list in the data may be JSON already: orjson writes it."""
        # A subscription run as a query would answer once, with an iterator for its data.
        allowed = EXECUTABLE.intersection(allowed_operation_types or EXECUTABLE)
        try:
            query = await self.text_of(query, operation_extensions, context_value)
            operation = await self._obtain(
                query, operation_name, allowed, variable_values, context_value
            )
            if isinstance(operation, PreExecutionError):
                return self._reveal_errors(operation)
            turnstiles = self.turnstiles
            with turnstiles.operation(context_value) if turnstiles else UNCOUNTED:
                if operation and operation.type in allowed:
                    try:
                        result = await operation.execute(
                            variable_values or {}, context_value, root_value, operation_extensions
                        )
                        return self._reveal_errors(result)
                    except Irregular:
                        pass  # nothing was done yet
                return await super().execute(
                    query,
                    variable_values,
                    context_value,
                    root_value,
                    operation_name,
                    allowed,
                    operation_extensions,
                )
        except CannotGetOperationTypeError as error:
            return self.refuse(GraphQLError(error.as_http_error_reason(), original_error=error))
        except ApiError as error:
            return self.refuse(GraphQLError(str(error), original_error=error))

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> AsyncGenerator[Any, None]:
        # A WebSocket has one context for all its operations: a copy keeps what a resolver puts
        # there (a data loader) from outliving its operation.
        context = dict(context_value) if isinstance(context_value, dict) else context_value
        allowed = EVERY_TYPE.intersection(allowed_operation_types or EVERY_TYPE)
        passage: AbstractContextManager[object] = UNCOUNTED
        try:
            query = await self.text_of(query, operation_extensions, context_value)
            operation = await self._obtain(
                query, operation_name, allowed, variable_values, context_value
            )
            if isinstance(operation, PreExecutionError):
                return self._coded(_only(operation))
            if self.turnstiles:
                streams = operation and operation.type is OperationType.SUBSCRIPTION
                kind = self.turnstiles.subscription if streams else self.turnstiles.operation
                passage = kind(context)
            if operation and operation.type in allowed:
                results = operation.stream(
                    variable_values or {}, context, root_value, operation_extensions
                )
                if isinstance(results, Answers):
                    return results.through(partial(self._coded, passage=passage))
                return self._coded(results, passage)
        except (Irregular, *UNPREPARED):
            pass  # what cannot be prepared has an error that Strawberry words for streams
        except ApiError as error:
            refusal = self.refuse(GraphQLError(str(error), original_error=error))
            return self._coded(_only(refusal))
        return self._coded(
            await super().stream(
                query,
                variable_values,
                context,
                root_value,
                operation_name,
                operation_extensions,
                allowed_operation_types,
            ),
            passage,
        )

    async def _coded(
        self,
        results: AsyncGenerator[Any, None],
        passage: AbstractContextManager[object] = UNCOUNTED,
    ) -> AsyncGenerator[Any, None]:
        """Results with their errors' codes, counted from the first that is asked for to the end.

        Strawberry lets what breaks before execution (a validation rule, say) fly here.
        """
        async with aclosing(results):
            try:
                with passage:
                    async for result in results:
                        yield self._reveal_errors(result)
            except Exception as error:
                yield self.refuse(GraphQLError(str(error), original_error=error))

    def _reveal_errors(self, result: ExecutionResult) -> ExecutionResult:
        if result.errors:
            self._process_errors(result.errors)
        return result

    def refuse(self, error: GraphQLError) -> PreExecutionError:
        self._process_errors([error])
        return PreExecutionError(data=None, errors=[error])


async def _only(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result
