"""The seam "an operation ended": each GraphQL operation is told of once, whichever way it came.

A transport begins one and ends it: the short way and the long way over HTTP, an event stream, an
operation on a WebSocket. In between the schema says which it is, and whoever meets an error says
its code. Who listens (metrics, the log, traces) is told at the end.

The outcome is `ok`, the code of the first error, or `gone` where nobody waited for the answer any
more. An error that is a member of a mutation's union is `ok` here: the operation did what it is
for, and what came of the booking is counted by the desk.
"""

import re
from collections.abc import Callable
from contextvars import ContextVar
from random import Random
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING

from telemetry import traces

if TYPE_CHECKING:
    from telemetry.tracing import Request

OK = "ok"
GONE = "gone"
# Never prepared, so that it is not known which it is: not valid, or refused before.
UNKNOWN = "unknown"
# Names come from clients. So many are told apart in each process, for as long as it runs.
MAX_NAMES = 100
LONGEST_NAME = 64
OTHER = "other"
# What a client or a proxy may call a request: nothing that could be more than a word.
REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

_random = Random()


def new_request_id() -> str:
    """An id that is looked for in the logs of days: no two are alike among billions."""
    return f"{_random.getrandbits(64):016x}"


class Running:
    """One operation from its beginning to its end.

    Attributes:
        name: its name, or its first root field's where it has none; bounded, see `Names`.
        type: query, mutation or subscription.
        outcome: what came of it so far.
        seconds: how long it took, once it has ended; a subscription, how long somebody listened.
        status: of the HTTP answer; 0 where there is none.
        spans: its traces, where there are any.
        client: who asks: a visitor, a customer or an admin.
        id_is_theirs: whether the request's id is the client's.
    """

    __slots__ = (
        "_began_at",
        "_request_id",
        "client",
        "id_is_theirs",
        "name",
        "outcome",
        "seconds",
        "spans",
        "status",
        "type",
    )

    def __init__(self, request_id: str | None = None) -> None:
        self.id_is_theirs = request_id is not None and bool(REQUEST_ID.fullmatch(request_id))
        self._request_id = request_id if self.id_is_theirs else None
        self.client = UNKNOWN
        self.spans: Request | None = None
        self.status = 0
        self.name = self.type = UNKNOWN
        self.outcome = OK
        self._began_at = perf_counter()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self, _: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.fail("INTERNAL" if isinstance(error, Exception) else GONE)
        self.end()

    @property
    def request_id(self) -> str:
        """What the request is called in the log, in a masked error and to the client."""
        if self._request_id is None:
            self._request_id = new_request_id()
        return self._request_id

    def fail(self, code: str) -> None:
        """Take down an error's code, unless one came before.

        Who follows a subscription no longer has got what they asked for.
        """
        if self.outcome == OK and not (code == GONE and self.type == "subscription"):
            self.outcome = code

    def end(self) -> None:
        """Tell all who listen, unless it was none: a page was asked for, not an operation."""
        self.seconds = perf_counter() - self._began_at
        if self.spans is not None:
            self.spans.end(self.outcome, self.status, self.request_id)
        if self.name != UNKNOWN or self.outcome != OK:
            for listen in _listeners:
                listen(self)


Listener = Callable[[Running], object]

_listeners: list[Listener] = []
_under_way: ContextVar[Running | None] = ContextVar("operation", default=None)


def begin(
    method: str | None = None, traceparent: str | None = None, request_id: str | None = None
) -> Running:
    """Begin an operation; it is the one of this task, which has no other, and of what comes of it.

    To be ended once, by `end` or as a block.

    Args:
        method: of the HTTP request that it came with, if it did.
        traceparent: the trace that it is to be a part of, as W3C's header has it.
        request_id: what the client calls it. What is no REQUEST_ID is not taken.
    """
    running = Running(request_id)
    _under_way.set(running)
    if traces.tracing is not None:
        running.spans = traces.tracing.begin(method, traceparent)
    return running


def under_way() -> Running | None:
    """The operation that this task is for."""
    return _under_way.get()


def request_id() -> str:
    """The id of the request that this task is for, or a new one."""
    running = _under_way.get()
    return running.request_id if running else new_request_id()


def called_by(client: str) -> None:
    """Say who asks for the operation under way."""
    if running := _under_way.get():
        running.client = client


def known(name: str, type_: str) -> None:
    """Say which operation is under way, once it was found valid."""
    if running := _under_way.get():
        running.name, running.type = name, type_
        if running.spans is not None:
            running.spans.known(name, type_)


def failed(code: str) -> None:
    """Say what went wrong in the operation under way."""
    if running := _under_way.get():
        running.fail(code)


def refused(code: str, status: int = 0) -> Running:
    """Tell of an operation that was refused before anybody looked at it."""
    with Running() as running:
        running.fail(code)
        running.status = status
    return running


def listen(listener: Listener) -> None:
    """Have somebody told of every operation that ends in this process; it must not raise."""
    if listener not in _listeners:
        _listeners.append(listener)


class Names:
    """The names that are told apart: the first so many, as they are. All others are one."""

    def __init__(self, most: int = MAX_NAMES) -> None:
        self._most = most
        self._known: set[str] = set()

    def admit(self, name: str) -> str:
        """What to call an operation of this name, which must be a valid one's."""
        if name in self._known:
            return name
        if len(self._known) >= self._most or len(name) > LONGEST_NAME:
            return OTHER
        self._known.add(name)
        return name


names = Names()
