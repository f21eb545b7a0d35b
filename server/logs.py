"""The log: records that nobody can forge, and no secret in them.

A record begins a line, with its time, and only a record does. What a traceback says goes below it,
indented. Whatever a terminal or an editor would obey is written as an escape.
"""

import logging
import logging.config
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import unquote

LEVEL = "WARNING"
INDENT = "    "
HIDDEN = "***"
# Shorter ones stand in ordinary words, and to hide them would tell where they do.
LEAST_LENGTH = 8

# An error may quote a request whole, and forms are looked for in what is left.
LONGEST_TEXT = 32_000

# What gives itself away as a secret, ours or not: who shows it, API keys, JWTs, passwords in URLs.
FORMS: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\b(bearer|basic)\s+[^\s'\"]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(r"(authorization\W{1,6}(?:b['\"])?)(?!bearer|basic)\w[^\s'\"]*", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\bbo_\d{1,18}_[\w-]+"), f"bo_{HIDDEN}"),
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w.-]*"), f"eyJ{HIDDEN}"),
    (re.compile(r"(://[^\s/:@]{0,64}:)\S{1,256}@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(password\s{0,3}[=:]\s{0,3})\S+", re.IGNORECASE), rf"\1{HIDDEN}"),
]

log = logging.getLogger("boxoffice")


class Lines(logging.Formatter):
    """Writes records as text.

    Args:
        secrets: what is never shown, wherever it comes from.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        forms = {
            form for secret in secrets for form in (secret, repr(secret)[1:-1], unquote(secret))
        }
        # The longest first: one may begin another.
        words = sorted((form for form in forms if len(form) >= LEAST_LENGTH), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, words))) if words else None

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and its traceback below."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = self._hide(record.getMessage().strip())
        lines = [f"{at} {record.levelname} {record.name}: {printable(message)}"]
        for text in (self._traceback(record), record.stack_info):
            if text:
                lines += (INDENT + printable(line) for line in self._hide(text).split("\n"))
        return "\n".join(lines)

    def _traceback(self, record: logging.LogRecord) -> str:
        error = record.exc_info
        return self.formatException(error) if error and error[0] else ""

    def _hide(self, text: str) -> str:
        if self._secrets:
            text = self._secrets.sub(HIDDEN, text)
        text = text[:LONGEST_TEXT]
        for form, shown in FORMS:
            text = form.sub(shown, text)
        return text


def printable(text: str) -> str:
    """The text, with escapes for what is no letter, mark, sign or space: all that has an effect."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def log_config(secrets: Sequence[str]) -> dict[str, Any]:
    """What `logging.config` makes of it, in this process and in those it starts."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines, "secrets": list(secrets)}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"level": LEVEL, "handlers": ["stderr"]},
    }


def begin_log(config: dict[str, Any]) -> None:
    """Have this process write its log so, with Python's warnings and what nobody catches."""
    logging.config.dictConfig(config)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    log.critical("Uncaught", exc_info=(kind, error, traceback))
