"""Shows and bookings as plain values, and the rule that needs a clock: when a hold has lapsed."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SeatStatus(StrEnum):
    """The state of a seat; its first letter stands for it in maps and in the log of changes."""

    AVAILABLE = "AVAILABLE"
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"


class BookingStatus(StrEnum):
    """PENDING until confirmed; FAILED is the end."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"


class FailureReason(StrEnum):
    """Why a booking FAILED."""

    SEATS_UNAVAILABLE = "SEATS_UNAVAILABLE"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Show:
    """A show at one version."""

    id: int
    name: str
    start_time: datetime
    total_seats: int
    seats_per_row: int
    hold_seconds: int
    version: int = 0
    pending_seats: int = 0
    confirmed_seats: int = 0
    max_pending_seats: int | None = None  # of one customer at once; None: as everywhere

    @property
    def available_seats(self) -> int:
        """Seats nobody has."""
        return self.total_seats - self.pending_seats - self.confirmed_seats


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as it stands in the database; `at` tells what it is at a moment."""

    show_id: int
    id: UUID
    user_name: str
    status: BookingStatus
    failure_reason: FailureReason | None
    seat_numbers: tuple[int, ...]
    created_at: datetime
    expires_at: datetime | None = None
    confirmed_at: datetime | None = None
    idempotency_key: str | None = None
    fingerprint: bytes | None = None
    owner: str = ""  # the customer; empty is the box office

    @property
    def active(self) -> bool:
        """Whether its seats are its own."""
        return self.status is not BookingStatus.FAILED

    def lapsed(self, clock: datetime) -> bool:
        """Whether its hold has ended unconfirmed: exactly from the deadline on."""
        return (
            self.status is BookingStatus.PENDING
            and self.expires_at is not None
            and self.expires_at <= clock
        )

    def at(self, clock: datetime) -> "Booking":
        """The booking at a moment: FAILED and EXPIRED from its deadline on, swept or not."""
        return self.failed(FailureReason.EXPIRED) if self.lapsed(clock) else self

    def failed(self, reason: FailureReason) -> "Booking":
        """The same booking, ended."""
        return replace(self, status=BookingStatus.FAILED, failure_reason=reason)

    def confirmed(self, clock: datetime) -> "Booking":
        """The same booking, confirmed at this moment."""
        return replace(self, status=BookingStatus.CONFIRMED, confirmed_at=clock)

    def steps_since(self, before: "Booking") -> list["Booking"]:
        """Every status it has had since it was `before`, the latest last.

        Nothing needs to have been watched in between: who was confirmed and then cancelled has
        the time of confirmation on record.
        """
        if self.status is before.status:
            return []
        missed = (
            before.status is BookingStatus.PENDING
            and self.status is BookingStatus.FAILED
            and self.confirmed_at is not None
        )
        confirmed = replace(self, status=BookingStatus.CONFIRMED, failure_reason=None)
        return [confirmed, self] if missed else [self]


def row_name(index: int) -> str:
    """Name the row with this index from the front: 0 is "A", 25 "Z", 26 "AA"."""
    letters = ""
    while index >= 0:
        index, letter = divmod(index, 26)
        letters = chr(ord("A") + letter) + letters
        index -= 1
    return letters
