"""Holds: they end at their deadline, by confirming or by cancelling."""

from collections.abc import Sequence

import pytest

from booking.commands import BookingNotActive, Command, Done, Expired, HoldExpired, SeatsUnavailable
from booking.model import FailureReason
from tests.plain_office import CONFIRMED, FAILED, HOLD, MICROSECOND, NOON, PENDING
from tests.twins import Twins, book, cancel, confirm, expire, said


def test_hold_that_lapsed_can_be_booked_over(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    twins.clock += HOLD
    assert said(twins.run([book(2, 2)])[0]) == (Done, 2, PENDING)
    assert said(twins.run([confirm(1)])[0]) == (HoldExpired, 1, FAILED)
    # The other seat of that hold is free as well.
    assert "".join(twins.tables.maps[1]) == "APAAAAAAAA"


def test_a_hold_stands_until_its_deadline(twins: Twins) -> None:
    twins.run([book(1, 1)])
    twins.clock += HOLD - MICROSECOND
    refused, confirmed = twins.run([book(2, 1), confirm(1)])
    assert said(refused) == (SeatsUnavailable, 2, FAILED)
    assert said(confirmed) == (Done, 1, CONFIRMED)


def test_confirming_at_the_deadline_is_too_late(twins: Twins) -> None:
    twins.run([book(1, 1)])
    twins.clock += HOLD
    (outcome,) = twins.run([confirm(1)])
    assert isinstance(outcome, HoldExpired)
    assert outcome.expired_at == NOON + HOLD
    assert outcome.booking.failure_reason is FailureReason.EXPIRED


def test_a_confirmed_booking_does_not_expire(twins: Twins) -> None:
    twins.run([book(1, 1), confirm(1), book(2, 2, confirm=True)])
    twins.clock += 2 * HOLD
    assert twins.run([expire(1, 2)]) == [Expired(0, 0)]
    assert said(twins.run([book(3, 1)])[0]) == (SeatsUnavailable, 3, FAILED)


def test_confirming_again_answers_the_same(twins: Twins) -> None:
    first = twins.run([book(1, 1), confirm(1)])[1]
    twins.clock += 2 * HOLD
    assert twins.run([confirm(1)]) == [first]


def test_booking_with_confirm_has_no_deadline(twins: Twins) -> None:
    (outcome,) = twins.run([book(1, 1, confirm=True)])
    assert isinstance(outcome, Done)
    assert outcome.booking.confirmed_at == NOON
    assert outcome.booking.expires_at is None


@pytest.mark.parametrize("confirmed", [False, True])
def test_cancelling_frees_the_seats(twins: Twins, confirmed: bool) -> None:
    twins.run([book(1, 1, 2, confirm=confirmed)])
    assert said(twins.run([cancel(1)])[0]) == (Done, 1, FAILED)
    assert said(twins.run([book(2, 1, 2)])[0]) == (Done, 2, PENDING)


def test_cancelling_what_has_failed_answers_it_as_it_is(twins: Twins) -> None:
    twins.run([book(1, 1)])
    twins.clock += HOLD
    (outcome,) = twins.run([cancel(1)])
    assert isinstance(outcome, Done)
    assert outcome.booking.failure_reason is FailureReason.EXPIRED


@pytest.mark.parametrize("ended", [[book(1, 1), cancel(1)], [book(2, 1), book(1, 1)]])
def test_what_has_failed_otherwise_cannot_be_confirmed(
    twins: Twins, ended: Sequence[Command]
) -> None:
    twins.run(ended)
    assert said(twins.run([confirm(1)])[0]) == (BookingNotActive, 1, FAILED)


def test_expiry_ends_lapsed_holds_and_no_others(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    twins.clock += HOLD / 2
    twins.run([book(2, 3)])
    twins.clock += HOLD / 2
    assert twins.run([expire(1, 2, 9)]) == [Expired(1, 2)]
    assert twins.run([expire(1, 2)]) == [Expired(0, 0)]
    assert said(twins.run([confirm(2)])[0]) == (Done, 2, CONFIRMED)


def test_an_expiry_is_counted_once(twins: Twins) -> None:
    twins.run([book(1, 1, 2)])
    twins.clock += HOLD
    assert twins.run([expire(1, 1), expire(1)]) == [Expired(1, 2), Expired(0, 0)]
