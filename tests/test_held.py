"""How many seats a customer holds: what was counted in the tables, and what a batch makes of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from booking.commands import Book, Cancel, Confirm, Done, Outcome, TooManyHeld
from booking.decide import decide
from booking.decision import ShowState
from booking.model import Booking, BookingStatus, Show

CLOCK = datetime(2040, 1, 1, tzinfo=UTC)
COUNTED_AT = CLOCK + timedelta(milliseconds=3)


def book(*numbers: int, owner: str = "ada") -> Book:
    return Book(1, uuid4(), "Ada", seat_numbers=numbers, owner=owner, max_pending_seats=4)


def booking(*numbers: int, expires_at: datetime, owner: str = "ada") -> Booking:
    return Booking(
        1,
        uuid4(),
        "Ada",
        BookingStatus.PENDING,
        None,
        numbers,
        created_at=CLOCK - timedelta(seconds=120),
        expires_at=expires_at,
        confirmed_at=None,
        idempotency_key=None,
        fingerprint=None,
        owner=owner,
    )


def settle(held: dict[str, int], *commands: Book | Confirm | Cancel, met: Booking) -> list[Outcome]:
    pending = len(met.seat_numbers)
    show = Show(1, "Hamlet", CLOCK, 100, 10, 120, pending_seats=pending)
    state = ShowState(show, [met], held=held, counted_at=COUNTED_AT)
    return decide({1: state}, commands, CLOCK).outcomes


SOON = CLOCK + timedelta(seconds=60)


def test_what_was_counted_is_held_against_the_bound() -> None:
    other = booking(50, expires_at=SOON, owner="bob")
    [refused, done] = settle({"ada": 3}, book(1, 2), book(3), met=other)
    assert refused == TooManyHeld(3, 4)
    assert isinstance(done, Done)


def test_what_is_booked_before_in_a_batch_counts() -> None:
    other = booking(50, expires_at=SOON, owner="bob")
    outcomes = settle({"ada": 0}, book(1, 2), book(3, 4), book(5), met=other)
    assert [type(outcome) for outcome in outcomes] == [Done, Done, TooManyHeld]


@pytest.mark.parametrize("end", [Cancel, Confirm])
def test_what_is_pending_no_more_counts_no_more(end: type[Cancel] | type[Confirm]) -> None:
    mine = booking(50, 51, expires_at=SOON)
    ended: UUID = mine.id
    outcomes = settle({"ada": 4}, book(1), end(1, ended), book(1, 2), book(3), met=mine)
    assert [type(outcome) for outcome in outcomes] == [TooManyHeld, Done, Done, TooManyHeld]


def test_a_hold_that_lapsed_before_the_count_is_not_taken_off_it() -> None:
    """It was PENDING for the decision, and not among what was counted a moment later."""
    mine = booking(50, 51, expires_at=CLOCK + timedelta(milliseconds=1))
    outcomes = settle({"ada": 4}, Confirm(1, mine.id), book(1), met=mine)
    assert [type(outcome) for outcome in outcomes] == [Done, TooManyHeld]


def test_a_hold_that_lapsed_before_the_decision_is_not_taken_off_it() -> None:
    mine = booking(50, 51, expires_at=CLOCK)
    [refused] = settle({"ada": 4}, book(1), met=mine)
    assert refused == TooManyHeld(4, 4)
