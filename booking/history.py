"""A show's seat map and the last steps that led to it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

# Who is further behind is faster off with the whole map. A step of one seat takes half a kilobyte.
MAX_STEPS = 1_000


@dataclass(frozen=True, slots=True)
class SeatMap:
    """The seats of a show at one version: a letter each (A, P or C), in number order."""

    show_id: int
    version: int
    letters: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """How a map got from one version to a later one: what the changed seats became, by number.

    With `snapshot` the seats are the whole map.
    """

    show_id: int
    version: int
    snapshot: bool
    seats: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class _Step:
    version: int
    seats: Mapping[int, int]
    before: Mapping[int, int]


@dataclass(slots=True)
class History:
    """A map that advances step by step, and remembers the last steps."""

    show_id: int
    version: int
    letters: bytearray
    _steps: deque[_Step] = field(default_factory=deque)
    _remembered: int = 0

    def advance(self, version: int, seats: Mapping[int, int]) -> bool:
        """Apply the step to `version`; returns whether it was the next one."""
        if version != self.version + 1:
            return False
        before = {number: self.letters[number - 1] for number in seats}
        for number, letter in seats.items():
            self.letters[number - 1] = letter
        self.version = version
        self._steps.append(_Step(version, seats, before))
        self._remembered += len(seats)
        while len(self._steps) > MAX_STEPS or self._remembered > len(self.letters) + MAX_STEPS:
            self._remembered -= len(self._steps.popleft().seats)
        return True

    def restart(self, version: int, letters: bytearray) -> None:
        """Go on from a map that was read anew, with no steps behind it."""
        self.version, self.letters = version, letters
        self._steps.clear()
        self._remembered = 0

    def snapshot(self) -> Update:
        """The whole map, as an update."""
        return Update(self.show_id, self.version, True, dict(enumerate(self.letters, start=1)))

    def at(self, version: int) -> SeatMap | None:
        """The map at a version, or None where it is not remembered."""
        if not self.remembers(version):
            return None
        return undo(self.show_id, version, self.letters, (s.before for s in self._after(version)))

    def since(self, version: int, upto: int) -> Update | None:
        """What became of the seats after `version` up to `upto`, or None where not remembered."""
        if not self.remembers(version):
            return None
        steps = [step.seats for step in self._after(version) if step.version <= upto]
        return Update(self.show_id, upto, False, fold(reversed(steps)))

    def _after(self, version: int) -> Iterator[_Step]:
        """The steps behind a version, the latest first; looks at no more of them than it yields."""
        return takewhile(lambda step: step.version > version, reversed(self._steps))

    def remembers(self, version: int) -> bool:
        """Whether the steps reach back to this version."""
        return self.version - len(self._steps) <= version <= self.version


def undo(
    show_id: int, version: int, letters: bytearray, steps: Iterable[Mapping[int, int]]
) -> SeatMap:
    """Go back from a later map: each step, the latest first, says what its seats had been."""
    earlier = bytearray(letters)
    for before in steps:
        for number, letter in before.items():
            earlier[number - 1] = letter
    return SeatMap(show_id, version, bytes(earlier))


def fold(steps: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Fold steps, the oldest first, into one: each seat's last state wins."""
    folded: dict[int, int] = {}
    for seats in steps:
        folded |= seats
    return folded
