"""The rows of seats, and what is free in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Run(NamedTuple):
    """Seats side by side in one row: all that are free there, or the piece a booking takes."""

    start: int  # the first seat's number - 1
    length: int


class Seating(NamedTuple):
    """Pieces that could serve a booking; of two seatings the lesser is the better."""

    leaves_single: bool
    distance: int  # half seats, over all pieces
    pieces: list[Run]


@dataclass(frozen=True, slots=True)
class House:
    """The rows of seats, and what is free in them."""

    taken: bytes | bytearray
    seats_per_row: int

    def free_runs(self, at_least: int) -> Iterator[Run]:
        """Yield the free runs of at least so many seats, from the front."""
        wanted = bytes(at_least)
        start = self.taken.find(wanted)
        while start >= 0:
            row_end = min(start - start % self.seats_per_row + self.seats_per_row, len(self.taken))
            end = self.taken.find(1, start, row_end)
            if end < 0:
                end = row_end
            if end - start >= at_least:
                yield Run(start, end - start)
            start = self.taken.find(wanted, end)

    def distance(self, piece: Run) -> int:
        """Return how far a piece is from the front and the middle, in half seats."""
        row, place = divmod(piece.start, self.seats_per_row)
        return 2 * row + abs(2 * place + piece.length - self.seats_per_row)

    def row_ends(self, run: Run) -> tuple[bool, bool]:
        """Tell whether a run begins where its row begins, and whether it ends where it ends."""
        end = run.start + run.length
        ends_row = end % self.seats_per_row == 0 or end == len(self.taken)
        return run.start % self.seats_per_row == 0, ends_row

    def seat_in(self, run: Run, length: int) -> Seating:
        """Return the best seating of one piece in a free run that is long enough."""
        left_over = run.length - length
        begins_row, ends_row = self.row_ends(run)
        middle = (self.seats_per_row - length) // 2 - run.start % self.seats_per_row
        nearest = min(max(middle, 0), left_over)
        # Only one seat off a run's end leaves a single one, so the best is `nearest` or next to it.
        return min(
            Seating(
                (offset == 1 and not begins_row) or (left_over - offset == 1 and not ends_row),
                self.distance(piece := Run(run.start + offset, length)),
                [piece],
            )
            for offset in range(max(nearest - 1, 0), min(nearest + 1, left_over) + 1)
        )


def count_pieces(numbers: Sequence[int], seats_per_row: int) -> int:
    """Count the groups of neighbours in one row that these seats, ascending, are."""
    return sum(
        number - before != 1 or before % seats_per_row == 0
        for before, number in zip((-1, *numbers), numbers, strict=False)
    )
