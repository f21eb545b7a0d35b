"""Opaque ids and cursors: text for clients, keys for us."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from strawberry import ID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_BIGINT = 2**63 - 1
# A sale is about a few shows: their ids are written and read all the time.
_SHOWS_REMEMBERED = 4_096
_LONGEST_SHOW_ID = 32


@lru_cache(_SHOWS_REMEMBERED)
def show_id(key: int) -> ID:
    """The public id of a show."""
    return ID(_encode("Show", str(key)))


def booking_id(show_key: int, key: UUID) -> ID:
    """The public id of a booking: it names the show, so that one key finds both."""
    return ID(_encode("Booking", str(show_key), key.hex))


def show_cursor(start_time: datetime, key: int) -> str:
    """A place in the list of shows."""
    return _encode("Shows", _micros(start_time), str(key))


def booking_cursor(created_at: datetime, show_key: int, key: UUID) -> str:
    """A place in the list of bookings."""
    return _encode("Bookings", _micros(created_at), str(show_key), key.hex)


def parse_show_id(text: str) -> int | None:
    """The show's key, or None where the text is no id of a show."""
    return _parse_show_id(text) if len(text) <= _LONGEST_SHOW_ID else None


@lru_cache(_SHOWS_REMEMBERED)
def _parse_show_id(text: str) -> int | None:
    parts = _decode(text, "Show", 1)
    return _key(parts[0]) if parts else None


def parse_booking_id(text: str) -> tuple[int, UUID] | None:
    """The keys of show and booking, or None where the text is no id of a booking."""
    parts = _decode(text, "Booking", 2)
    if not parts:
        return None
    show_key, key = _key(parts[0]), _uuid(parts[1])
    return None if show_key is None or key is None else (show_key, key)


def parse_show_cursor(text: str) -> tuple[datetime, int] | None:
    """Start time and key, or None where the text is no cursor of shows."""
    parts = _decode(text, "Shows", 2)
    if not parts:
        return None
    start_time, key = _time(parts[0]), _key(parts[1])
    return None if start_time is None or key is None else (start_time, key)


def parse_booking_cursor(text: str) -> tuple[datetime, int, UUID] | None:
    """Time of creation and the two keys, or None where the text is no cursor of bookings."""
    parts = _decode(text, "Bookings", 3)
    if not parts:
        return None
    created_at, show_key, key = _time(parts[0]), _key(parts[1]), _uuid(parts[2])
    if created_at is None or show_key is None or key is None:
        return None
    return created_at, show_key, key


def _encode(*parts: str) -> str:
    return urlsafe_b64encode(":".join(parts).encode()).decode().rstrip("=")


def _decode(text: str, kind: str, size: int) -> list[str] | None:
    """The parts after the kind. Only what we would write ourselves is read: an id has one form."""
    try:
        parts = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(":")
    except (NotBase64, ValueError):
        return None
    if parts[0] != kind or len(parts) != size + 1 or _encode(*parts) != text:
        return None
    return parts[1:]


def _key(text: str) -> int | None:
    if not text.isdecimal() or len(text) > 19 or text != str(int(text)):
        return None
    return int(text) if int(text) <= _MAX_BIGINT else None


def _uuid(text: str) -> UUID | None:
    try:
        key = UUID(hex=text)
    except ValueError:
        return None
    return key if key.hex == text else None


def _micros(time: datetime) -> str:
    return str((time - _EPOCH) // _MICROSECOND)


def _time(text: str) -> datetime | None:
    try:
        time = _EPOCH + timedelta(microseconds=int(text)) if len(text) < 20 else None
    except (ValueError, OverflowError):
        return None
    return time if time and _micros(time) == text else None
