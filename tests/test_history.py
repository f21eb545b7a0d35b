"""A map's history, held against a plain list of all its maps."""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import booking.history
from booking.history import History, SeatMap, Update, fold

A, P, C = b"APC"
MAX_STEPS = 25  # far fewer than in earnest, so that short lives forget too


@pytest.fixture(scope="module", autouse=True)
def forgetful() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(booking.history, "MAX_STEPS", MAX_STEPS)
        yield


letters = st.sampled_from([A, P, C])


def steps_of(total_seats: int) -> st.SearchStrategy[list[dict[int, int]]]:
    step = st.dictionaries(st.integers(1, total_seats), letters, min_size=min(4, total_seats))
    # Short lives, and such as are longer than what is remembered.
    return st.lists(step, max_size=20) | st.lists(step, min_size=30, max_size=40)


class Follower:
    """Who keeps a map by the updates alone."""

    def __init__(self, known: SeatMap) -> None:
        self.letters = bytearray(known.letters)
        self.version = known.version

    def apply(self, update: Update) -> None:
        if update.snapshot:
            assert sorted(update.seats) == list(range(1, len(self.letters) + 1))
        for number, letter in update.seats.items():
            self.letters[number - 1] = letter
        self.version = update.version


@pytest.fixture
def history() -> History:
    """Three seats: A A A, then P A A, then P C A, then C C A."""
    history = History(7, 0, bytearray(b"AAA"))
    for version, step in enumerate([{1: P}, {2: C}, {1: C}], start=1):
        assert history.advance(version, step)
    return history


@st.composite
def lives(draw: st.DrawFn) -> tuple[History, list[bytes], list[dict[int, int]]]:
    """A history that began at some version, all its maps since, and the steps between them."""
    start = draw(st.integers(0, 5))
    first = bytes(draw(st.lists(letters, min_size=1, max_size=12)))
    steps = draw(steps_of(len(first)))
    history, maps = History(7, start, bytearray(first)), [first]
    for version, step in enumerate(steps, start=start + 1):
        assert history.advance(version, step)
        after = bytearray(maps[-1])
        for number, letter in step.items():
            after[number - 1] = letter
        maps.append(bytes(after))
    return history, maps, steps


def remembered(total_seats: int, steps: list[dict[int, int]]) -> int:
    """How many of the last steps are kept: MAX_STEPS, with as many more seats than the map has."""
    room, count = total_seats + MAX_STEPS, 0
    for step in reversed(steps[-MAX_STEPS:]):
        room -= len(step)
        if room < 0:
            break
        count += 1
    return count


# No deadline: a busy machine is no failure.
@settings(deadline=None, max_examples=60)
@given(lives())
def test_a_version_names_one_map(life: tuple[History, list[bytes], list[dict[int, int]]]) -> None:
    history, maps, steps = life
    start = history.version - len(steps)
    oldest = history.version - remembered(len(history.letters), steps)
    for version in range(start - 1, history.version + 2):
        known = oldest <= version <= history.version
        assert history.remembers(version) == known
        seat_map = SeatMap(7, version, maps[version - start]) if known else None
        assert history.at(version) == seat_map
    assert bytes(history.letters) == maps[-1]


@settings(deadline=None, max_examples=60)
@given(lives(), st.data())
def test_a_follower_ends_on_the_same_map_from_any_remembered_version(
    life: tuple[History, list[bytes], list[dict[int, int]]], data: st.DataObject
) -> None:
    history, maps, steps = life
    first = history.version - len(steps)
    start = data.draw(st.integers(first, history.version))
    known = history.at(start) or SeatMap(7, first, maps[0])
    follower = Follower(known)
    while follower.version < history.version:
        upto = data.draw(st.integers(follower.version + 1, history.version))
        update = history.since(follower.version, upto)
        assert (update is None) == (not history.remembers(follower.version))
        follower.apply(update or history.snapshot())
        assert bytes(follower.letters) == maps[follower.version - first]


