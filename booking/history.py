"""A show's seat map and the last steps that led to it."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

# Who is further behind is faster off with the whole map.
MAX_STEPS = 1_000
# Readers ask for the latest version, and for the one before where they were overtaken by a commit.
MAPS_AT_HAND = 2
# Who follows step by step is a second behind at the worst, at sixty changes a second.
UPDATES_AT_HAND = 64
# What a history takes, measured: itself, a step of one seat, and each further seat of a step.
HISTORY_BYTES = 2_000
STEP_BYTES = 500
SEAT_BYTES = 120

_NOTHING = -1  # the version of who knows none

Forms = dict[Hashable, bytes]
"""The encoded forms of a map or an update, for all who share it."""


@dataclass(frozen=True, slots=True)
class SeatMap:
    """The seats of a show at one version: a letter each (A, P or C), in number order."""

    show_id: int
    version: int
    letters: bytes
    forms: Forms = field(default_factory=dict, compare=False, repr=False)


class WholeMap(Mapping[int, int]):
    """A map by number: the letter of each seat."""

    def __init__(self, seat_map: SeatMap) -> None:
        self.seat_map = seat_map

    def __getitem__(self, number: int) -> int:
        if 1 <= number <= len(self):
            return self.seat_map.letters[number - 1]
        raise KeyError(number)

    def __len__(self) -> int:
        return len(self.seat_map.letters)

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, len(self) + 1))


@dataclass(slots=True)
class Update:
    """How a map got from one version to a later one: what the changed seats became, by number.

    With `snapshot` the seats are the whole map.
    """

    show_id: int
    version: int
    snapshot: bool
    seats: Mapping[int, int]
    forms: Forms = field(default_factory=dict, compare=False, repr=False)
    # How those who share it look at it: made by the first.
    view: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Step:
    version: int
    seats: Mapping[int, int]
    before: Mapping[int, int]


@dataclass(slots=True, weakref_slot=True, eq=False)
class History:
    """A map that advances step by step, and remembers the last steps.

    Whoever asks for the same map or update gets one and the same object.
    """

    show_id: int
    version: int
    letters: bytearray
    new_forms: Callable[[], Forms] = dict
    _steps: deque[_Step] = field(default_factory=deque)
    _remembered: int = 0
    _maps: dict[int, SeatMap] = field(default_factory=dict)
    _updates: dict[tuple[int, int], Update] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """About how many bytes it takes; what is shared has its forms on top."""
        maps = (1 + len(self._maps)) * len(self.letters)
        steps = len(self._steps) + len(self._updates)
        return HISTORY_BYTES + maps + STEP_BYTES * steps + SEAT_BYTES * self._remembered

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
        key = (_NOTHING, self.version)
        return self._updates.get(key) or self._share(key, WholeMap(self._at(self.version)))

    def at(self, version: int) -> SeatMap | None:
        """The map at a version, or None where it is not remembered."""
        return self._at(version) if self.remembers(version) else None

    def since(self, version: int, upto: int) -> Update | None:
        """What became of the seats after `version` up to `upto`, or None where not remembered."""
        if known := self._updates.get((version, upto)):
            return known
        if not self.remembers(version):
            return None
        steps = [step.seats for step in self._after(version) if step.version <= upto]
        return self._share((version, upto), fold(reversed(steps)))

    def remembers(self, version: int) -> bool:
        """Whether the steps reach back to this version."""
        return self.version - len(self._steps) <= version <= self.version

    def forget(self) -> None:
        """Keep nothing of what was shared."""
        self.forget_updates()
        for seat_map in self._maps.values():
            seat_map.forms.clear()
        self._maps.clear()

    def forget_updates(self) -> None:
        """Keep no update: nobody follows."""
        for update in self._updates.values():
            update.forms.clear()
        self._updates.clear()

    def _at(self, version: int) -> SeatMap:
        known = self._maps.get(version)
        if known is None:
            letters = undo(self.letters, (step.before for step in self._after(version)))
            known = SeatMap(self.show_id, version, letters, self.new_forms())
            self._maps[version] = known
            while len(self._maps) > MAPS_AT_HAND:
                self._maps.pop(min(self._maps)).forms.clear()
        return known

    def _share(self, key: tuple[int, int], seats: Mapping[int, int]) -> Update:
        since, upto = key
        update = Update(self.show_id, upto, since == _NOTHING, seats, self.new_forms())
        self._updates[key] = update
        while len(self._updates) > UPDATES_AT_HAND:
            self._updates.pop(next(iter(self._updates))).forms.clear()
        return update

    def _after(self, version: int) -> Iterator[_Step]:
        """The steps behind a version, the latest first; looks at no more of them than it yields."""
        return takewhile(lambda step: step.version > version, reversed(self._steps))


def undo(letters: bytearray, steps: Iterable[Mapping[int, int]]) -> bytes:
    """Go back from a later map: each step, the latest first, says what its seats had been."""
    earlier = bytearray(letters)
    for before in steps:
        for number, letter in before.items():
            earlier[number - 1] = letter
    return bytes(earlier)


def fold(steps: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Fold steps, the oldest first, into one: each seat's last state wins."""
    folded: dict[int, int] = {}
    for seats in steps:
        folded |= seats
    return folded
