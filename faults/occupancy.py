"""Which seats of a show could be had at a moment, as far as anybody outside can know.

All commands of a batch share one clock value and their order in it is not on record: at that very
moment a seat that was given away or given back may have been either.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from faults.ledger import Booking, Ledger, Micros
from faults.replay import Replay, Tenure

_NEVER: Micros = 1 << 62
# One has the seat; with a batch's clock a second may be just gone. More have it in a broken house.
_STAYS_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Stay:
    """A booking's time on its seats: from `began_at` to what came first.

    At the deadline it is over, sharply: whatever a batch does, it does after that. A cancellation
    has its place among the commands of its batch.
    """

    began_at: Micros
    deadline: Micros
    cancelled_at: Micros

    def surely(self, moment: Micros) -> bool:
        """Whether it has its seats at this moment, in whatever order a batch goes."""
        return self.began_at < moment < min(self.deadline, self.cancelled_at)

    def maybe(self, moment: Micros) -> bool:
        """Whether it has its seats at this moment, in some order."""
        return self.began_at <= moment <= self.cancelled_at and moment < self.deadline


class Occupancy:
    """The seats of one show over time. A lapsed hold is none, swept or not."""

    def __init__(self, ledger: Ledger, replay: Replay) -> None:
        self._total = replay.show.total_seats
        self._stays: dict[int, list[Stay]] = defaultdict(list)
        began, lapsed, cancelled = list[_Event](), list[_Event](), list[_Event]()
        for booking in ledger.of_show[replay.show.id]:
            if booking.refused:
                continue
            stay = _stay(booking, replay.tenure(booking))
            seats = len(booking.seats)
            for number in booking.seats:
                self._stays[number].append(stay)
            began.append((stay.began_at, seats))
            if stay.deadline <= stay.cancelled_at:
                lapsed.append((stay.deadline, seats))
            else:
                cancelled.append((stay.cancelled_at, seats))
        self._starts = {n: [stay.began_at for stay in stays] for n, stays in self._stays.items()}
        self._began, self._lapsed, self._cancelled = map(_Tally, (began, lapsed, cancelled))
        self._steps = replay.steps
        self._step_times = [step.at for step in replay.steps]

    def refusal_holds(self, asked: Sequence[int], moment: Micros) -> bool:
        """Whether one of the seats asked for may have been taken at this moment."""
        return any(self._maybe_taken(number, moment) for number in asked)

    def fewest_free(self, moment: Micros) -> int:
        """How few seats may have been free at this moment: all who book come first in a batch."""
        gone = self._cancelled.before(moment) + self._lapsed.upto(moment)
        return self._total - (self._began.upto(moment) - gone)

    def list_holds(
        self, asked: Sequence[int], listed: Iterable[int], since: Micros, until: Micros
    ) -> bool:
        """Whether at some moment just the listed ones of the asked-for seats were taken."""
        taken = set(listed)
        return taken.issubset(asked) and any(
            all(
                self._maybe_taken(number, moment)
                if number in taken
                else self._maybe_free(number, moment)
                for number in asked
            )
            for moment in self._moments(asked, since, until)
        )

    def count_holds(self, free: int, since: Micros, until: Micros) -> bool:
        """Whether at some moment the show's counters left so many seats."""
        first, last = (
            bisect_left(self._step_times, since),
            bisect_right(self._step_times, until),
        )
        before = self._steps[first - 1].after if first else self._total
        return free == before or any(
            step.before - step.booked <= free <= step.before + step.released
            for step in self._steps[first:last]
        )

    def _moments(self, asked: Sequence[int], since: Micros, until: Micros) -> Iterator[Micros]:
        """The ends of the window, and every moment in it at and after which something is new."""
        yield since
        yield until
        for number in asked:
            for stay in self._stays_within(number, since, until):
                for time in (stay.began_at, stay.deadline, stay.cancelled_at):
                    if since <= time <= until:
                        yield time
                        yield min(time + 1, until)

    def _maybe_taken(self, number: int, moment: Micros) -> bool:
        return any(stay.maybe(moment) for stay in self._stays_within(number, moment, moment))

    def _maybe_free(self, number: int, moment: Micros) -> bool:
        return not any(stay.surely(moment) for stay in self._stays_within(number, moment, moment))

    def _stays_within(self, number: int, since: Micros, until: Micros) -> Sequence[Stay]:
        """The stays on a seat that may reach into this time."""
        starts = self._starts.get(number, [])
        first = max(0, bisect_left(starts, since) - _STAYS_AT_ONCE)
        return self._stays[number][first : bisect_right(starts, until)] if starts else ()


_Event = tuple[Micros, int]  # when, and of how many seats


class _Tally:
    """How many seats something had happened to by a moment."""

    def __init__(self, events: list[_Event]) -> None:
        events.sort()
        self._times = [time for time, _ in events]
        self._sums = [0, *accumulate(seats for _, seats in events)]

    def before(self, moment: Micros) -> int:
        return self._sums[bisect_left(self._times, moment)]

    def upto(self, moment: Micros) -> int:
        return self._sums[bisect_right(self._times, moment)]


def _stay(booking: Booking, tenure: Tenure) -> Stay:
    ended_at = _NEVER if tenure.ended_at is None else tenure.ended_at
    deadline = _NEVER
    if booking.confirmed_at is None and booking.expires_at is not None:
        deadline = booking.expires_at
    # An expiry is put on record some time after the deadline; it frees nothing by itself.
    return Stay(booking.created_at, deadline, _NEVER if booking.reason == "EXPIRED" else ended_at)
