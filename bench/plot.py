"""The ratios as a picture: how far each is from what it has to be."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from bench.comparison import Comparison

BETTER = "#2b6cb0"
WORSE = "#a0aec0"
TARGET = "#c53030"
BAR_INCHES = 0.42
ROOM_FOR_WORDS = 1.6


def draw(path: Path, comparisons: Sequence[Comparison], footnote: str) -> None:
    """Draw every ratio that there is as a bar, its target as a mark, and write the PNG."""
    shown = [(one, one.advantage) for one in comparisons if one.advantage is not None]
    values = [value for _, value in shown]
    mpl.use("Agg")
    figure, axes = pyplot.subplots(figsize=(9, 1.4 + BAR_INCHES * max(1, len(shown))))
    # From 1 on: to the right is better than the other, to the left worse.
    axes.barh(
        range(len(shown)),
        [value - 1 for value in values],
        left=1,
        color=[BETTER if value >= 1 else WORSE for value in values],
        height=0.6,
    )
    for place, (one, value) in enumerate(shown):
        axes.text(max(value, 1), place, f"  {value:.2f}x", va="center", fontsize=8)
        if one.target:
            needed = one.target if one.more_is_better else 1 / one.target
            axes.plot([needed, needed], [place - 0.4, place + 0.4], color=TARGET, linewidth=2)
    axes.set_yticks(range(len(shown)), [_label(one) for one, _ in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.set_xlim(min([0.5, *values]) / ROOM_FOR_WORDS, max([2, *values]) * ROOM_FOR_WORDS)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_title("How many times better than the other (red: what it has to be)", fontsize=10)
    figure.text(0.01, 0.01, footnote, fontsize=6, color="#555555")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _label(one: Comparison) -> str:
    assert one.peer
    return f"{one.what}\nagainst {one.peer.label}"
