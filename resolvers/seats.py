"""The seats of a map as a list that is completed and encoded once for all who ask."""

from collections.abc import Callable, Hashable, Iterator
from typing import overload

import schema.types as api
from booking.history import SeatMap
from booking.model import row_name
from db.pieces import Pieces
from db.shelf import Encodings
from execution.shared import SharedList

_STATUSES = {ord(status.value[0]): status for status in api.SeatStatus}


class Seats(SharedList[api.Seat]):
    """Every seat of a map by number. None is made unless somebody looks at it."""

    def __init__(self, seat_map: SeatMap, seats_per_row: int, pieces: Pieces) -> None:
        self._map = seat_map
        self._seats_per_row = seats_per_row
        self._pieces = pieces

    def __len__(self) -> int:
        return len(self._map.letters)

    @overload
    def __getitem__(self, index: int) -> api.Seat: ...
    @overload
    def __getitem__(self, index: slice) -> list[api.Seat]: ...
    def __getitem__(self, index: int | slice) -> api.Seat | list[api.Seat]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        return seat(at + 1, self._map.letters[at], self._seats_per_row)

    def __iter__(self) -> Iterator[api.Seat]:
        for number, letter in enumerate(self._map.letters, start=1):
            yield seat(number, letter, self._seats_per_row)

    def encoded(self, selection: Hashable, encode: Callable[[api.Seat], bytes]) -> bytes:
        """The whole list as JSON; of each version and selection it is made once."""
        forms, kind = self._map.forms, (selection, self._seats_per_row)
        known = forms.use(selection) if isinstance(forms, Encodings) else forms.get(selection)
        if known is None:
            known = self._pieces.join(
                kind,
                self._map.letters,
                lambda number, letter: encode(seat(number, letter, self._seats_per_row)),
            )
            forms[selection] = known
        return known


def seat(number: int, letter: int, seats_per_row: int) -> api.Seat:
    """A seat as clients see it."""
    index, place = divmod(number - 1, seats_per_row)
    row = row_name(index)
    return api.Seat(number=number, row=row, label=f"{row}{place + 1}", status=_STATUSES[letter])
