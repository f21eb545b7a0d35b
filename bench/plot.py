"""The ratios as a picture: how far each is from what it has to be."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from bench.comparison import Comparison

OURS = "#2b6cb0"
TARGET = "#c53030"
BAR_INCHES = 0.42


def draw(path: Path, comparisons: Sequence[Comparison], footnote: str) -> None:
    """Draw every ratio that there is as a bar, its target as a mark, and write the PNG."""
    shown = [one for one in comparisons if one.advantage is not None]
    mpl.use("Agg")
    figure, axes = pyplot.subplots(figsize=(9, 1.4 + BAR_INCHES * max(1, len(shown))))
    places = range(len(shown))
    axes.barh(places, [one.advantage or 0 for one in shown], color=OURS, height=0.6)
    for place, one in zip(places, shown, strict=True):
        axes.text(one.advantage or 0, place, f" {one.advantage:.2f}x", va="center", fontsize=8)
        if one.target:
            needed = one.target if one.more_is_better else 1 / one.target
            axes.plot([needed, needed], [place - 0.4, place + 0.4], color=TARGET, linewidth=2)
    axes.set_yticks(places, [_label(one) for one in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_title("How many times better than the other (red: what it has to be)", fontsize=10)
    figure.text(0.01, 0.01, footnote, fontsize=6, color="#555555")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _label(one: Comparison) -> str:
    assert one.peer
    return f"{one.what}\nagainst {one.peer.label}"
