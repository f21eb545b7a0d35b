"""The log's line for each operation, when it has ended.

It goes past the formatter: what is in it is known beforehand, and so it takes 3 us, not 60.
"""

import logging
from time import gmtime, strftime, time
from typing import Any

import orjson

from telemetry import operations
from telemetry.log import Lines, LogHandler
from telemetry.operations import Running

LOGGER = "boxoffice.requests"


def begin_request_log() -> None:
    """Write a line for each operation that ends in this process, if its log has such."""
    if logging.getLogger(LOGGER).isEnabledFor(logging.INFO):
        for handler in logging.getLogger().handlers:
            if isinstance(handler, LogHandler):
                operations.listen(RequestLog(handler))


class RequestLog:
    """Writes the lines into the log of a handler, in its form, and as discreet."""

    def __init__(self, handler: LogHandler) -> None:
        assert isinstance(handler.formatter, Lines)
        self._stream = handler.stream
        self._hide = handler.formatter.discretion.hide
        self._write = _as_json if handler.formatter.form == "json" else _as_text
        # Names are a client's, but bounded in number.
        self._names: dict[str, str] = {}
        self._second, self._stamp = 0, ""

    def __call__(self, operation: Running) -> None:
        """Write the line of an operation."""
        name = self._names.get(operation.name)
        if name is None:
            name = self._names[operation.name] = self._hide(operation.name)
        request_id = operation.request_id
        event = {
            "time": self._now(),
            "level": "info",
            "logger": LOGGER,
            "event": "operation",
            "operation": name,
            "type": operation.type,
            "outcome": operation.outcome,
            "status": operation.status or None,
            "duration_ms": round(operation.seconds * 1000, 2),
            "client": operation.client,
            "request_id": self._hide(request_id) if operation.id_is_theirs else request_id,
        }
        if operation.spans is not None:
            event["trace_id"] = operation.spans.trace_id
        self._stream.write(self._write(event), urgent=False)

    def _now(self) -> str:
        """The time as every record has it; but for the milliseconds it is the same for a second."""
        now = time()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}+00:00"


def _as_json(event: dict[str, Any]) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def _as_text(event: dict[str, Any]) -> bytes:
    trace = f" trace_id={event['trace_id']}" if "trace_id" in event else ""
    return (
        f"{event['time']} INFO {LOGGER}: {event['type']} {event['operation']} {event['outcome']}"
        f" status={event['status'] or '-'} duration_ms={event['duration_ms']}"
        f" client={event['client']} request_id={event['request_id']}{trace}\n"
    ).encode()
