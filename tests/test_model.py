"""Bookings and shows as values: what holds at which moment, and how rows are named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from string import ascii_uppercase
from uuid import UUID

import pytest

from booking.model import Booking, BookingStatus, FailureReason, SeatStatus, Show, row_name

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DEADLINE = NOON + timedelta(seconds=120)

PENDING = Booking(
    1, UUID(int=1), "Ada", BookingStatus.PENDING, None, (1, 2), created_at=NOON, expires_at=DEADLINE
)
CONFIRMED = PENDING.confirmed(NOON + MICROSECOND)
CONFIRMED_AT_ONCE = replace(CONFIRMED, expires_at=None)
EXPIRED = PENDING.failed(FailureReason.EXPIRED)
CANCELLED = PENDING.failed(FailureReason.CANCELLED)
CANCELLED_AFTER_CONFIRMATION = CONFIRMED.failed(FailureReason.CANCELLED)
REFUSED = replace(PENDING.failed(FailureReason.SEATS_UNAVAILABLE), expires_at=None)


@pytest.mark.parametrize(
    ("clock", "lapsed"),
    [
        (NOON, False),
        (DEADLINE - MICROSECOND, False),
        (DEADLINE, True),
        (DEADLINE + MICROSECOND, True),
        ((DEADLINE - MICROSECOND).astimezone(), False),
        (DEADLINE.astimezone(), True),
    ],
)
def test_a_hold_lapses_exactly_at_its_deadline(clock: datetime, lapsed: bool) -> None:
    assert PENDING.lapsed(clock) is lapsed
    assert PENDING.at(clock) == (EXPIRED if lapsed else PENDING)


@pytest.mark.parametrize(
    "booking",
    [CONFIRMED, CONFIRMED_AT_ONCE, EXPIRED, CANCELLED, CANCELLED_AFTER_CONFIRMATION, REFUSED],
)
def test_only_a_hold_lapses(booking: Booking) -> None:
    assert not booking.lapsed(DEADLINE)
    assert booking.at(DEADLINE) is booking


def test_a_lapsed_hold_keeps_what_is_on_record_of_it() -> None:
    lapsed = PENDING.at(DEADLINE)
    assert (lapsed.status, lapsed.failure_reason) == (BookingStatus.FAILED, FailureReason.EXPIRED)
    assert (lapsed.expires_at, lapsed.seat_numbers) == (DEADLINE, (1, 2))


@pytest.mark.parametrize(
    ("booking", "active"),
    [(PENDING, True), (CONFIRMED, True), (EXPIRED, False), (CANCELLED, False), (REFUSED, False)],
)
def test_seats_belong_to_what_has_not_failed(booking: Booking, active: bool) -> None:
    assert booking.active is active


@pytest.mark.parametrize(
    ("before", "now", "steps"),
    [
        (PENDING, PENDING, []),
        (PENDING, CONFIRMED, [CONFIRMED]),
        (PENDING, CANCELLED, [CANCELLED]),
        (PENDING, EXPIRED, [EXPIRED]),
        (PENDING, CANCELLED_AFTER_CONFIRMATION, [CONFIRMED, CANCELLED_AFTER_CONFIRMATION]),
        (CONFIRMED, CONFIRMED, []),
        (CONFIRMED, CANCELLED_AFTER_CONFIRMATION, [CANCELLED_AFTER_CONFIRMATION]),
        (CANCELLED, CANCELLED, []),
        (REFUSED, REFUSED, []),
    ],
)
def test_no_status_is_missed_between_two_looks(
    before: Booking, now: Booking, steps: list[Booking]
) -> None:
    assert now.steps_since(before) == steps


def test_available_is_what_nobody_has() -> None:
    show = Show(1, "Metropolis", NOON, 10, 5, 120, pending_seats=3, confirmed_seats=2)
    assert show.available_seats == 5


def test_letters_tell_the_states_of_a_seat_apart() -> None:
    assert [status[0] for status in SeatStatus] == ["A", "P", "C"]


def test_rows_are_named_as_columns_of_a_sheet_are() -> None:
    letters = ascii_uppercase
    names = ["".join(name) for length in (1, 2, 3) for name in product(letters, repeat=length)]
    assert [row_name(index) for index in range(len(names))] == names


@pytest.mark.parametrize(
    ("index", "name"),
    [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (701, "ZZ"), (702, "AAA"), (99_999, "EQXD")],
)
def test_a_row_has_a_name_however_far_back(index: int, name: str) -> None:
    assert row_name(index) == name
