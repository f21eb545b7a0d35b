"""The table for people and the same as JSON for machines."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bench.comparison import Comparison
from bench.series import Series

HEAD = ("what", "ours", "against", "theirs", "ratio", "target", "reached")


def table(comparisons: Iterable[Comparison]) -> str:
    """One Markdown table: medians, and from least to most in brackets."""
    rows = [HEAD, *(_cells(comparison) for comparison in comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], _line(["-" * width for width in widths], widths), *lines[1:]])


def document(comparisons: Iterable[Comparison], about: dict[str, Any]) -> str:
    """Everything that was seen, round by round."""
    rows = [
        {
            "row": one.row,
            "what": one.what,
            "unit": one.unit,
            "ours": _series(one.ours),
            "peer": None if one.peer is None else _series(one.peer),
            "ratio": one.ratio,
            "target": one.target,
            "more_is_better": one.more_is_better,
            "reached": one.reached,
        }
        for one in comparisons
    ]
    return json.dumps({"about": about, "rows": rows}, indent=1)


def _cells(one: Comparison) -> tuple[str, ...]:
    bound = "at least" if one.more_is_better else "at most"
    suffix = "x" if one.peer else f" {one.unit}".rstrip()
    return (
        one.what,
        _figure(one.ours, one.unit),
        one.peer.label if one.peer else "-",
        _figure(one.peer, one.unit) if one.peer else "-",
        _ratio(one),
        "-" if one.target is None else f"{bound} {one.target:.3g}{suffix}",
        {True: "yes", False: "NO", None: "-"}[one.reached],
    )


def _ratio(one: Comparison) -> str:
    if one.ratio is None:
        return "-"
    least, most = min(one.ratios), max(one.ratios)
    spread = "" if least == most else f" ({least:.2f}..{most:.2f})"
    return f"{one.ratio:.2f}x{spread}"


def _figure(series: Series, unit: str) -> str:
    if series.median is None:
        return f"failed: {_short(series.failure)}"
    least, most = min(series.values), max(series.values)
    spread = "" if least == most else f" ({_number(least)}..{_number(most)})"
    return f"{_number(series.median)} {unit}{spread}".replace(" /s", "/s")


def _short(failure: str | None) -> str:
    return " ".join((failure or "not measured").split())[:60].replace("|", "/")


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _series(series: Series) -> dict[str, Any]:
    return {
        "label": series.label,
        "median": series.median,
        "values": series.values,
        "detail": series.detail(),
        "failure": series.failure,
    }
