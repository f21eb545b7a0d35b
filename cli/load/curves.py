"""The figures as curves: percentiles over time, and how each operation's times are distributed."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from cli.load.figures import Figures
from cli.load.summary import points

PERCENTS = {50: "#2b6cb0", 95: "#dd6b20", 99: "#c53030"}
COLUMNS = 2
# So far down the distribution is drawn: one in ten thousand.
RAREST = 1e-4
DPI = 80
# Lines need no more, and the picture is a quarter as large.
COLOURS = 64


def draw(figures: Figures, title: str) -> tuple[str, bytes]:
    """All curves: as an element for a page, in which nothing is loaded nor runs, and as a PNG."""
    with mpl.rc_context({"svg.hashsalt": "boxoffice", "svg.fonttype": "none"}):
        figure = _draw(figures, title)
        text = _save(figure, "svg").getvalue().decode()
    svg = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    few = Image.open(_save(figure, "png")).convert("RGB").quantize(COLOURS)
    few.save(picture := io.BytesIO(), "png", optimize=True)
    return svg, picture.getvalue()


def _save(figure: Figure, form: str) -> io.BytesIO:
    written = io.BytesIO()
    figure.savefig(written, format=form, dpi=DPI)
    return written


def _draw(figures: Figures, title: str) -> Figure:
    names = figures.operations
    parts: list[Callable[[Any], None]] = [
        lambda axes: _draw_distributions(axes, figures, names),
        lambda axes: _draw_crowd(axes, figures),
        *(_over_time(figures, name) for name in names),
    ]
    rows = -(-len(parts) // COLUMNS)
    figure = Figure(figsize=(10, 2.6 * rows + 0.4), layout="constrained")
    figure.suptitle(title, fontsize=9)
    for place, draw in enumerate(parts, start=1):
        axes = figure.add_subplot(rows, COLUMNS, place)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        draw(axes)
        axes.legend(fontsize=6)
    return figure


def _draw_distributions(axes: Any, figures: Figures, names: list[str]) -> None:
    for name in names:
        steps = [
            (1_000 * time, max(longer, RAREST)) for time, longer in figures.whole(name).steps()
        ]
        axes.step([longer for _, longer in steps], [time for time, _ in steps], label=name, lw=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1, RAREST)
    axes.set_xticks([1, 0.1, 0.01, 0.001], ["p0", "p90", "p99", "p99.9"])
    axes.set_title("distribution of times, ms", fontsize=8)


def _draw_crowd(axes: Any, figures: Figures) -> None:
    inside = sorted(figures.inside.items())
    axes.plot([at for at, _ in inside], [count for _, count in inside], label="people", lw=1)
    seconds = range(max(figures.inside, default=0) + 1)
    done = [
        sum(windows[second].count for windows in figures.requests.values() if second in windows)
        for second in seconds
    ]
    axes.plot(seconds, done, label="requests a second", lw=1)
    updates = [figures.updates[second] for second in seconds]
    axes.plot(seconds, updates, label="map updates a second", lw=1)
    axes.set_ylim(bottom=0)
    axes.set_title("people, requests and map updates, by second", fontsize=8)


def _over_time(figures: Figures, name: str) -> Callable[[Any], None]:
    def draw(axes: Any) -> None:
        found = [*points(figures, name)]
        for percent, colour in PERCENTS.items():
            times = [1_000 * (part.percentile(percent) or 0) for _, part in found]
            label, at = f"p{percent}", [at for at, _ in found]
            axes.plot(at, times, color=colour, label=label, lw=1, marker=".", markersize=2)
        axes.set_ylim(bottom=0)
        axes.set_title(f"{name}: ms over the run's seconds", fontsize=8)

    return draw
