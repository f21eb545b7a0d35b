"""Houses for the tests of seat choice: drawn, generated, and with every possible choice tried.

In a drawing the front row comes first; `X` is taken, `o` is free and chosen, `.` stays free.
"""

from itertools import combinations

from hypothesis import strategies as st

from booking.seating import Strategy, choose_seats


def redraw(drawing: str, strategy: Strategy = Strategy.BEST) -> str:
    """Draw what is chosen in the drawn house when as many seats are asked for as it has `o`."""
    rows = drawing.split()
    seats = "".join(rows)
    taken = bytes(seat == "X" for seat in seats)
    drawn = list(seats.replace("o", "."))
    for number in choose_seats(taken, len(rows[0]), seats.count("o"), strategy) or []:
        assert drawn[number - 1] == "."
        drawn[number - 1] = "o"
    seat = iter(drawn)
    return " ".join("".join(next(seat) for _ in row) for row in rows)


class Model:
    """A house small enough to try every choice of seats, each judged by the words of the rules."""

    def __init__(self, seats: list[bool], seats_per_row: int) -> None:
        self.taken = {number for number, taken in enumerate(seats, 1) if taken}
        self.free = [number for number, taken in enumerate(seats, 1) if not taken]
        self.seats_per_row = seats_per_row

    def row(self, number: int) -> int:
        return (number - 1) // self.seats_per_row

    def is_single(self, number: int, taken: set[int]) -> bool:
        """Tell whether a seat is free and both its neighbours in the row are taken."""
        sides = {number - 1, number + 1}
        same_row = all(self.row(side) == self.row(number) for side in sides)
        return number not in taken and sides <= taken and same_row

    def new_singles(self, chosen: list[int]) -> int:
        after = self.taken.union(chosen)
        return sum(
            self.is_single(number, after) and not self.is_single(number, self.taken)
            for number in self.free
        )

    def pieces(self, chosen: list[int]) -> int:
        return sum(
            number - 1 not in chosen or self.row(number - 1) != self.row(number)
            for number in chosen
        )

    def distance(self, piece: list[int]) -> float:
        row = self.row(piece[0])
        centre = sum(piece) / len(piece) - 1 - row * self.seats_per_row
        return row + abs(centre - (self.seats_per_row - 1) / 2)

    def rank(self, chosen: list[int]) -> tuple[int, int]:
        return self.pieces(chosen), self.new_singles(chosen)

    def choices(self, count: int) -> list[list[int]]:
        return [list(numbers) for numbers in combinations(self.free, count)]


@st.composite
def houses(draw: st.DrawFn) -> tuple[list[bool], int]:
    seats = draw(st.lists(st.booleans(), min_size=1, max_size=12))
    return seats, draw(st.integers(1, len(seats)))
