"""Which seats a booking by count gets: together, leaving no single seat, near the front middle."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
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


def choose_seats(taken: bytes | bytearray, seats_per_row: int, count: int) -> list[int] | None:
    """Choose `count` free seats, always the same ones in the same house.

    In this order: in the fewest pieces; leaving no new single seat between two taken ones, if as
    few pieces can avoid it; at the least distance, which is the row's index plus the seats from
    the piece's centre to the row's middle. Several pieces are picked one by one, the nearest that
    the others can complete, so each is near but their sum need not be the least.

    Args:
        taken: 1 where seat number index + 1 is taken, 0 where it is free; the front row comes first
        seats_per_row: at least 1; the last row may be shorter, its middle is that of a full row
        count: at least 1
    Returns: seat numbers, ascending; None only if fewer than `count` seats are free
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    house = House(taken, seats_per_row)
    seating = _side_by_side(house, count) or _in_pieces(house, count)
    if seating is None:
        return None
    return sorted(
        start + number for start, length in seating.pieces for number in range(1, length + 1)
    )


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


def _side_by_side(house: House, count: int) -> Seating | None:
    """Return the best seating in one piece, None if no row has room."""
    best = None
    for run in house.free_runs(count) if count <= house.seats_per_row else ():
        row = run.start // house.seats_per_row
        # No place is nearer than its row is, so from here on none is better.
        if best and not best.leaves_single and best.distance <= 2 * row:
            break
        seating = house.seat_in(run, count)
        best = min(best or seating, seating)
    return best


def _in_pieces(house: House, count: int) -> Seating | None:
    """Return a near seating in the fewest pieces, None if too few seats are free."""
    runs = list(house.free_runs(1))
    longest = sorted(runs, key=_length, reverse=True)
    seats = list(accumulate(map(_length, longest)))
    fewest = bisect_left(seats, count)
    if fewest == len(seats):
        return None
    del longest[fewest + 1 :]
    spare = seats[fewest] - count
    useful = (run for run in runs if run.length >= longest[-1].length - spare)
    nearest = sorted(useful, key=house.distance)
    seating = _seat(house, _pick(nearest, longest, spare), count)
    if seating.leaves_single:
        others = _other_picks(house, nearest, longest, spare)
        seating = min(seating, *(_seat(house, picked, count) for picked in others))
    return seating


def _length(run: Run) -> int:
    return run.length


def _pick(order: Iterable[Run], longest: list[Run], spare: int) -> list[Run]:
    """Pick as many runs as `longest` has, with at most `spare` seats fewer, the first in `order`.

    A run is picked if the longest of the others can complete it. One that was passed over could
    not be completed later either, so one pass is enough.
    """
    unpicked = dict.fromkeys(longest)
    picked = []
    for run in order:
        if not unpicked:
            break
        if run in unpicked:
            del unpicked[run]
        else:
            shortest, _ = unpicked.popitem()
            if shortest.length - run.length > spare:
                unpicked[shortest] = None
                continue
            spare -= shortest.length - run.length
        picked.append(run)
    return picked


def _other_picks(
    house: House, nearest: list[Run], longest: list[Run], spare: int
) -> Iterator[list[Run]]:
    """Yield picks that leave no single seat, if there are any, where the nearest pick leaves one.

    It has one seat too many, and all its runs stand between taken seats. So a run at a row's end
    must come in, or the runs must have two seats too many, or (if they cannot) none.
    """
    at_row_end = next((run for run in nearest if any(house.row_ends(run))), None)
    if at_row_end:
        yield _pick(sorted(nearest, key=lambda run: run != at_row_end), longest, spare)
    if spare >= 2:
        yield _pick(nearest, longest, spare - 2)
    else:
        yield _pick(sorted(nearest, key=_length), longest, spare)


def _seat(house: House, picked: list[Run], count: int) -> Seating:
    """Take `count` seats of the picked runs; what is left over stays in one of them.

    Each could keep it: were it no longer than that, there would be fewer pieces without it.
    """
    left_over = sum(map(_length, picked)) - count
    if left_over == 0:
        return Seating(False, sum(map(house.distance, picked)), picked)

    def cost(run: Run) -> tuple[bool, int]:
        seating = house.seat_in(run, run.length - left_over)
        return seating.leaves_single, seating.distance - house.distance(run)

    # Of equals the furthest is shortened: the nearer ones stay whole.
    shortened = min(reversed(picked), key=cost)
    seating = house.seat_in(shortened, shortened.length - left_over)
    pieces = [run for run in picked if run != shortened] + seating.pieces
    return Seating(seating.leaves_single, sum(map(house.distance, pieces)), pieces)
