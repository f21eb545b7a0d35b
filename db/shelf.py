"""What is kept in memory to be used again: bounded in bytes, the least recently used goes first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from sys import getsizeof

# What Python takes for the places of an entry in our dictionaries, and for the call to forget it.
ENTRY_BYTES = 500
# What takes more than this share of the room would push out too much of the rest: it isn't kept.
LARGEST_SHARE = 1 / 2


class Shelf:
    """Keeps account of what is kept elsewhere, and has it forgotten when there is no more room."""

    def __init__(self, capacity: int) -> None:
        """Take the room in bytes."""
        self.capacity = capacity
        self.size = 0
        self._entries: OrderedDict[Hashable, tuple[int, Callable[[], object]]] = OrderedDict()

    def fits(self, size: int) -> bool:
        """Whether something of this size is worth keeping."""
        return size <= self.capacity * LARGEST_SHARE

    def keep(self, key: Hashable, size: int, forget: Callable[[], object]) -> None:
        """Make room for an entry, or for its new size; `forget` is called when it must go."""
        self.drop(key)
        self._entries[key] = (size + ENTRY_BYTES, forget)
        self.size += size + ENTRY_BYTES
        while self.size > self.capacity:
            _, (freed, forget_oldest) = self._entries.popitem(last=False)
            self.size -= freed
            forget_oldest()

    def use(self, key: Hashable) -> None:
        """Let an entry be the latest used, where it is kept."""
        if key in self._entries:
            self._entries.move_to_end(key)

    def drop(self, key: Hashable) -> None:
        """Give back the room of an entry that was forgotten otherwise."""
        if entry := self._entries.pop(key, None):
            self.size -= entry[0]


class Encodings(dict[Hashable, bytes]):
    """The encoded forms of one thing, by what was asked of it, as far as the shelf has room."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self._shelf = shelf

    def __setitem__(self, key: Hashable, encoded: bytes) -> None:
        size = getsizeof(encoded) + weight(key)
        if self._shelf.fits(size):
            super().__setitem__(key, encoded)
            self._shelf.keep((id(self), key), size, partial(self.pop, key, None))

    def use(self, key: Hashable) -> bytes | None:
        """Look up a form, and let it be the latest used."""
        if encoded := self.get(key):
            self._shelf.use((id(self), key))
        return encoded

    def clear(self) -> None:
        """Forget every form."""
        for key in self:
            self._shelf.drop((id(self), key))
        super().clear()


def weight(key: Hashable) -> int:
    """What a key takes: clients choose the names in it."""
    return getsizeof(key) + (sum(map(weight, key)) if isinstance(key, tuple | frozenset) else 0)
