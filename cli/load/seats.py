"""The map as one person's page has it, and which of its seats they would like. No I/O."""

from collections.abc import Iterable, Mapping
from heapq import nsmallest
from typing import Any
from zlib import crc32

FREE = b"A"
# Of the best places somebody sees so many, and takes one of them.
BEST_SEEN = 6
# The best row, counted from the front as a part of all.
BEST_ROW = 1 / 3


class SeatMap:
    """One letter a seat, A, P or C, at a version.

    Attributes:
        version: -1 before anything has come.
        seats_per_row: for looking, not for booking.
    """

    __slots__ = ("letters", "seats_per_row", "version")

    def __init__(self) -> None:
        self.version = -1
        self.letters = bytearray()
        self.seats_per_row = 1

    def open(self, seats: Iterable[Mapping[str, Any]], version: int) -> None:
        """Take the whole map with its rows, as a page asks for it first."""
        rows = [seat["row"] for seat in seats]
        self.seats_per_row = rows.count(rows[0])
        self.replace(seats, version)

    def replace(self, seats: Iterable[Mapping[str, Any]], version: int) -> None:
        """Take the whole map."""
        self.letters = bytearray(ord(seat["status"][0]) for seat in seats)
        self.version = version

    def fold(self, update: Mapping[str, Any]) -> None:
        """Take an update of a subscription: a snapshot, or what changed."""
        if update["snapshot"]:
            self.replace(update["seats"], update["version"])
            return
        for seat in update["seats"]:
            self.letters[seat["number"] - 1] = ord(seat["status"][0])
        self.version = update["version"]

    def shows_taken(self, numbers: Iterable[int]) -> bool:
        """Whether none of these seats is free."""
        return self.version >= 0 and all(self.letters[n - 1] != FREE[0] for n in numbers)

    def digest(self) -> int:
        """The same for the same map; for another one most likely another."""
        return crc32(self.letters)

    def pick(self, party: int, taste: float) -> list[int]:
        """Seats for a party: side by side near the middle of a good row, else the nearest to it.

        Everybody sees the same map and likes the same seats, so several want the best.

        Args:
            taste: from 0, who insists on the best, to 1.

        Returns:
            Their numbers; none where there are not so many free.
        """
        if places := nsmallest(BEST_SEEN, self._places(party)):
            _, first = places[int(taste * taste * len(places))]
            return [*range(first, first + party)]
        singles = nsmallest(party, self._places(1))
        return sorted(first for _, first in singles) if len(singles) == party else []

    def _places(self, party: int) -> Iterable[tuple[float, int]]:
        """Where so many are free side by side: how far off the best place, and the first seat."""
        wanted = FREE * party
        rows = -(-len(self.letters) // self.seats_per_row)
        for row in range(rows):
            start = row * self.seats_per_row
            letters = self.letters[start : start + self.seats_per_row]
            depth = abs(row / rows - BEST_ROW)
            at = letters.find(wanted)
            while at >= 0:
                aside = abs(at + party / 2 - len(letters) / 2) / self.seats_per_row
                yield depth + aside, start + at + 1
                at = letters.find(wanted, at + 1)
