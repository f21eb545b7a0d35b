"""What a client is told of an error: its code, and nothing of ours where we had not foreseen it."""

import logging
from typing import Any

from graphql import FieldNode, GraphQLError
from graphql.error import GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

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


class TooMuch(BadRequest):
    """The request asks for more than one may."""

    def __init__(self, message: str, name: str, maximum: int) -> None:
        super().__init__(message, {"limit": {"name": name, "max": maximum}})


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
