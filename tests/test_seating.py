"""The rules of choosing seats by count, drawn, and held against every possible choice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.seating import Strategy, choose_seats
from tests.houses import Model, houses, redraw


@pytest.mark.parametrize(
    "drawing",
    [
        ".ooo. .....",
        "..oo.. ......",
        # The middle lies between two places: the lower number.
        "..o... ......",
        ".ooo.. ......",
        # A row further back costs as much as a seat off the middle; of equals the lower row.
        ".oXXX .....",
        ".XXXXX. ...o...",
        # A short last row keeps the screen's middle.
        "XXXXXXX ...o.",
        "XXXXXXX oo",
    ],
)
def test_one_piece_stands_nearest_to_the_front_and_the_middle(drawing: str) -> None:
    assert redraw(drawing) == drawing


@pytest.mark.parametrize(
    "drawing",
    [
        "X.XX. .X.X. X..X. .ooo.",
        "XX.XX XX.XX XXXXX XXXXX .ooXX",
        # The end of a row and the start of the next are not side by side.
        "XXX.. ..XXX XXXXX oooXX",
    ],
)
def test_a_group_sits_side_by_side_wherever_a_row_has_room(drawing: str) -> None:
    assert redraw(drawing) == drawing


@pytest.mark.parametrize(
    "drawing",
    [
        # Not in the middle, where a single seat would be left.
        "Xo..X",
        "Xoo...X",
        # Rather off the middle, or further back, than leave a single seat.
        "X...X XXXXX ..ooX",
        "X..XX XXXXX XXXXX XXXoX",
        # At a row's end a free seat is not between two taken ones.
        ".ooX",
        "Xoo.",
        ".oo.",
        "XXXXX Xo.",
        # A seat that was single before does not count.
        "XX.XooX.X",
    ],
)
def test_no_single_seat_is_left_between_taken_ones(drawing: str) -> None:
    assert redraw(drawing) == drawing


@pytest.mark.parametrize(
    "drawing",
    [
        "Xo.X",
        "Xoo.X X...X",
        "XXo.XX",
        "XooXo.X",
    ],
)
def test_a_single_seat_is_left_where_every_place_leaves_one(drawing: str) -> None:
    assert redraw(drawing) == drawing


@pytest.mark.parametrize(
    "drawing",
    [
        "ooooo .ooo. .....",
        "ooooo ooooo .....",
        "oXoXX",
        "XoX.X XooXX",
        # The nearest runs that suffice: of the longest ones only as many as it takes.
        "XoXXX XooXX X..XX",
        "X.XXX X..XX oooXX XXXXX XoooX",
        "XooXX X..XX XoooX X...X",
    ],
)
def test_a_group_no_row_has_room_for_sits_in_the_fewest_pieces(drawing: str) -> None:
    assert redraw(drawing) == drawing


@pytest.mark.parametrize(
    "drawing",
    [
        # The nearest pieces would leave one; runs that fit exactly, the shorter ones, leave none.
        "X..XooXXoX",
        "XooX...XooX",
        # Two seats left side by side are no single seat.
        "XoooX..Xo..X",
        # At a row's end one may be left.
        "XooX..X .oXXXXX",
    ],
)
def test_pieces_further_apart_are_taken_when_the_nearest_leave_a_single_seat(drawing: str) -> None:
    assert redraw(drawing) == drawing


# No deadline: a busy machine is no failure.
@settings(deadline=None, max_examples=300)
@given(houses(), st.integers(1, 12), st.sampled_from(Strategy))
def test_no_choice_has_fewer_pieces_or_as_few_and_fewer_single_seats(
    house: tuple[list[bool], int], count: int, strategy: Strategy
) -> None:
    model = Model(*house)
    chosen = choose_seats(bytes(house[0]), house[1], count, strategy)
    choices = model.choices(count)
    if chosen is None:
        assert not choices
    else:
        assert chosen in choices
        assert model.rank(chosen) == min(map(model.rank, choices))


@settings(deadline=None)
@given(houses(), st.integers(1, 4))
def test_no_piece_alone_is_nearer_unless_it_leaves_a_single_seat(
    house: tuple[list[bool], int], count: int
) -> None:
    model = Model(*house)
    alone = [choice for choice in model.choices(count) if model.pieces(choice) == 1]
    if alone:
        best = min(
            alone, key=lambda piece: (model.new_singles(piece), model.distance(piece), piece)
        )
        assert choose_seats(bytes(house[0]), house[1], count) == best


@given(
    st.lists(st.booleans(), max_size=60),
    st.integers(1, 70),
    st.integers(1, 60),
    st.sampled_from(Strategy),
)
def test_a_group_is_refused_only_when_fewer_seats_are_free(
    seats: list[bool], seats_per_row: int, count: int, strategy: Strategy
) -> None:
    chosen = choose_seats(bytearray(seats), seats_per_row, count, strategy)
    assert (chosen is None) == (seats.count(False) < count)
    if chosen is not None:
        assert len(set(chosen)) == count
        assert not any(seats[number - 1] for number in chosen)


def test_a_group_of_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        choose_seats(b"\0", 1, 0)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("seats_per_row", [1, 10, 100_000])
def test_an_empty_house_can_be_booked_at_once(seats_per_row: int, strategy: Strategy) -> None:
    chosen = choose_seats(bytes(100_000), seats_per_row, 100_000, strategy)
    assert chosen == list(range(1, 100_001))
