"""The report of a run: a page with everything in it, a picture, and the figures as JSON."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from cli.load.curves import draw
from cli.load.run import Outcome
from cli.load.screen import cells, milliseconds
from cli.load.summary import as_data, verdict, warnings

# The page has no script and loads nothing, and a browser holds it to that.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;text-align:right;"
    "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}"
    "svg{max-width:100%;height:auto}.wrong{color:#c53030;font-weight:bold}"
)
MEASURED = (
    "A time is one request's, from when it was due by the person's own thinking, not from when the "
    "crowd came to send it; what is asked again is a request of its own, and the waiting of "
    "people, pauses and all, is in the second table. Where a point has fewer than a hundred "
    "requests, its p99 is the longest of them. ",
    "People come one when one leaves, so whoever waits asks for nothing meanwhile: a server that "
    "stalls is asked less, and its stall counts once for each person inside. ",
    "People come whether or not the server keeps up, so a stall is in the figures of all who came "
    "during it. ",
)


def places(report: Path) -> dict[str, Path]:
    """Where its parts go: into a directory, or beside a page that was named."""
    if report.suffix.lower() in (".html", ".htm"):
        return {
            "html": report,
            **{form: report.with_suffix(f".{form}") for form in ("png", "json")},
        }
    return {form: report / f"load.{form}" for form in ("html", "png", "json")}


def write_report(outcome: Outcome, report: Path) -> list[Path]:
    """Write all parts; returns where they are.

    Raises:
        OSError: it can't be written.
    """
    where = places(report)
    where["html"].parent.mkdir(parents=True, exist_ok=True)
    where["json"].write_text(json.dumps(as_data(outcome), indent=2) + "\n", "utf-8")
    svg, png = draw(outcome.figures, title_of(outcome))
    where["png"].write_bytes(png)
    where["html"].write_text(page(outcome, svg), "utf-8")
    return [*where.values()]


def title_of(outcome: Outcome) -> str:
    """The run in a line."""
    plan = outcome.plan
    come = f"{plan.arrivals:g} arrivals/s, " if plan.arrivals else ""
    return (
        f"{plan.url}, {outcome.began_at:%Y-%m-%d %H:%M} UTC: {come}at most {plan.people:,} people, "
        f"{plan.seconds:.0f} s, seed {plan.seed}, pace {plan.pace:g}"
    )


def page(outcome: Outcome, svg: str) -> str:
    """The report as HTML; what a server said is text in it, never markup."""
    figures = outcome.figures
    wrong = ' class="wrong"' if outcome.findings.differences else ""
    title = escape(title_of(outcome))
    times = [(name, *cells(figures.whole(name))) for name in figures.operations]
    waits = [(name, *cells(figures.waits[name])) for name in figures.waits]
    outcomes = [(*names, f"{count:,}") for names, count in figures.outcomes.most_common()]
    lag = milliseconds(figures.lag.percentile(99))
    heads = ("operation", "count", "p50", "p95", "p99", "longest")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>Load test: {title}</title><style>{STYLE}</style></head><body>",
            f"<h1>Load test</h1><p>{title}</p>",
            f"<p{wrong}>{escape(verdict(outcome))}</p>",
            _list([*warnings(outcome), *outcome.findings.differences]),
            "<h2>Requests</h2>",
            _table(heads, times),
            "<h2>As people waited, with all that was asked again</h2>",
            _table(heads, waits),
            svg,
            "<h2>What came of them</h2>",
            _table(("operation", "outcome", "count"), outcomes),
            "<h2>How the visits ended</h2>",
            _table(
                ("visit", "count"), [(how, f"{n:,}") for how, n in figures.visits.most_common()]
            ),
            "<h2>What is measured</h2>",
            f"<p>{escape(MEASURED[0] + MEASURED[2 if outcome.plan.arrivals else 1])}"
            f"The crowd's own timers were up to {lag} late (p99), which is in the times.</p>",
            "</body></html>\n",
        ]
    )


def _list(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
