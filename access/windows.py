"""Counts in windows of time, kept in this process for the `limits` library.

The library's own MemoryStorage starts a thread every ten milliseconds, which looks at every count
there is: it took a tenth of a booking's time, and the more clients there are the more.
"""

import time
from dataclasses import dataclass

from limits.storage import Storage

# What is over goes by twos, the oldest first, so that it goes faster than new windows begin.
SWEPT_AT_ONCE = 2


@dataclass(slots=True)
class _Window:
    ends_at: float
    count: int = 0


class Windows(Storage):
    """At most so many counts; where there are more, the oldest are forgotten.

    A flood of addresses lifts the limits of those who came before it, and does not take the memory.
    """

    STORAGE_SCHEME = None  # not by an address

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._windows: dict[str, _Window] = {}  # in the order in which they began

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong: nothing."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, in a window of `expiry` seconds from the first; returns the count."""
        now = time.time()
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            window = self._begin(key, now, now + expiry)
        window.count += amount
        return window.count

    def get(self, key: str) -> int:
        """The count of a window that is not over."""
        window = self._windows.get(key)
        return 0 if window is None or window.ends_at <= time.time() else window.count

    def get_expiry(self, key: str) -> float:
        """When the window is over, in seconds since 1970; now, where there is none."""
        window = self._windows.get(key)
        return window.ends_at if window else time.time()

    def check(self) -> bool:
        """Whether it can count."""
        return True

    def reset(self) -> int:
        """Forget all; returns how many there were."""
        forgotten = len(self._windows)
        self._windows.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget one."""
        self._windows.pop(key, None)

    def _begin(self, key: str, now: float, ends_at: float) -> _Window:
        self._windows.pop(key, None)
        for _ in range(SWEPT_AT_ONCE):
            oldest = next(iter(self._windows.items()), None)
            if oldest and (oldest[1].ends_at <= now or len(self._windows) >= self._most):
                del self._windows[oldest[0]]
        window = self._windows[key] = _Window(ends_at)
        return window
