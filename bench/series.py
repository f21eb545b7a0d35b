"""Figures of several rounds, taken in turn, so that all contestants meet the same weather."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

from bench.failure import Failure


@dataclass(frozen=True)
class Reading:
    """One figure of one round, and what else was seen."""

    value: float
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Series:
    """What one contestant did in all rounds, or why there is no figure."""

    label: str
    readings: list[Reading] = field(default_factory=list)
    failure: str | None = None

    @property
    def values(self) -> list[float]:
        """The figures, in the order of the rounds."""
        return [reading.value for reading in self.readings]

    @property
    def median(self) -> float | None:
        """The figure in the middle; None where a round failed."""
        return None if self.failure or not self.readings else median(self.values)

    def detail(self) -> dict[str, float]:
        """The median of each thing seen beside the figure."""
        names = {name for reading in self.readings for name in reading.detail}
        return {
            name: median(r.detail[name] for r in self.readings if name in r.detail)
            for name in sorted(names)
        }


Measure = Callable[[], Reading]


def interleave(rounds: int, contestants: Mapping[str, Measure]) -> dict[str, Series]:
    """Measure everybody once, then everybody again; who fails is left out from then on."""
    series = {label: Series(label) for label in contestants}
    for _ in range(rounds):
        for label, measure in contestants.items():
            if not series[label].failure:
                _take(series[label], measure)
    return series


def _take(series: Series, measure: Measure) -> None:
    try:
        reading = measure()
    except (Failure, OSError) as error:
        series.failure = str(error)
        say(f"  {series.label}: FAILED: {error}")
        return
    series.readings.append(reading)
    rest = "  ".join(f"{name} {value:,.6g}" for name, value in reading.detail.items())
    say(f"  {series.label}: {reading.value:,.6g}   ({rest})")


def say(line: str) -> None:
    """Tell whoever waits how far we are; figures for others go to standard output."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
