"""A run's figures as data, and in a few lines for whoever started it."""

import os
import platform
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from cli.load.figures import MAP_DELAY, Figures
from cli.load.histogram import Histogram
from cli.load.run import Outcome
from cli.load.screen import operations_table, outcomes_table

PERCENTS = (50, 75, 90, 95, 99, 99.9)
# Curves over time have about so many points.
MOST_POINTS = 120
# A crowd whose own timers come later than this doesn't measure the server only.
MOST_LAG = 0.05


def points(figures: Figures, operation: str) -> Iterator[tuple[float, Histogram]]:
    """An operation's times over the run: pieces of a second, or of more in a long run."""
    windows = figures.requests[operation]
    width = -(-(max(figures.inside, default=0) + 1) // MOST_POINTS)
    for start in range(0, max(windows, default=-1) + 1, width):
        parts = [windows[second] for second in range(start, start + width) if second in windows]
        if parts:
            yield start + width / 2, Histogram(parts)


def as_data(outcome: Outcome) -> dict[str, Any]:
    """All figures, in seconds."""
    plan, figures, findings = outcome.plan, outcome.figures, outcome.findings
    return {
        "run": outcome.run,
        "began_at": outcome.began_at.isoformat(timespec="seconds"),
        "interrupted": outcome.interrupted,
        "machine": machine(),
        "plan": {
            "url": plan.url,
            "people": plan.people,
            "seconds": round(plan.seconds, 3),
            "arrivals_per_second": plan.arrivals,
            "ramp_seconds": plan.ramp,
            "shows": list(plan.shows),
            "seed": plan.seed,
            "pace": plan.pace,
        },
        "operations": {name: _operation(figures, name) for name in figures.operations},
        "outcomes": _by_operation(figures),
        "given_up": dict(figures.given_up),
        "visits": dict(figures.visits.most_common()),
        "turned_away": figures.turned_away,
        "left_out": figures.left_out,
        "refusals": figures.refusals,
        "errors": figures.errors,
        "map_updates": figures.updates.total(),
        "own_lag": _times(figures.lag),
        "record": {
            "held_against": findings.by,
            "shows": findings.shows,
            "bookings": findings.bookings,
            "changes": findings.changes,
            "differences": findings.differences,
            "notes": findings.notes,
        },
    }


def machine() -> str:
    """What the crowd ran on; where it is the server's machine, too, they shared it."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def warnings(outcome: Outcome) -> list[str]:
    """What somebody who reads the figures has to know."""
    found = list(outcome.findings.notes)
    lag = outcome.figures.lag.percentile(99) or 0.0
    if lag > MOST_LAG:
        found.append(
            f"The crowd's own timers came up to {1_000 * lag:.0f} ms late (p99): its process was "
            "busy, and the times are partly its own."
        )
    if outcome.figures.turned_away:
        found.append(
            f"{outcome.figures.turned_away:,} came while --people were inside, and were turned "
            "away by the load test itself: what they would have waited is not in the figures."
        )
    if outcome.figures.left_out:
        found.append(
            f"{outcome.figures.left_out:,} who were due had not come in when the run ended: the "
            "crowd's process was too slow for so many."
        )
    if outcome.interrupted:
        found.append("The run was interrupted: these are the figures so far.")
    return found


def verdict(outcome: Outcome) -> str:
    """What was found on record, in a sentence."""
    findings = outcome.findings
    if outcome.unseen:
        return "Nothing could be held against the record."
    looked = (
        f"{findings.bookings:,} bookings of {findings.shows:,} shows and {findings.changes:,} "
        f"changes held against {findings.by}"
    )
    if not findings.differences:
        return f"Nothing was sold twice, and what people were told is so: {looked}."
    return f"{len(findings.differences):,} DIFFERENCES: {looked}."


def tell(outcome: Outcome, console: Console) -> None:
    """Print it."""
    figures, seconds = outcome.figures, outcome.plan.seconds
    requests = sum(figures.outcomes.values())
    console.print(operations_table(figures))
    console.print(outcomes_table(figures))
    visits = ", ".join(f"{count:,} {how}" for how, count in figures.visits.most_common())
    lines = [
        f"{requests:,} requests in {seconds:.0f} s, {figures.updates.total():,} map updates, "
        f"{figures.refusals:,} refusals, {figures.errors:,} errors. Visits: {visits}.",
        *warnings(outcome),
        *outcome.findings.differences,
        verdict(outcome),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _operation(figures: Figures, name: str) -> dict[str, Any]:
    found = {**_times(figures.whole(name)), "over_time": []}
    found["over_time"] = [
        {"at": at, **_times(times, (50, 95, 99))} for at, times in points(figures, name)
    ]
    if name != MAP_DELAY and name in figures.waits:
        found["with_retries"] = _times(figures.waits[name])
    return found


def _times(times: Histogram, percents: tuple[float, ...] = PERCENTS) -> dict[str, Any]:
    read = zip(percents, times.percentiles(percents), strict=True)
    found: dict[str, Any] = {"count": times.count, "most": round(times.most, 6)}
    return {**found, **{f"p{percent:g}": value and round(value, 6) for percent, value in read}}


def _by_operation(figures: Figures) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (operation, outcome), count in figures.outcomes.most_common():
        found.setdefault(operation, {})[outcome] = count
    return found
