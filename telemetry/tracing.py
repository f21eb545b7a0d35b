"""How spans are made, where traces are on: one trace from a request to its statements.

The attributes are OpenTelemetry's semantic conventions' where these have one. There is no
parameter, name, token or text of a client's among them, but for the operation's name.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import time_ns
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# What is the server's fault makes a span one that failed. The rest is somebody's mistake.
FAULTS = ("INTERNAL", "UNAVAILABLE")

# The name of a batch's span. It is begun where one of its commands is traced.
BATCH = "desk.batch"

_propagator = TraceContextTextMapPropagator()


class Request:
    """The spans of an operation: of its HTTP request, where it is one's, and its own."""

    def __init__(self, tracer: Tracer, method: str | None, traceparent: str | None) -> None:
        self._tracer = tracer
        self._began_at = time_ns()
        self._outer = Context()
        if traceparent:
            self._outer = _propagator.extract({"traceparent": traceparent}, self._outer)
        self._http: Span | None = None
        self._operation: Span | None = None
        if method is not None:
            attributes = {
                "http.request.method": method,
                "http.route": "/graphql",
                "url.path": "/graphql",
                "url.scheme": "http",
            }
            self._http = tracer.start_span(
                f"{method} /graphql", self._outer, SpanKind.SERVER, attributes
            )
            self._outer = trace.set_span_in_context(self._http, self._outer)
        context.attach(self._outer)

    def known(self, name: str, type_: str) -> None:
        """It is known which operation this is."""
        if self._operation is not None or (self._http and not self._http.is_recording()):
            return
        kind = SpanKind.INTERNAL if self._http else SpanKind.SERVER
        attributes = {"graphql.operation.name": name, "graphql.operation.type": type_}
        self._operation = self._tracer.start_span(
            f"{type_} {name}", self._outer, kind, attributes, start_time=self._began_at
        )
        context.attach(trace.set_span_in_context(self._operation, self._outer))

    @property
    def trace_id(self) -> str:
        """The id of the trace; empty where no span was begun."""
        span = self._http or self._operation
        return _hex_of(span) if span else ""

    def end(self, outcome: str, status: int, request_id: str) -> None:
        """It has ended."""
        if self._operation:
            _fail(self._operation, outcome)
            self._operation.set_attribute("boxoffice.request.id", request_id)
            self._operation.end()
        if self._http:
            _fail(self._http, outcome if status >= 500 else "ok")
            if status:
                self._http.set_attribute("http.response.status_code", status)
            self._http.end()
        context.attach(Context())


class Waiting:
    """The span of a command at the desk, from when it comes to when it has its answer."""

    def __init__(self, span: Span, answer: "asyncio.Future[Any]") -> None:
        self.span = span
        self._began_at = time_ns()
        answer.add_done_callback(self._end)

    def join(self, batch: Span) -> None:
        """A batch takes it along: each leads to the other."""
        waited = (time_ns() - self._began_at) / 1e9
        self.span.set_attribute("boxoffice.desk.wait", waited)
        self.span.add_link(batch.get_span_context())
        self.span.add_event("boxoffice.desk.batch", _ids_of(batch))

    def _end(self, answer: "asyncio.Future[Any]") -> None:
        if answer.cancelled():
            self.span.set_attribute("error.type", "gone")
        elif error := answer.exception():
            _fail(self.span, str(getattr(error, "code", "INTERNAL")))
        self.span.end()


class Tracing:
    """Makes spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, method: str | None, traceparent: str | None) -> Request:
        """Begin an operation in this task: of an HTTP request, or on a WebSocket."""
        return Request(self._tracer, method, traceparent)

    def wait(self, command: str, show_id: int, answer: "asyncio.Future[Any]") -> Waiting | None:
        """Begin a command's time at the desk, which ends with its answer.

        None where nobody asks, as the sweep does, or the sampler has left out who does.
        """
        if not trace.get_current_span().is_recording():
            return None
        attributes: dict[str, Any] = {"boxoffice.command": command, "boxoffice.show.id": show_id}
        return Waiting(self._tracer.start_span("desk.submit", attributes=attributes), answer)

    @contextmanager
    def batch(self, waiting: Iterable[Waiting | None]) -> Iterator[None]:
        """A batch is a trace of its own, since it is many's; if one of them has a trace."""
        everybody = list(waiting)
        # Who has left meanwhile has ended their span, and OpenTelemetry would warn of each.
        commands = [each for each in everybody if each and each.span.is_recording()]
        if not commands:
            yield
            return
        span = self._tracer.start_span(
            BATCH,
            Context(),
            attributes={"boxoffice.batch.size": len(everybody)},
            links=[Link(each.span.get_span_context()) for each in commands],
        )
        for each in commands:
            each.join(span)
        with _current(span):
            yield

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step of what is under way."""
        with self._part(name, SpanKind.INTERNAL, {}):
            yield

    @contextmanager
    def round_trip(self, names: Sequence[str]) -> Iterator[None]:
        """Statements that go to the database together; alone, or as a batch."""
        attributes: dict[str, Any] = {
            "db.system.name": "postgresql",
            "db.operation.name": names[0] if len(names) == 1 else "BATCH",
            "db.query.summary": " ".join(names),
        }
        if len(names) > 1:
            attributes["db.operation.batch.size"] = len(names)
        name = names[0] if len(names) == 1 else f"BATCH {names[-1]}"
        with self._part(name, SpanKind.CLIENT, attributes):
            yield

    @contextmanager
    def _part(self, name: str, kind: SpanKind, attributes: dict[str, Any]) -> Iterator[None]:
        """A part of a trace, where there is one: what the house does by itself is none's."""
        if not trace.get_current_span().is_recording():
            yield
            return
        with _current(self._tracer.start_span(name, kind=kind, attributes=attributes)):
            yield

    def trace_id(self) -> str:
        """The id of the trace that this task is a part of; empty where there is none."""
        return _hex_of(trace.get_current_span())


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """Have a span about a block. What an error says, it doesn't: that may have anything in it."""
    try:
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()


def _fail(span: Span, outcome: str) -> None:
    if outcome != "ok":
        span.set_attribute("error.type", outcome)
    if outcome in FAULTS:
        span.set_status(Status(StatusCode.ERROR))


def _ids_of(span: Span) -> dict[str, str]:
    ids = span.get_span_context()
    return {"trace_id": format(ids.trace_id, "032x"), "span_id": format(ids.span_id, "016x")}


def _hex_of(span: Span) -> str:
    ids = span.get_span_context()
    return format(ids.trace_id, "032x") if ids.is_valid else ""
