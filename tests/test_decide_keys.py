"""Idempotency keys: the same question has the same answer, however often it comes."""

from dataclasses import replace
from uuid import UUID

import pytest

from booking.commands import Book, Done, KeyReused, SeatsUnavailable
from tests.plain_office import CONFIRMED, FAILED, HOLD, PENDING, make_show
from tests.twins import Twins, book, book_count, cancel, confirm, said


def test_a_key_answers_the_same_booking_as_it_is_now(twins: Twins) -> None:
    first, again = twins.run([book(1, 1, key="k"), book(2, 1, key="k")])
    assert first == again
    twins.run([confirm(1)])
    assert said(twins.run([book(3, 1, key="k")])[0]) == (Done, 1, CONFIRMED)
    twins.run([cancel(1)])
    assert said(twins.run([book(4, 1, key="k")])[0]) == (Done, 1, FAILED)


def test_a_key_answers_a_lapsed_hold_as_failed(twins: Twins) -> None:
    twins.run([book(1, 1, key="k")])
    twins.clock += HOLD
    assert said(twins.run([book(2, 1, key="k")])[0]) == (Done, 1, FAILED)


def test_a_key_answers_a_refusal_with_the_seats_taken_now(twins: Twins) -> None:
    twins.run([book(1, 1, 2), book(2, 1, 2, key="k"), cancel(1), book(3, 2)])
    (outcome,) = twins.run([book(4, 1, 2, key="k")])
    assert isinstance(outcome, SeatsUnavailable)
    assert outcome.booking.id == UUID(int=2)
    assert outcome.unavailable == (2,)


@pytest.mark.parametrize(
    "other",
    [
        book(2, 2, key="k"),
        book(2, 1, key="k", confirm=True),
        book_count(2, 1, key="k"),
        replace(book(2, 1, key="k"), user_name="Bob"),
    ],
)
def test_a_key_with_other_input_is_refused(twins: Twins, other: Book) -> None:
    twins.run([book(1, 1, key="k")])
    assert said(twins.run([other])[0]) == (KeyReused, 1, PENDING)


def test_a_key_counts_for_one_show() -> None:
    twins = Twins(make_show(1), make_show(2))
    here, there = twins.run([book(1, 1, key="k"), replace(book(2, 1, key="k"), show_id=2)])
    assert said(here) == (Done, 1, PENDING)
    assert said(there) == (Done, 2, PENDING)


def test_a_command_that_was_committed_is_found_when_it_comes_again(twins: Twins) -> None:
    first = twins.run([book(1, 1), book(2, 1), book_count(3, 2)])
    assert twins.run([book(1, 1)], again=True) == first[:1]
    assert said(twins.run([book(2, 1)], again=True)[0]) == (SeatsUnavailable, 2, FAILED)
    assert twins.run([book_count(3, 2)], again=True) == first[2:]
