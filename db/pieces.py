"""Seats that are encoded already: what one comes to is the same in all maps."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from operator import getitem
from sys import getsizeof

from db.shelf import Shelf, weight

_LETTERS = b"APC"
# A letter's place in a row of the table.
_PLACES = bytes.maketrans(_LETTERS, bytes(range(3)))

_Row = list[bytes | None]
_ROW_BYTES = getsizeof([None] * len(_LETTERS)) + 8


@dataclass(slots=True)
class _Table:
    """What each seat comes to, by number and letter, as far as it was met."""

    size: int
    rows: list[_Row] = field(default_factory=list)

    def grow(self, total_seats: int) -> None:
        missing = total_seats - len(self.rows)
        if missing > 0:
            self.rows += [[None] * len(_LETTERS) for _ in range(missing)]
            self.size += missing * _ROW_BYTES

    def put(self, index: int, place: int, piece: bytes) -> None:
        self.rows[index][place] = piece
        self.size += getsizeof(piece)


class Pieces:
    """The encoded seats, by what was asked of them, number and letter; shared by all shows.

    A seat's number, its letter, the length of its row and what is asked of it: nothing else has a
    part in what it comes to. Each is encoded when it is first met.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._tables: dict[Hashable, _Table] = {}

    def join(self, kind: Hashable, letters: bytes, encode: Callable[[int, int], bytes]) -> bytes:
        """Return the JSON list of all seats of a map.

        Args:
            kind: what was asked of each seat, and the length of a row.
            letters: a letter a seat, in number order.
            encode: encodes a seat by its number and letter. What it raises passes through.
        """
        places = letters.translate(_PLACES)
        table = self._tables.get(kind) or _Table(weight(kind))
        table.grow(len(places))
        pieces = list(map(getitem, table.rows, places))
        if None in pieces:
            self._complete(table, pieces, places, encode)
        self._keep(kind, table)
        return b"[%b]" % b",".join(pieces)  # type: ignore[arg-type]  # they are complete

    def _complete(
        self, table: _Table, pieces: _Row, places: bytes, encode: Callable[[int, int], bytes]
    ) -> None:
        index = -1
        for _ in range(pieces.count(None)):
            index = pieces.index(None, index + 1)
            # A copy: the encoder cuts its bytes off a buffer of a thousand, whose rest would lie
            # between them and be of no use to anybody.
            piece = memoryview(encode(index + 1, _LETTERS[places[index]])).tobytes()
            pieces[index] = piece
            table.put(index, places[index], piece)

    def _keep(self, kind: Hashable, table: _Table) -> None:
        def forget() -> None:
            self._tables.pop(kind, None)

        key = (id(self), kind)
        if self._shelf.fits(table.size):
            self._tables[kind] = table
            self._shelf.keep(key, table.size, forget)
        else:
            self._shelf.drop(key)
            forget()
