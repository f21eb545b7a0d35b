"""Bookings by number: all or none, whoever comes first, and what a change is."""

from dataclasses import replace
from uuid import UUID

import pytest

from booking.commands import (
    Book,
    Cancel,
    Command,
    Confirm,
    Done,
    NoSuchSeats,
    NotFound,
    SeatsUnavailable,
)
from booking.model import FailureReason
from tests.plain_office import FAILED, PENDING, make_show
from tests.twins import Twins, book, cancel, confirm, expire, said


def test_second_booking_of_a_seat_is_refused(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    (outcome,) = twins.run([book(2, 2, 3)])
    assert isinstance(outcome, SeatsUnavailable)
    assert outcome.unavailable == (2,)
    assert outcome.available_seats == 8
    assert outcome.booking.failure_reason is FailureReason.SEATS_UNAVAILABLE
    assert outcome.booking.seat_numbers == (2, 3)


def test_of_two_bookings_in_one_batch_the_first_gets_the_seat(twins: Twins) -> None:
    first, second = twins.run([book(1, 1), book(2, 1)])
    assert said(first) == (Done, 1, PENDING)
    assert said(second) == (SeatsUnavailable, 2, FAILED)


def test_a_refused_booking_takes_none_of_its_seats(twins: Twins) -> None:
    twins.run([book(1, 1), book(2, 1, 2)])
    assert said(twins.run([book(3, 2)])[0]) == (Done, 3, PENDING)


def test_a_batch_that_changes_no_seat_is_no_step_of_the_version(twins: Twins) -> None:
    twins.run([book(1, 1), book(2, 2), cancel(2)])
    twins.run([book(3, 1), cancel(9), confirm(9), cancel(2), expire(1), book(4, 11)])
    assert twins.tables.shows[1].version == 1


def test_a_seat_that_changes_hands_within_a_batch_is_a_step(twins: Twins) -> None:
    twins.run([book(1, 1)])
    _, outcome = twins.run([cancel(1), book(2, 1)])
    assert said(outcome) == (Done, 2, PENDING)
    assert twins.tables.shows[1].version == 2


def test_seats_the_show_does_not_have_are_named(twins: Twins) -> None:
    assert twins.run([book(1, -1, 0, 1, 11)]) == [NoSuchSeats((-1, 0, 11))]
    # Nothing is on record of it, so that its key is still free.
    assert twins.run([confirm(1)]) == [NotFound()]


def test_one_bad_command_does_not_spoil_its_neighbours(twins: Twins) -> None:
    bad, good = twins.run([book(1, 11), book(2, 1)])
    assert said(bad) == (NoSuchSeats,)
    assert said(good) == (Done, 2, PENDING)


def test_shows_of_one_batch_do_not_meet() -> None:
    twins = Twins(make_show(1), make_show(2))
    here, there = twins.run([book(1, 1), replace(book(2, 1), show_id=2)])
    assert said(here) == (Done, 1, PENDING)
    assert said(there) == (Done, 2, PENDING)
    assert [show.version for show in twins.tables.shows.values()] == [1, 1]


def test_a_booking_is_not_found_under_another_show() -> None:
    twins = Twins(make_show(1), make_show(2))
    twins.run([book(1, 1)])
    assert twins.run([Confirm(2, UUID(int=1)), Cancel(2, UUID(int=1))]) == [NotFound()] * 2


@pytest.mark.parametrize("command", [confirm(9), cancel(9), Book(9, UUID(int=9), "Ada", (1,))])
def test_what_does_not_exist_is_not_found(twins: Twins, command: Command) -> None:
    assert twins.run([command]) == [NotFound()]
