"""What a client is told of an error: its code, and nothing of ours where we had not foreseen it."""

import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import FieldNode, GraphQLError
from graphql.error import GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

log = logging.getLogger("boxoffice")

# The contract's codes, and the status each has where the whole request is refused.
STATUS = {
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}

# GraphiQL's introspection has 163 tokens, the whole contract in one query about 300. Validation
# compares fields pair by pair: 1,000 tokens cost 90 ms at the worst, 2,000 twice that, 5,000 0.6 s.
MAX_TOKENS = 1_000
# Characters the lexer walks one by one even where they make no token: 1 MiB of them take 0.2 s.
MAX_DOCUMENT_LENGTH = 100_000
# graphql-core quotes what it refuses, and one mistake may be as long as the request.
MAX_MESSAGE_LENGTH = 1_000

# What is raised for a document no resolver has seen yet.
CLIENT_MISTAKES = (
    GraphQLSyntaxError,
    MissingQueryError,
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
    RecursionError,
)


class ApiError(Exception):
    """An error the contract foresees. Any exception with such a `code` is treated alike."""

    code = "INTERNAL"

    def __init__(self, message: str, extensions: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.extensions = extensions or {}


class BadRequest(ApiError):
    """The request itself is wrong; sent again it will be refused again."""

    code = "BAD_REQUEST"


class Unauthenticated(ApiError):
    """Nobody knows who calls."""

    code = "UNAUTHENTICATED"


class Forbidden(ApiError):
    """The caller is known, and may not."""

    code = "FORBIDDEN"


class RateLimited(ApiError):
    """The caller asks too often."""

    code = "RATE_LIMITED"


class Unavailable(ApiError):
    """Something underneath failed for now; nothing was decided."""

    code = "UNAVAILABLE"


def describe(error: Exception) -> tuple[str, str, dict[str, Any]]:
    """The code, message and extensions a client may see of an exception; logs what is our fault."""
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in STATUS:
        return code, str(error), getattr(error, "extensions", None) or {}
    log.error("Unexpected error", exc_info=error)
    return "INTERNAL", "Internal error", {}


def reveal(error: GraphQLError) -> None:
    """Give an error its code, in place. Twice is once: an error with a code is left as it is."""
    if (error.extensions or {}).get("code") in STATUS:
        return
    if is_mistake(error):
        cause = root_cause(error)
        if isinstance(cause, RecursionError):
            error.message = "The document is nested too deeply."
        error.message = error.message[:MAX_MESSAGE_LENGTH]
        error.extensions = {"code": "BAD_REQUEST"}
    else:
        code, error.message, extensions = describe(root_cause(error))
        error.extensions = {**extensions, "code": code}


def root_cause(error: GraphQLError) -> Exception:
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def is_mistake(error: GraphQLError) -> bool:
    """Whether it is the client's: found in the document or its variables, not in a resolver.

    graphql-core puts both into GraphQLError. Without a path no resolver ran: then an error either
    names the place in the document (a scalar's ValueError does too) or was made by graphql-core.
    With one, only a bad argument points at something else than the field.
    """
    cause = root_cause(error)
    if isinstance(cause, CLIENT_MISTAKES):
        return True
    if hasattr(cause, "code"):
        return False
    if error.path is None:
        return error.nodes is not None or error.original_error is None
    nodes = cause.nodes if isinstance(cause, GraphQLError) else None
    return bool(nodes) and not any(isinstance(node, FieldNode) for node in nodes or ())


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