@settings(deadline=None, max_examples=60)
@given(lives(), st.data())
def test_an_update_tells_of_changed_seats_only(
    life: tuple[History, list[bytes], list[dict[int, int]]], data: st.DataObject
) -> None:
    history, _, steps = life
    back = data.draw(st.integers(0, remembered(len(history.letters), steps)))
    after = history.version - back
    upto = data.draw(st.integers(after, history.version))
    first = history.version - len(steps)
    update = history.since(after, upto)
    assert update
    assert set(update.seats) == {n for step in steps[after - first : upto - first] for n in step}
    assert (update.show_id, update.version, update.snapshot) == (7, upto, False)


@settings(deadline=None, max_examples=60)
@given(steps_of(6))
def test_folded_steps_come_to_what_they_come_to_one_by_one(steps: list[dict[int, int]]) -> None:
    one_by_one, at_once = History(7, 0, bytearray(6)), History(7, 0, bytearray(6))
    for version, step in enumerate(steps, start=1):
        one_by_one.advance(version, step)
    at_once.advance(1, fold(steps))
    assert at_once.letters == one_by_one.letters
    assert set(fold(steps)) == {number for step in steps for number in step}


def test_the_last_state_of_a_seat_wins() -> None:
    assert fold([{1: P, 2: P}, {1: A}, {1: C}]) == {1: C, 2: P}


def test_folding_leaves_the_steps_as_they_are() -> None:
    steps: list[Mapping[int, int]] = [{1: P}, {1: C}]
    fold(steps)
    assert steps == [{1: P}, {1: C}]


@pytest.mark.parametrize("version", [-1, 0, 2, 3, 5, 99])
def test_only_the_next_step_is_applied(history: History, version: int) -> None:
    assert not history.advance(version, {3: C})
    assert history.version == 3
    assert history.at(3) == SeatMap(7, 3, b"CCA")
    assert history.since(0, 3) == Update(7, 3, False, {1: C, 2: C})


def test_maps_of_the_past_stay_as_they_were(history: History) -> None:
    before, snapshot = history.at(3), history.snapshot()
    history.advance(4, {3: P})
    assert before == SeatMap(7, 3, b"CCA")
    assert snapshot == Update(7, 3, True, {1: C, 2: C, 3: A})
    assert history.at(1) == SeatMap(7, 1, b"PAA")


def test_nothing_has_changed_since_the_latest_version(history: History) -> None:
    assert history.since(3, 3) == Update(7, 3, False, {})


@pytest.mark.parametrize("version", [-1, 4])
def test_what_is_not_remembered_is_none(history: History, version: int) -> None:
    assert history.at(version) is None
    assert history.since(version, 3) is None


def test_a_restart_forgets_the_steps_before(history: History) -> None:
    history.restart(9, bytearray(b"PPP"))
    assert history.at(9) == SeatMap(7, 9, b"PPP")
    assert not history.remembers(8)
    assert not history.advance(4, {1: A})
    assert history.advance(10, {1: A})
    assert history.since(9, 10) == Update(7, 10, False, {1: A})


def test_a_restart_gives_the_room_back() -> None:
    history, house = History(7, 0, bytearray(b"A" * 20)), dict.fromkeys(range(1, 21), P)
    for version in (1, 2):
        history.advance(version, house)
    history.restart(100, bytearray(b"A" * 20))
    for version in (101, 102):
        history.advance(version, house)
    assert history.remembers(100)


def test_no_more_steps_are_remembered_than_anybody_is_served() -> None:
    history = History(7, 0, bytearray(b"A" * 1000))
    for version in range(1, 1001):
        history.advance(version, {1: P if version % 2 else A})
    oldest = 1000 - MAX_STEPS
    assert [history.remembers(version) for version in (oldest - 1, oldest)] == [False, True]


def test_the_last_step_is_remembered_even_where_it_changed_every_seat() -> None:
    history = History(7, 0, bytearray(b"A" * 1000))
    for version in (1, 2):
        history.advance(version, dict.fromkeys(range(1, 1001), P))
    assert history.remembers(1)
    assert not history.remembers(0)
