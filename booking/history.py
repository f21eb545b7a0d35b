"""A show's seat map and the last steps that led to it."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

AVAILABLE = ord("A")


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
    """A map that advances step by step, and remembers as many steps as are cheaper than the map."""

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
        self._remembered += 1 + len(seats)
        while self._remembered > len(self.letters) + 100:
            self._remembered -= 1 + len(self._steps.popleft().seats)
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
        letters = bytearray(self.letters)
        for step in reversed(self._steps):
            if step.version > version:
                for number, letter in step.before.items():
                    letters[number - 1] = letter
        return SeatMap(self.show_id, version, bytes(letters))

    def since(self, version: int, upto: int) -> Update | None:
        """What became of the seats after `version` up to `upto`, or None where not remembered."""
        if not self.remembers(version):
            return None
        steps = (step.seats for step in self._steps if version < step.version <= upto)
        return Update(self.show_id, upto, False, fold(steps))

    def remembers(self, version: int) -> bool:
        """Whether the steps reach back to this version."""
        return self.version - len(self._steps) <= version <= self.version


def fold(steps: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Fold steps, the oldest first, into one: each seat's last state wins."""
    folded: dict[int, int] = {}
    for seats in steps:
        folded |= seats
    return folded
