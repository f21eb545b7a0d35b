"""The live view: a table on a terminal, a line every few seconds elsewhere."""

import asyncio
from collections.abc import Iterator

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.load.figures import Figures
from cli.load.histogram import Histogram
from cli.load.plan import Plan
from cli.load.visit import STAGES

REDRAWN_EVERY = 0.5
LINE_EVERY = 5.0
PERCENTS = (50, 95, 99)
# A screenful.
MOST_OUTCOMES = 15


class Paper(Console):
    """Where everything is printed.

    Rich ends a program with 1 when its reader has left. Here that would say that something was sold
    twice, and the command line has a way of its own to end.
    """

    def on_broken_pipe(self) -> None:
        """Let the command line end it."""
        raise BrokenPipeError


class Screen:
    """Shows how far a run has come, until it is cancelled."""

    def __init__(self, console: Console, plan: Plan, figures: Figures) -> None:
        self._console = console
        self._plan = plan
        self._figures = figures

    async def run(self) -> None:
        """Redraw now and then."""
        if not self._console.is_terminal:
            while True:
                await asyncio.sleep(LINE_EVERY)
                self._console.print(self.line(), highlight=False, soft_wrap=True)
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self.table(), refresh=True)
                await asyncio.sleep(REDRAWN_EVERY)

    def line(self) -> str:
        """The state of things in a line."""
        figures = self._figures
        requests, updates = figures.recently()
        p50, p99 = figures.whole("book").percentiles([50, 99])
        return (
            f"{figures.second:>4} s  {figures.stages.total():,} people  "
            f"{requests:,.0f} requests/s  "
            f"bookings p50 {milliseconds(p50)}, p99 {milliseconds(p99)}  {updates:,.0f} updates/s  "
            f"{figures.refusals:,} refusals  {figures.errors:,} errors"
        )

    def table(self) -> Group:
        """The state of things as a page."""
        figures = self._figures
        requests, updates = figures.recently()
        stages = "  ".join(f"{stage} {figures.stages[stage]:,}" for stage in STAGES)
        head = Text(
            f"{self._plan.url}  {figures.second} of {self._plan.seconds:.0f} s\n"
            f"{stages}\n"
            f"{requests:,.0f} requests/s  {updates:,.0f} map updates/s  "
            f"{figures.refusals:,} refusals  {figures.errors:,} errors"
        )
        return Group(head, operations_table(figures), outcomes_table(figures))


def operations_table(figures: Figures) -> Table:
    """How long each operation takes."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("operation")
    for name in ("count", *(f"p{percent}" for percent in PERCENTS), "longest"):
        table.add_column(name, justify="right")
    for name in figures.operations:
        table.add_row(name, *cells(figures.whole(name)))
    return table


def cells(times: Histogram) -> Iterator[str]:
    """A row of figures: how many, the percentiles and the longest."""
    yield f"{times.count:,}"
    yield from map(milliseconds, times.percentiles(PERCENTS))
    yield milliseconds(times.most if times.count else None)


def outcomes_table(figures: Figures) -> Table:
    """What came of what was asked for, the most frequent first."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("operation")
    table.add_column("outcome")
    table.add_column("count", justify="right")
    for (operation, outcome), count in figures.outcomes.most_common(MOST_OUTCOMES):
        table.add_row(operation, outcome, f"{count:,}")
    return table


def milliseconds(seconds: float | None) -> str:
    """A time for people."""
    if seconds is None:
        return "-"
    return f"{1_000 * seconds:,.1f} ms" if seconds < 0.1 else f"{1_000 * seconds:,.0f} ms"
