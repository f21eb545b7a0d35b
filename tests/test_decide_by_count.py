"""Bookings by count: refused only where there is no room, and seated as a strategy says."""

import pytest

from booking.commands import Done, SeatsUnavailable
from booking.decide import decide
from booking.decision import Choice, ShowState
from booking.seating import Strategy
from tests.plain_office import HOLD, NOON, PENDING, make_show, seats_of
from tests.twins import Twins, book, book_count, said

BEST, TIGHT = Strategy


def test_a_booking_by_count_is_refused_only_when_fewer_seats_are_free(twins: Twins) -> None:
    twins.run([book(1, 1), book(2, 5, 6)])
    too_many, all_there_are = twins.run([book_count(3, 8), book_count(4, 7)])
    assert isinstance(too_many, SeatsUnavailable)
    assert too_many.unavailable == ()
    assert too_many.available_seats == 7
    assert seats_of(all_there_are) == (2, 3, 4, 7, 8, 9, 10)


def test_a_booking_by_count_gets_seats_of_lapsed_holds(twins: Twins) -> None:
    twins.run([book_count(1, 4), book_count(2, 6)])
    twins.clock += HOLD
    assert said(twins.run([book_count(3, 10)])[0]) == (Done, 3, PENDING)


@pytest.mark.parametrize(("strategy", "seats"), [(BEST, (3, 4)), (TIGHT, (1, 2))])
def test_a_count_is_seated_by_its_strategy(
    twins: Twins, strategy: Strategy, seats: tuple[int, ...]
) -> None:
    twins.run([book(1, 5)])
    assert seats_of(twins.run([book_count(2, 2, strategy=strategy)])[0]) == seats


def test_strategies_of_one_batch_see_each_others_seats(twins: Twins) -> None:
    mixed = [book_count(id_, 2, strategy=[BEST, TIGHT][id_ % 2]) for id_ in range(1, 6)]
    outcomes = twins.run(mixed)
    assert sorted(n for outcome in outcomes for n in seats_of(outcome)) == list(range(1, 11))


def test_a_key_has_its_seats_whatever_the_strategy_is_by_now(twins: Twins) -> None:
    [first] = twins.run([book_count(1, 3, key="k")])
    assert twins.run([book_count(2, 3, key="k", strategy=TIGHT)]) == [first]
    assert twins.choices == []


def test_what_each_choice_came_to_is_told(twins: Twins) -> None:
    twins.run([book(1, 3), book_count(2, 4), book_count(3, 4, strategy=TIGHT), book_count(4, 4)])
    assert twins.choices == [
        Choice(BEST, 4, 1, 0),
        Choice(TIGHT, 4, 2, 0),
        Choice(BEST, 4, 0, 0),  # no room
    ]


def test_each_choice_is_timed_by_the_watch_at_hand() -> None:
    watch = iter([1.0, 1.25, 5.0, 7.0]).__next__
    show = make_show()
    decision = decide({1: ShowState(show)}, [book_count(1, 2), book_count(2, 2)], NOON, watch)
    assert [choice.seconds for choice in decision.choices] == [0.25, 2.0]
