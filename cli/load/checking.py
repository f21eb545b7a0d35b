"""What the people were told, held against the record: was anything sold twice? No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from booking.model import Booking
from cli.load.ledger import Ledger, Told
from db.sales import Sale
from schema.ids import booking_id, show_id

FAILED, PENDING = "FAILED", "PENDING"
# What may have become of a booking that somebody asked for this, and heard nothing.
_MAY_HAVE = {
    "confirm": ("CONFIRMED", None),
    "cancel": (FAILED, "CANCELLED"),
}
State = tuple[str, str | None]
"""A booking's status, and why it failed."""


@dataclass(frozen=True, slots=True)
class ServerMap:
    """A show as the server shows it: version, counters (pending, confirmed, available) and map."""

    version: int
    counters: tuple[int, int, int]
    encoded: str


def check_sale(sale: Sale, ledger: Ledger, *, ours: bool) -> Iterator[str]:
    """Say what differs in one show, a sentence each.

    Args:
        ours: whether the show was made for this run, so that nobody else has booked there.
    """
    public_id = show_id(sale.show.id)
    told = {key: one for key, one in ledger.bookings.items() if one.show_id == public_id}
    yield from _check_seats(sale)
    on_record: dict[str, Booking] = {
        booking_id(sale.show.id, one.booking.id): one.booking for one in sale.sold
    }
    for key, one in told.items():
        if key in on_record:
            yield from _check_told(key, one, on_record[key], sale.clock)
        else:
            yield f"booking {key} was told to person {one.person}, and is not on record"
    if ours:
        yield from _check_keys(on_record, ledger.keys)


def check_map(sale: Sale, seen: ServerMap) -> Iterator[str]:
    """Say where the server's map and counters differ from the record of the same version."""
    letters = map_of(sale)
    if seen.encoded != letters:
        both = enumerate(zip_longest(seen.encoded, letters), start=1)
        wrong = [number for number, (shown, true) in both if shown != true]
        yield f"the server's map of version {seen.version} differs at the seats {wrong[:5]}"
    counters = letters.count("P"), letters.count("C"), letters.count("A")
    if seen.counters != counters:
        yield f"the server counts {seen.counters} seats (pending, confirmed, free), not {counters}"


def map_of(sale: Sale) -> str:
    """The map by the taken seats, one letter a seat."""
    letters = ["A"] * sale.show.total_seats
    for one in sale.sold:
        for number in one.taken:
            letters[number - 1] = one.booking.status[0]
    return "".join(letters)


def _check_seats(sale: Sale) -> Iterator[str]:
    """Each active booking has its seats, and no seat is in two of them."""
    holders: dict[int, Booking] = {}
    for one in sale.sold:
        booking, numbers = one.booking, one.booking.seat_numbers if one.booking.active else ()
        if sorted(numbers) != sorted(one.taken):
            yield (
                f"booking {booking.id} is {booking.status} with the seats {sorted(numbers)}, and "
                f"{sorted(one.taken)} are taken for it"
            )
        for number in numbers:
            if number in holders:
                yield f"SOLD TWICE: seat {number}, to {holders[number].id} and {booking.id}"
            holders[number] = booking
    if sale.strays:
        yield f"the seats {sorted(sale.strays)} are taken for bookings that are not there"


def _check_told(key: str, told: Told, booking: Booking, clock: datetime) -> Iterator[str]:
    now = booking.at(clock)  # a hold that has lapsed may not be swept yet
    lapsed = booking.expires_at is not None and booking.expires_at <= clock
    yield from compare(key, told, (now.status, now.failure_reason), booking.seat_numbers, lapsed)


def compare(
    key: str, told: Told, state: State, seats: Sequence[int], lapsed: bool
) -> Iterator[str]:
    """Hold a booking as it is against what somebody heard of it last."""
    who = f"booking {key}: person {told.person} was told"
    if state not in _allowed(told, lapsed):
        yield f"{who} {_words((told.status, told.reason))}, and it is {_words(state)}"
    if sorted(told.seats) != sorted(seats):
        yield f"{who} the seats {sorted(told.seats)}, and it has {sorted(seats)}"


def _allowed(told: Told, lapsed: bool) -> set[State]:
    """What a booking may be by now of which somebody heard this last."""
    allowed: set[State] = {(told.status, told.reason)}
    if told.status == FAILED:
        return allowed
    for operation in told.unanswered:
        allowed.add(_MAY_HAVE[operation])
    if told.status == PENDING and lapsed:
        allowed.add((FAILED, "EXPIRED"))
    return allowed


def _check_keys(on_record: Mapping[str, Booking], keys: Mapping[str, str | None]) -> Iterator[str]:
    """Where only the crowd books, each booking was asked for, and each key made one."""
    for key, booking in on_record.items():
        sent = booking.idempotency_key
        if sent is None or sent not in keys:
            yield f"booking {key} is on record, and nobody asked for it"
        elif keys[sent] not in (None, key):
            yield f"booking {key} is on record, and its key was answered with {keys[sent]}"


def _words(state: State) -> str:
    status, reason = state
    return f"{status}, {reason}" if reason else status
