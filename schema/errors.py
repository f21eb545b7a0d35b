"""What a client is told of an error: its code, and nothing of ours where we had not foreseen it."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from secrets import token_hex
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

# An id is looked for in the logs of days: so many bytes make no two alike among billions.
REQUEST_ID_BYTES = 8

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


class Failure:
    """What fails in one request that we had not foreseen: logged once each, under one id.

    Attributes:
        name_request: what gives the request's id; asked when something fails.
    """

    name_request: Callable[[], str] = staticmethod(partial(token_hex, REQUEST_ID_BYTES))

    def __init__(self) -> None:
        self._id = ""
        self._logged: set[int] = set()

    def log(self, error: Exception) -> str:
        """Log an error with its traceback, and return the request's id."""
        self._id = self._id or Failure.name_request()
        if id(error) not in self._logged:
            self._logged.add(id(error))
            log.error("Unexpected error, request %s", self._id, exc_info=error)
        return self._id


def describe(error: Exception, failure: Failure | None = None) -> tuple[str, str, dict[str, Any]]:
    """The code, message and extensions a client may see of an exception.

    What is our fault is logged, and all that is told of it is the id that the log has.
    """
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in STATUS and code != "INTERNAL":
        return code, str(error), getattr(error, "extensions", None) or {}
    return "INTERNAL", "Internal error", {"requestId": (failure or Failure()).log(error)}


def told(error: Exception) -> dict[str, Any]:
    """An exception as it stands among the `errors` of an answer that has nothing else."""
    code, message, extensions = describe(error)
    return {"message": message, "extensions": {**extensions, "code": code}}


def in_short(error: Exception) -> tuple[str, str]:
    """Its code, and what a WebSocket's close has room for: the code, and the id if there is one."""
    code, _, extensions = describe(error)
    return code, f"{code} {extensions.get('requestId', '')}".rstrip()


def reveal(errors: Iterable[GraphQLError]) -> None:
    """Give the errors of one request their codes, in place.

    Twice is once: an error with a code is left as it is.
    """
    failure = Failure()
    for error in errors:
        if (error.extensions or {}).get("code") not in STATUS:
            _reveal(error, failure)
        _let_go(error)


def _reveal(error: GraphQLError, failure: Failure) -> None:
    if is_mistake(error):
        cause = root_cause(error)
        if isinstance(cause, RecursionError):
            error.message = "The document is nested too deeply."
        error.message = error.message[:MAX_MESSAGE_LENGTH]
        error.extensions = {"code": "BAD_REQUEST"}
    else:
        code, error.message, extensions = describe(root_cause(error), failure)
        error.extensions = {**extensions, "code": code}


def _let_go(error: BaseException) -> None:
    """Take the way that it came off an error, now that it is told.

    It leads through all that was known of the request, which knows its errors: such a circle stays
    in memory until the collector comes by, and a request may be a mebibyte.
    """
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            waiting += [one.__cause__, one.__context__, getattr(one, "original_error", None)]


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
