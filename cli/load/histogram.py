"""How long things took: counted in buckets 2 % apart, so that an hour takes a minute's room."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import ceil, log
from typing import Self

# The next bucket begins this much higher: what is read off is wrong by no more.
GROWTH = 1.02
SHORTEST = 1e-5
_SCALE = 1 / log(GROWTH)


class Histogram:
    """Times in seconds, each counted in its bucket.

    Attributes:
        count: how many.
        most: the longest, to the microsecond.
    """

    __slots__ = ("_buckets", "count", "most")

    def __init__(self, parts: Iterable[Self] = ()) -> None:
        """Begin with what is in others."""
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.most = 0.0
        for part in parts:
            self._take(part)

    def add(self, seconds: float) -> None:
        """Count one."""
        bucket = ceil(log(max(seconds, SHORTEST) / SHORTEST) * _SCALE)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.most = max(self.most, seconds)

    def percentile(self, percent: float) -> float | None:
        """The time within which this part of them ended; None where there are none."""
        return self.percentiles([percent])[0]

    def percentiles(self, percents: Sequence[float]) -> list[float | None]:
        """Several at once."""
        if not self.count:
            return [None] * len(percents)
        buckets = sorted(self._buckets)
        reached = [*accumulate(self._buckets[bucket] for bucket in buckets)]
        return [
            self._end_of(buckets[bisect_left(reached, max(1, ceil(self.count * percent / 100)))])
            for percent in percents
        ]

    def steps(self) -> Iterator[tuple[float, float]]:
        """The distribution: a time, and the part of all that took longer."""
        within = 0
        for bucket in sorted(self._buckets):
            within += self._buckets[bucket]
            yield self._end_of(bucket), 1 - within / self.count

    def _end_of(self, bucket: int) -> float:
        return min(SHORTEST * GROWTH**bucket, self.most) if self.most else 0.0

    def _take(self, part: Self) -> None:
        for bucket, count in part._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += part.count
        self.most = max(self.most, part.most)
