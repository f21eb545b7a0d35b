"""Who is served when: order within a show, turns between shows, and how long a wait will be."""

import asyncio
from collections.abc import Iterator
from itertools import count
from uuid import UUID, uuid4

import pytest

from booking.commands import Book, Command, Confirm, Expire
from db.queues import LONGEST_DECISION, MAX_BATCH, TURN, Entry, Pace, Queues

HOT, QUIET = 1, 2


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop to make futures of."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Line:
    """Commands in the order they came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queues = Queues()
        self._loop = loop

    def come(self, *commands: Command) -> list[Entry]:
        entries = [Entry(command, self._loop.create_future()) for command in commands]
        for entry in entries:
            self.queues.add(entry)
        return entries


@pytest.fixture
def line(loop: asyncio.AbstractEventLoop) -> Line:
    """Nobody waits yet."""
    return Line(loop)


_ids = count(1)


def confirm(show_id: int) -> Confirm:
    return Confirm(show_id, UUID(int=next(_ids)))


def book(show_id: int, seats: int = 0, by_count: int | None = None) -> Book:
    return Book(show_id, uuid4(), "", tuple(range(1, seats + 1)), by_count)


def test_a_batch_takes_what_one_transaction_carries_in_the_order_they_came(line: Line) -> None:
    entries = line.come(*(confirm(HOT) for _ in range(MAX_BATCH + 9)))
    assert line.queues.take() == entries[:MAX_BATCH]
    assert line.queues.take() == entries[MAX_BATCH:]
    assert not line.queues.turning
    assert len(line.queues) == 0


def test_a_quiet_show_does_not_wait_for_all_of_a_hot_one(line: Line) -> None:
    hot = line.come(*(confirm(HOT) for _ in range(10 * MAX_BATCH)))
    (quiet,) = line.come(confirm(QUIET))
    batch = line.queues.take()
    assert quiet in batch
    assert len(batch) == MAX_BATCH
    assert [entry for entry in batch if entry is not quiet] == hot[: MAX_BATCH - 1]


def test_two_hot_shows_share_a_batch(line: Line) -> None:
    line.come(*(confirm(HOT) for _ in range(5 * MAX_BATCH)))
    line.come(*(confirm(QUIET) for _ in range(5 * MAX_BATCH)))
    for _ in range(4):
        shows = [entry.command.show_id for entry in line.queues.take()]
        assert shows.count(HOT) == shows.count(QUIET) == MAX_BATCH // 2


def test_who_has_had_a_turn_goes_behind_the_others(line: Line) -> None:
    turn = int(TURN * MAX_BATCH)
    line.come(*(confirm(show_id) for show_id in range(1, 7) for _ in range(2 * turn)))
    first = {entry.command.show_id for entry in line.queues.take()}
    second = {entry.command.show_id for entry in line.queues.take()}
    assert (first, second) == ({1, 2, 3, 4}, {5, 6, 1, 2})


@pytest.mark.parametrize(
    "command",
    [book(HOT, seats=3_000), book(HOT, by_count=2_000), Expire(HOT, (uuid4(),) * 2_500)],
)
def test_what_fills_a_batch_is_a_batch(line: Line, command: Command) -> None:
    first, second = line.come(command, confirm(QUIET))
    assert line.queues.take() == [first]
    assert line.queues.take() == [second]


def test_a_show_set_aside_keeps_its_order_and_leaves_the_rotation(line: Line) -> None:
    entries = line.come(*(confirm(HOT) for _ in range(MAX_BATCH + 2)))
    (quiet,) = line.come(confirm(QUIET))
    taken = [entry for entry in line.queues.take() if entry is not quiet]
    assert line.queues.set_aside(taken) == [HOT]
    entries += line.come(confirm(HOT))
    assert not line.queues.turning
    assert len(line.queues) == len(entries)
    assert line.queues.take_aside(HOT) == entries[:MAX_BATCH]
    line.queues.bring_back(HOT)
    assert len(line.queues) == len(entries) - MAX_BATCH
    assert line.queues.take() == entries[MAX_BATCH:]
    line.come(confirm(HOT))
    assert line.queues.turning


def test_a_show_that_nobody_waits_for_has_no_turn_when_it_is_brought_back(line: Line) -> None:
    line.come(confirm(HOT))
    line.queues.set_aside(line.queues.take())
    line.queues.take_aside(HOT, everything=True)
    line.queues.bring_back(HOT)
    assert not line.queues.turning


def test_a_wait_is_told_by_the_batches_before_it(line: Line) -> None:
    line.queues.pace = Pace(seconds=0.5)
    assert line.queues.expected_wait(HOT, 0.0) == pytest.approx(0.5)
    line.come(*(confirm(HOT) for _ in range(8 * MAX_BATCH)))
    assert line.queues.expected_wait(HOT, 0.0) == pytest.approx(0.5 * (1 + 8))
    # A quiet show has its turn soon.
    assert line.queues.expected_wait(QUIET, 0.0) == pytest.approx(0.5 * (1 + TURN))
    line.queues.take()
    assert line.queues.expected_wait(HOT, 0.0) == pytest.approx(0.5 * (1 + 7 + TURN), rel=0.05)


def test_a_show_set_aside_waits_at_its_own_pace(line: Line) -> None:
    line.come(*(confirm(HOT) for _ in range(2 * MAX_BATCH)))
    line.queues.set_aside(line.queues.take())
    line.queues.pace_of(HOT).seconds = 2.0
    assert line.queues.expected_wait(HOT, 0.0) == pytest.approx(2.0 * (1 + 2))
    assert line.queues.expected_wait(QUIET, 0.0) == 0.0


def test_a_batch_that_hangs_counts_while_it_hangs() -> None:
    pace = Pace(seconds=0.01)
    pace.begin(now=100.0)
    assert pace.expected(now=103.0) == pytest.approx(3.0)
    pace.end(now=103.0)
    assert pace.expected(now=200.0) == pytest.approx(0.01 + 0.2 * 2.99)
    for now in range(20):
        pace.begin(now)
        pace.end(now + 0.01)
    assert pace.expected(now=30.0) < 0.02


def test_when_the_desk_closes_only_who_may_be_booked_already_stays(line: Line) -> None:
    line.come(confirm(QUIET))
    aside = line.queues.take()
    line.queues.set_aside(aside)
    undecided, undone, behind = line.come(book(HOT, 1), book(HOT, 2), confirm(QUIET))
    undecided.undecided = True
    assert line.queues.take_undone() == [undone, *aside, behind]
    assert len(line.queues) == 1
    assert line.queues.take() == [undecided]
    line.queues.bring_back(QUIET)
    assert not line.queues.turning


def test_who_has_gone_is_dropped_unless_it_may_be_booked_already(line: Line) -> None:
    gone, undecided, here = line.come(book(HOT, 1), book(HOT, 1), confirm(QUIET))
    undecided.undecided = True
    for entry in (gone, undecided):
        entry.answer.cancel()
    assert line.queues.take() == [undecided, here]
    assert len(line.queues) == 0
    line.queues.set_aside([gone, here])
    assert line.queues.take_aside(HOT) == []
    assert line.queues.take_aside(QUIET) == [here]
    assert len(line.queues) == 0


def test_who_has_gone_takes_no_room_of_a_batch(line: Line) -> None:
    gone = line.come(*(confirm(HOT) for _ in range(2 * MAX_BATCH)))
    here = line.come(*(confirm(HOT) for _ in range(MAX_BATCH)))
    for entry in gone:
        entry.answer.cancel()
    assert line.queues.take() == here


def test_batches_shrink_where_decisions_are_dear_and_grow_again(line: Line) -> None:
    line.come(*(confirm(HOT) for _ in range(5 * MAX_BATCH)))
    line.queues.pace = Pace(seconds=0.1)
    line.queues.decided(size=1.0, seconds=10 * LONGEST_DECISION)
    assert line.queues.expected_wait(HOT, 0.0) == pytest.approx(0.1 * (1 + 5 * 10))
    assert len(line.queues.take()) == pytest.approx(MAX_BATCH / 10, abs=1)
    for grown in (2, 4, 8, 10, 10):
        line.queues.decided(size=0.1, seconds=0.001)
        assert len(line.queues.take()) == pytest.approx(grown * MAX_BATCH / 10, abs=1)


def test_a_show_that_was_just_set_aside_is_not_taken_for_a_fast_one(line: Line) -> None:
    line.queues.pace = Pace(seconds=0.5)
    line.come(*(confirm(HOT) for _ in range(2 * MAX_BATCH)))
    line.queues.set_aside(line.queues.take())
    line.queues.pace_of(HOT).begin(now=10.0)
    assert line.queues.expected_wait(HOT, 10.0) == pytest.approx(0.5 * (1 + 2))
