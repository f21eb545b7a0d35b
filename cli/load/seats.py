"""The map as one person's page has it, and which of its seats they would like. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any
from zlib import crc32

FREE = b"A"
# Of the best places somebody sees so many, and takes one of them.
BEST_SEEN = 12
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

    def open(self, seats: Sequence[Mapping[str, Any]], version: int) -> None:
        """Take the whole map with its rows, as a page asks for it first."""
        self.seats_per_row = sum(seat["row"] == seats[0]["row"] for seat in seats)
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

    def shows_free(self, number: int) -> bool:
        """Whether this seat can be had, as far as the page knows."""
        return self.letters[number - 1] == FREE[0]

    def shows_taken(self, numbers: Iterable[int]) -> bool:
        """Whether none of these seats is free."""
        return self.version >= 0 and not any(map(self.shows_free, numbers))

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
        size = len(self.letters), self.seats_per_row
        if places := [*islice(self._free(party, _by_liking(*size, party)), BEST_SEEN)]:
            first = places[int(taste * taste * len(places))]
            return [*range(first, first + party)]
        singles = [*islice(self._free(1, _by_liking(*size, 1)), party)]
        return sorted(singles) if len(singles) == party else []

    def _free(self, party: int, places: Iterable[int]) -> Iterator[int]:
        """Those of the places at which so many seats are free."""
        letters, wanted = self.letters, FREE * party
        return (first for first in places if letters[first - 1 : first - 1 + party] == wanted)


@lru_cache(64)
def _by_liking(seats: int, seats_per_row: int, party: int) -> tuple[int, ...]:
    """The first seats of all places for a party side by side, those first that people like most."""
    rows = -(-seats // seats_per_row)

    def dislike(first: int) -> float:
        row, place = divmod(first - 1, seats_per_row)
        width = min(seats_per_row, seats - row * seats_per_row)
        aside = abs(place + party / 2 - width / 2) / seats_per_row
        return abs(row / rows - BEST_ROW) + aside

    in_a_row = (
        first
        for first in range(1, seats - party + 2)
        if (first - 1) % seats_per_row + party <= seats_per_row
    )
    return tuple(sorted(in_a_row, key=dislike))
