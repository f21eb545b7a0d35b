"""Strawberry's schema, so that every error carries a code, whichever way the operation came."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from schema.errors import reveal

# GraphiQL's introspection has 163 tokens, the whole contract in one query about 300. Validation
# compares fields pair by pair: 1,000 tokens cost 90 ms at the worst, 2,000 twice that, 5,000 0.6 s.
MAX_TOKENS = 1_000
# Characters the lexer walks one by one even where they make no token: 1 MiB of them take 0.2 s.
MAX_DOCUMENT_LENGTH = 100_000


class Operation(ExecutionContext):
    """One operation's context. Strawberry's runs the first of several when none is named."""

    @property
    def operation_name(self) -> str | None:
        return self._provided_operation_name


class Schema(strawberry.Schema):
    """A schema whose every error carries a code, whichever way the operation came."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        for error in errors:
            reveal(error)

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
        return Operation(
            query=query,
            schema=self,
            allowed_operations=allowed_operation_types,
            context=context_value,
            root_value=root_value,
            variables=variable_values,
            provided_operation_name=operation_name,
            operation_extensions=operation_extensions,
            parse_options={
                "max_tokens": MAX_TOKENS,
                "max_source_length": MAX_DOCUMENT_LENGTH,  # type: ignore[typeddict-unknown-key]
            },  # passed on to graphql-core's parser, which knows more options than the type
        )

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
        # A subscription run as a query would answer once, with an iterator for its data.
        allowed = set(allowed_operation_types or OperationType) - {OperationType.SUBSCRIPTION}
        try:
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

    async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        # A WebSocket has one context for all its operations: a copy keeps what a resolver puts
        # there (a data loader) from outliving its operation.
        if isinstance(context := kwargs.get("context_value"), dict):
            kwargs["context_value"] = dict(context)
        return self._coded(await super().stream(*args, **kwargs))

    async def _coded(self, results: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        """Strawberry lets what breaks before execution (a validation rule, say) fly here."""
        async with aclosing(results):
            try:
                async for result in results:
                    yield result
            except Exception as error:
                yield self.refuse(GraphQLError(str(error), original_error=error))

    def refuse(self, error: GraphQLError) -> PreExecutionError:
        self._process_errors([error])
        return PreExecutionError(data=None, errors=[error])
