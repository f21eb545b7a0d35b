"""Which seats a booking by count gets: together, leaving no single seat, as a strategy says."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import accumulate

from booking.house import House, Run, Seating


class Strategy(StrEnum):
    """What counts between seats that are as good for those who sit together."""

    BEST = "best"  # the guests: near the front and the middle
    TIGHT = "tight"  # the groups to come: the smallest gap that fits, so that large ones stay whole


def choose_seats(
    taken: bytes | bytearray, seats_per_row: int, count: int, strategy: Strategy = Strategy.BEST
) -> list[int] | None:
    """Choose `count` free seats, always the same ones in the same house.

    In this order: in the fewest pieces; leaving no new single seat between two taken ones, if as
    few pieces can avoid it; then by the strategy. BEST: at the least distance, which is the row's
    index plus the seats from the piece's centre to the row's middle. TIGHT: at an end of the
    shortest free run that has room, the frontmost of those. Several pieces are picked alike: one by
    one, the nearest that the others can complete, so each is near but their sum need not be the
    least.

    Args:
        taken: 1 where seat number index + 1 is taken, 0 where it is free; the front row comes first
        seats_per_row: at least 1; the last row may be shorter, its middle is that of a full row
        count: at least 1
    Returns: seat numbers, ascending; None only if fewer than `count` seats are free
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    house = House(taken, seats_per_row)
    side_by_side = _tightest if strategy is Strategy.TIGHT else _nearest
    seating = side_by_side(house, count) or _in_pieces(house, count)
    if seating is None:
        return None
    return sorted(
        start + number for start, length in seating.pieces for number in range(1, length + 1)
    )


def _nearest(house: House, count: int) -> Seating | None:
    """Return the nearest seating in one piece, None if no row has room."""
    best = None
    for run in house.free_runs(count) if count <= house.seats_per_row else ():
        row = run.start // house.seats_per_row
        # No place is nearer than its row is, so from here on none is better.
        if best and not best.leaves_single and best.distance <= 2 * row:
            break
        seating = house.seat_in(run, count)
        best = min(best or seating, seating)
    return best


def _tightest(house: House, count: int) -> Seating | None:
    """Return the seating in one piece that leaves the least of its run, None if no row has room."""
    tightest, least = None, None
    for run in house.free_runs(count) if count <= house.seats_per_row else ():
        left_over = run.length - count
        rank = left_over == 1 and not any(house.row_ends(run)), left_over
        if least is None or rank < least:
            tightest, least = run, rank
        if rank == (False, 0):
            break
    if tightest is None or least is None:
        return None
    leaves_single, left_over = least
    begins_row, ends_row = house.row_ends(tightest)
    # What is left over stays together, at the other end; a single seat rather at the row's.
    offset = 1 if left_over == 1 and begins_row and not ends_row else 0
    piece = Run(tightest.start + offset, count)
    return Seating(leaves_single, house.distance(piece), [piece])


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
