"""Traces: what an operation went through, as spans. Off they are nothing, and cost nothing.

Whoever has something to tell asks for `tracing`, which is None where traces are off.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the library takes time and memory, which few need
    from telemetry.tracing import Tracing

tracing: "Tracing | None" = None
"""What makes spans in this process."""

NOTHING: AbstractContextManager[None] = nullcontext()


def trace_id() -> str:
    """The id of the trace that this task is a part of; empty where there is none."""
    return "" if tracing is None else tracing.trace_id()


def batch(waiting: Iterable[Any]) -> AbstractContextManager[object]:
    """A batch of the desk, for the commands that waited for it."""
    return NOTHING if tracing is None else tracing.batch(waiting)


def step(name: str) -> AbstractContextManager[object]:
    """A step of what is under way."""
    return NOTHING if tracing is None else tracing.step(name)


def statement(name: str) -> AbstractContextManager[object]:
    """A statement and its answer, by its name in sql/."""
    return NOTHING if tracing is None else tracing.round_trip([name])


def round_trip(names: list[str]) -> AbstractContextManager[object]:
    """Statements that go together, and their answers; the names are taken out of the list."""
    if tracing is None:
        return NOTHING
    sent = names.copy()
    names.clear()
    return tracing.round_trip(sent)
