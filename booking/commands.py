"""What can be asked of a show, and what can come of it."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from booking.model import Booking
from booking.seating import Strategy


@dataclass(frozen=True, slots=True)
class Book:
    """Book these seats (`seat_numbers`, ascending), or the best `seat_count`, all or none.

    `booking_id` is the new booking's own, chosen by the caller, so that a command that is tried
    again after a broken commit finds what it did. Keys are the owner's own. An owner who has a
    name, a customer, may hold no more than `max_pending_seats`, or what the show says instead.
    By which `strategy` a count is seated is no part of the input: asked again with the same key, it
    may be another by then.
    """

    show_id: int
    booking_id: UUID
    user_name: str
    seat_numbers: tuple[int, ...] = ()
    seat_count: int | None = None
    confirm: bool = False
    idempotency_key: str | None = None
    owner: str = ""
    max_pending_seats: int | None = None
    strategy: Strategy = Strategy.BEST

    @property
    def fingerprint(self) -> bytes | None:
        """What tells two inputs with one key apart; none without a key."""
        if self.idempotency_key is None:
            return None
        asked = (self.user_name, self.seat_numbers, self.seat_count, self.confirm)
        return sha256(repr(asked).encode()).digest()


@dataclass(frozen=True, slots=True)
class Confirm:
    """Make a PENDING booking CONFIRMED, if it is the owner's; None may have any."""

    show_id: int
    booking_id: UUID
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """End an active booking and free its seats, if it is the owner's; None may have any."""

    show_id: int
    booking_id: UUID
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Expire:
    """Put on record that the holds of these bookings have lapsed, where they have."""

    show_id: int
    booking_ids: tuple[UUID, ...]


Command = Book | Confirm | Cancel | Expire


@dataclass(frozen=True, slots=True)
class Done:
    """The booking as it is now: booked, confirmed, cancelled or answered again."""

    booking: Booking


@dataclass(frozen=True, slots=True)
class SeatsUnavailable:
    """All or none was asked for, and not all could be had.

    With `again` that was decided before, for the same key; seats and count are those of now.
    """

    booking: Booking
    unavailable: tuple[int, ...]
    available_seats: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class HoldExpired:
    """The deadline had passed."""

    booking: Booking
    expired_at: datetime


@dataclass(frozen=True, slots=True)
class BookingNotActive:
    """It has FAILED, by something else than its deadline."""

    booking: Booking


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key came before, with other input, and made this booking."""

    booking: Booking


@dataclass(frozen=True, slots=True)
class NoSuchSeats:
    """The show has no seats with these numbers."""

    seat_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TooManyHeld:
    """The customer would hold more seats PENDING than `most`; `held` are PENDING already."""

    held: int
    most: int


@dataclass(frozen=True, slots=True)
class NotFound:
    """There is no such show, or no such booking, or it is somebody else's."""


@dataclass(frozen=True, slots=True)
class Expired:
    """How many bookings and seats the expiry freed."""

    bookings: int
    seats: int


Outcome = (
    Done
    | SeatsUnavailable
    | HoldExpired
    | BookingNotActive
    | KeyReused
    | NoSuchSeats
    | TooManyHeld
    | NotFound
    | Expired
)
