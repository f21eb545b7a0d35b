"""What the load test shows of a run: live on a terminal, as a page, as figures."""

import asyncio
import io
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from cli.load import screen
from cli.load.answers import Answer
from cli.load.figures import Figures
from cli.load.inspection import Findings
from cli.load.plan import Plan
from cli.load.report import places, write_report
from cli.load.run import Outcome
from cli.load.summary import MOST_POINTS, as_data, points, verdict, warnings
from tests.crowd import run

HOSTILE = "<script>alert(1)</script>"
PLAN = Plan("http://127.0.0.1:8000/graphql", 10, 60.0)


def figures_of(outcome: str = "Booking") -> Figures:
    figures = Figures()
    for operation in ("browse", "book"):
        for milliseconds in range(1, 101):
            figures.ask(
                operation,
                Answer(result={"__typename": outcome}),
                figures.began_at - milliseconds / 1_000,
            )
    figures.move(None, "booking")
    return figures


def outcome_of(figures: Figures, *differences: str) -> Outcome:
    found = Findings("the database", 1, 2, 3, list(differences))
    return Outcome(PLAN, "r", datetime(2030, 1, 1, tzinfo=UTC), figures, False, found)


def test_page_has_nothing_that_runs_whatever_a_server_says(tmp_path: Path) -> None:
    outcome = outcome_of(figures_of(HOSTILE), HOSTILE)
    html, png, data = write_report(outcome, tmp_path / "of this run")
    text = html.read_text("utf-8")
    assert "<script" not in text
    assert (
        text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    )  # twice an outcome, a difference
    assert "default-src 'none'" in text
    assert '<p class="wrong">1 DIFFERENCES' in text
    assert (png.name, data.name) == ("load.png", "load.json")


def test_parts_go_into_a_directory_or_beside_the_page_that_is_named() -> None:
    assert {str(path) for path in places(Path("a/b")).values()} == {
        "a/b/load.html",
        "a/b/load.png",
        "a/b/load.json",
    }
    named = {str(path) for path in places(Path("a/sale.html")).values()}
    assert named == {"a/sale.html", "a/sale.png", "a/sale.json"}


def test_figures_are_those_that_were_measured() -> None:
    found = as_data(outcome_of(figures_of()))
    times = found["operations"]["book"]
    assert times["count"] == 100
    assert 0.05 <= times["p50"] <= 0.06
    assert 0.099 <= times["p99"] <= times["most"] <= 0.2
    assert found["outcomes"]["book"] == {"Booking": 100}
    assert (found["refusals"], found["errors"]) == (0, 0)


def test_refusals_are_answers_and_errors_are_none() -> None:
    figures = Figures()
    for answer in (
        Answer(result={"__typename": "SeatsUnavailable"}),
        Answer(code="UNAVAILABLE"),
        Answer(failure="broken"),
        Answer(result={"__typename": "Booking"}),
    ):
        figures.ask("book", answer, figures.began_at)
    assert (figures.refusals, figures.errors) == (1, 2)


def test_long_run_has_no_more_points_than_a_curve_can_show() -> None:
    figures = Figures()
    for second in range(3_600):
        figures.began_at -= 1
        figures.time("book", second / 1_000)
        figures.move(None, "booking")
    found = [*points(figures, "book")]
    assert MOST_POINTS / 2 <= len(found) <= MOST_POINTS
    assert sum(times.count for _, times in found) == 3_600
    assert found[-1][1].most == 3.599


def test_what_spoils_the_figures_is_said() -> None:
    figures = figures_of()
    assert warnings(outcome_of(figures)) == []
    figures.lag.add(0.2)
    figures.turned_away, figures.left_out = 3, 4
    said = "\n".join(warnings(outcome_of(figures)))
    for words in ("timers came up to 200 ms late", "3 came while", "4 who were due"):
        assert words in said
    assert verdict(outcome_of(figures)).startswith("Nothing was sold twice")


@run
async def test_live_view_shows_people_times_and_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "REDRAWN_EVERY", 0.01)
    monkeypatch.setattr(screen, "LINE_EVERY", 0.01)
    for terminal, expected in (
        (True, ("booking 1", "book", "p99", "Booking", "100")),
        (False, ("1 people", "bookings p50 50", "0 errors")),
    ):
        written = io.StringIO()
        console = Console(file=written, force_terminal=terminal, width=100)
        with suppress(TimeoutError):
            await asyncio.wait_for(screen.Screen(console, PLAN, figures_of()).run(), 0.1)
        for words in expected:
            assert words in written.getvalue()


def test_reader_who_left_is_no_finding() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError), os.fdopen(writer, "w") as gone:
        screen.Paper(file=gone).print("anybody?")
