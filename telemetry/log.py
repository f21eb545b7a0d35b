"""The log: records that nobody can forge, and no secret in them; as text or as JSON.

As text a record begins a line, with its time, and only a record does. What a traceback says goes
below it, indented. As JSON a record is a line, an object, with the traceback as a string. Whatever
a terminal or an editor would obey is written as an escape.
"""

import json
import logging
import logging.config
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

from telemetry import operations, traces
from telemetry.discretion import Discretion
from telemetry.log_stream import LogStream

INDENT = "    "
# What stands below its record in a text.
BELOW = ("exception", "stack")

Form = Literal["json", "text"]

log = logging.getLogger("boxoffice")


class Lines(ProcessorFormatter):
    """Writes records, ours and the libraries', alike.

    Args:
        secrets: what is never shown, wherever it comes from.
        form: json or text.
    """

    def __init__(self, secrets: Sequence[str] = (), form: Form = "text") -> None:
        self.form = form
        self.discretion = Discretion(secrets)
        write = _as_json if form == "json" else _as_text
        super().__init__(
            processors=[self._arrange, self._hide, lambda _, __, event: write(event)],
        )

    def _arrange(self, _: Any, __: str, event: EventDict) -> EventDict:
        """Begin with what every record has."""
        record: logging.LogRecord = event.pop("_record")
        del event["_from_structlog"]
        error, stack = event.pop("exc_info", None), event.pop("stack_info", None)
        arranged = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(event.pop("event")).strip(),
            **event,
            **_circumstances(),
        }
        if error and error[0]:
            arranged["exception"] = self.formatException(error)
        if stack:
            arranged["stack"] = stack
        return arranged

    def _hide(self, _: Any, __: str, event: EventDict) -> EventDict:
        return {key: self._discreet(value) for key, value in event.items()}

    def _discreet(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.discretion.hide(str(value))


def _circumstances() -> dict[str, str]:
    """The request and the trace that a record belongs to."""
    found: dict[str, str] = {}
    if operation := operations.under_way():
        found["request_id"] = operation.request_id
    if trace_id := traces.trace_id():
        found["trace_id"] = trace_id
    return found


def timestamp(seconds: float) -> str:
    """A time as every record has it: UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _as_json(event: Mapping[str, Any]) -> str:
    line = json.dumps(event, ensure_ascii=False)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def _as_text(event: Mapping[str, Any]) -> str:
    at, level, logger, message, *more = event.items()
    words = [f"{at[1]} {level[1].upper()} {logger[1]}: {printable(message[1])}"]
    words += [f"{key}={printable(str(value))}" for key, value in more if key not in BELOW]
    below = [line for key in BELOW if key in event for line in event[key].split("\n")]
    return "\n".join([" ".join(words), *(INDENT + printable(line) for line in below)])


def printable(text: str) -> str:
    """The text, with escapes for what is no letter, mark, sign or space: all that has an effect."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class LogHandler(logging.Handler):
    """Hands records to the log's stream; warnings and errors are out at once."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = LogStream(sys.stderr.fileno(), self._notice)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self.stream.write(self._encoded(record), urgent=record.levelno >= logging.WARNING)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits, unless nobody reads it."""
        self.stream.close()

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _notice(self, count: int) -> bytes:
        message = "%s lines are missing here: the log is read too slowly"
        return self._encoded(
            log.makeRecord(log.name, logging.WARNING, "", 0, message, (count,), None)
        )


def log_config(
    secrets: Sequence[str] = (), level: str = "info", form: str = "auto"
) -> dict[str, Any]:
    """What `logging.config` makes of it, in this process and in those it starts.

    Args:
        secrets: what is never shown.
        level: of our own records. Libraries are heard from warnings on.
        form: json, text, or auto: text for a terminal.
    """
    if form == "auto":
        form = "text" if sys.stderr.isatty() else "json"
    own = logging.getLevelNamesMapping()[level.upper()]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines, "secrets": list(secrets), "form": form}},
        "handlers": {"stderr": {"()": LogHandler, "formatter": "lines"}},
        "loggers": {"boxoffice": {"level": own}},
        "root": {"level": max(own, logging.WARNING), "handlers": ["stderr"]},
    }


def begin_log(config: dict[str, Any]) -> None:
    """Have this process write its log so, with what nobody would have written into it."""
    logging.config.dictConfig(config)
    hear_all()


def hear_all() -> None:
    """Have the log of this process told what goes past it else: warnings, and what nobody catches.

    That would be no record, and secrets would stand in it.
    """
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


def flush_log() -> None:
    """Write what waits to be written: this process may end in a way that leaves no time for it."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    log.critical("Uncaught", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_unraisable(args: "sys.UnraisableHookArgs") -> None:
    error = args.exc_value
    log.error("Ignored", exc_info=(type(error), error, args.exc_traceback) if error else None)
