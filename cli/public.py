"""Shows and times on a command line, read as the API reads them."""

from datetime import datetime

from typer import BadParameter

from schema.ids import parse_show_id
from schema.scalars import parse_time


def read_show(text: str) -> int:
    """A show's key, from its public id or as the number that it is in the tables."""
    key = int(text) if text.isdecimal() and len(text) < 19 else parse_show_id(text)
    if key is None:
        raise BadParameter(f"{text!r} is not the id of a show")
    return key


def read_time(text: str) -> datetime:
    """A time with its offset; returns it in UTC."""
    time = parse_time(text)
    if not isinstance(time, datetime):
        raise BadParameter("It must be a time with an offset, such as 2030-01-31T19:30:00+01:00.")
    return time
