"""DateTime: RFC 3339 in, UTC out."""

import re
from datetime import UTC, datetime
from typing import NewType

import strawberry

# datetime.fromisoformat takes much that RFC 3339 doesn't: weeks, days of the year, no offset, an
# offset of 99 minutes, and (newer Pythons) the hour 24.
_HOUR = r"([01]\d|2[0-3])"
_RFC_3339 = re.compile(
    rf"\d{{4}}-\d\d-\d\d[Tt ]{_HOUR}:\d\d:\d\d(\.\d+)?([Zz]|[+-]{_HOUR}:[0-5]\d)", re.ASCII
)


class NotATime(str):
    """What a client gave for a time and is none; kept, so that all mistakes are told at once."""


Time = NewType("Time", object)
"""A time as a client gives it: a datetime in UTC, or NotATime."""


def parse_time(value: object) -> datetime | NotATime:
    """Read an RFC 3339 time with its offset; returns it in UTC.

    Raises:
        ValueError: the value is no string at all.
    """
    if not isinstance(value, str):
        raise ValueError(f"DateTime must be a string, not {value!r:.50}")
    if not _RFC_3339.fullmatch(value):
        return NotATime(value)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; the year 9999, further west
        return NotATime(value)


def write_time(value: object) -> str:
    """Write a time in UTC: 2026-01-31T19:30:00Z."""
    assert isinstance(value, datetime)
    text = value.isoformat()
    if text.endswith("+00:00"):
        return text[:-6] + "Z"
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="A moment, as RFC 3339 text. Input must have an offset (`Z` or `+02:00`); output "
    "is in UTC.",
    serialize=write_time,
    parse_value=parse_time,
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
)
