"""The bench, short of measuring: its command line, its arithmetic, its lock file."""

import json
from functools import partial
from pathlib import Path

import pytest

from bench.__main__ import parse
from bench.comparison import Comparison
from bench.contestants import Boxoffice, Contestant, Express, Mercurius
from bench.failure import Failure
from bench.registry import ROWS
from bench.report import document, table
from bench.series import Reading, Series, interleave
from schema import ids

PEERS = Path(__file__).parent.parent / "bench" / "peers"


def series(*values: float) -> Series:
    return Series("somebody", [Reading(value) for value in values])


def test_without_arguments_every_row_is_measured() -> None:
    options = parse([])
    assert options.only == list(ROWS)
    assert options.plan.rounds > 1


def test_rows_rounds_and_seconds_can_be_chosen() -> None:
    options = parse(["--only", "maps,rush", "--rounds", "2", "--seconds", "3"])
    assert options.only == ["maps", "rush"]
    assert (options.plan.rounds, options.plan.seconds) == (2, 3)


def test_a_row_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--only", "maps,nothing"])
    assert "nothing" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "2.5", "many"])
def test_rounds_and_seconds_are_whole_numbers(number: str) -> None:
    with pytest.raises(SystemExit):
        parse(["--rounds", number])
    with pytest.raises(SystemExit):
        parse(["--seconds", number])


@pytest.mark.parametrize(
    ("more_is_better", "target", "reached"),
    [(True, 1.5, True), (True, 2.5, False), (False, 2.5, True), (False, 1.5, False)],
)
def test_a_target_is_held_against_the_ratio_within_the_rounds(
    more_is_better: bool, target: float, reached: bool
) -> None:
    # The machine was slow in the first round and fast in the second; the ratio of medians is 1.
    ours, peer = series(10, 400, 60), series(5, 100, 60)
    one = Comparison("row", "what", "/s", ours, peer, target, more_is_better)
    assert one.ratio == 2
    assert one.reached is reached


def test_who_fails_has_no_figure_and_spoils_nobody_elses() -> None:
    calls: list[str] = []

    def broken() -> Reading:
        calls.append("broken")
        raise Failure("a seat was sold twice")

    found = interleave(3, {"broken": broken, "sound": lambda: Reading(7)})
    assert calls == ["broken"]
    assert found["broken"].median is None
    assert found["sound"].values == [7, 7, 7]
    one = Comparison("row", "what", "/s", found["broken"], found["sound"], 1.5)
    assert one.reached is None
    assert "failed: a seat was sold twice" in table([one])
    assert json.loads(document([one], {}))["rows"][0]["ours"]["failure"] == "a seat was sold twice"


def test_rounds_are_taken_in_turn() -> None:
    order: list[str] = []

    def measure(name: str) -> Reading:
        order.append(name)
        return Reading(1)

    interleave(2, {name: partial(measure, name) for name in ("ours", "peer")})
    assert order == ["ours", "peer", "ours", "peer"]


@pytest.mark.parametrize("contestant", [Boxoffice(), Mercurius(), Express()])
def test_a_request_is_json_once_show_and_seat_are_filled_in(contestant: Contestant) -> None:
    body = contestant.booking_body().replace("$SHOW", "the show").replace("$SEAT", "17")
    text = json.dumps(json.loads(body))
    assert '"the show"' in text
    assert "17" in text


def test_our_shows_are_called_by_their_public_ids() -> None:
    assert Boxoffice().show_id(12) == ids.show_id(12)


def test_the_peers_are_pinned_and_their_lock_file_names_no_registry() -> None:
    wanted = json.loads((PEERS / "package.json").read_text())["dependencies"]
    text = (PEERS / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert "resolved" not in text
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package for path, package in packages.items() if path)
