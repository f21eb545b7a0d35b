"""Counters, gauges and histograms as plain numbers: on the hot path a thing costs an addition."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Labels = tuple[str, ...]
Cell = list[float]
"""One number; of a histogram the sum, then how many were in each bucket."""

Cells = Mapping[Labels, Cell]
Together = Callable[[Iterable[float]], float]

families: dict[str, "Family"] = {}
"""All there are in this process, by name, in the order of their definition."""


class Family:
    """One metric with all its labels' values.

    Attributes:
        name: as Prometheus knows it.
        text: what it says, in a sentence.
        labels: the names of its labels.
        ask: what knows the numbers, where they aren't counted here; asked when they are told.
    """

    kind = ""

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), start: Iterable[Labels] = ()
    ) -> None:
        """Take what it is, and the labels that are told from the start, before anything happens."""
        self.name, self.text, self.labels = name, text, tuple(labels)
        self.ask: Callable[[], Mapping[Labels, float]] | None = None
        self.cells: dict[Labels, Cell] = {each: self.empty() for each in start}
        if not labels:
            self.cells[()] = self.empty()
        families[name] = self

    def empty(self) -> Cell:
        """The cell of what has not happened yet."""
        return [0.0]

    def cell(self, *labels: str) -> Cell:
        """The cell for these labels, which stays the same: to be kept where each call costs."""
        cell = self.cells.get(labels)
        if cell is None:
            cell = self.cells[labels] = self.empty()
        return cell

    def now(self) -> Cells:
        """All its numbers as they are."""
        if self.ask:
            return {labels: [float(value)] for labels, value in self.ask().items()}
        return self.cells


class Counter(Family):
    """How often something happened since the server started."""

    kind = "counter"

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Count one more, or several."""
        self.cell(*labels)[0] += by


class Gauge(Family):
    """How something is now.

    Attributes:
        together: what those of several processes come to. None: it is the house's, not a process's,
            and whichever is asked knows it.
    """

    kind = "gauge"

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), together: Together | None = sum
    ) -> None:
        super().__init__(name, text, labels)
        self.cells.clear()
        self.together = together


class Histogram(Family):
    """How large something was, each time it happened.

    Attributes:
        bounds: the upper ends of its buckets, but for the last, which has none.
    """

    kind = "histogram"

    def __init__(
        self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = ()
    ) -> None:
        self.bounds = tuple(bounds)
        super().__init__(name, text, labels)

    def empty(self) -> Cell:
        return [0.0] * (len(self.bounds) + 2)

    def observe(self, value: float, *labels: str) -> None:
        """Take down one."""
        cell = self.cell(*labels)
        cell[0] += value
        cell[1 + bisect_left(self.bounds, value)] += 1


def add_up(parts: Iterable[Cells], together: Together = sum) -> dict[Labels, Cell]:
    """What the numbers of several processes come to."""
    gathered: dict[Labels, list[Cell]] = {}
    for cells in parts:
        for labels, cell in cells.items():
            gathered.setdefault(labels, []).append(cell)
    return {labels: _add_up(cells, together) for labels, cells in gathered.items()}


def _add_up(cells: Sequence[Cell], together: Together) -> Cell:
    # Another process may run another version, with other buckets: its numbers are no part of ours.
    alike: Iterator[Cell] = (cell for cell in cells if len(cell) == len(cells[0]))
    return [together(values) for values in zip(*alike, strict=True)]
