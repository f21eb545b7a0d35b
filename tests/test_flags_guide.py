"""docs/flags.md does what it says: its commands and questions run, and a canary can be read."""

import os
import re
import subprocess
import sys
import time

import pytest

from booking.seating import Strategy
from flags.rollout import has
from telemetry import metrics
from telemetry.families import families
from tests.scraping import Scrape, scrape
from tests.serving import PROJECT, Served

pytestmark = pytest.mark.any_postgres

GUIDE = (PROJECT / "docs" / "flags.md").read_text("utf-8")
COMMANDS, BEGIN, END = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.M | re.S)
SET, ASK, CHANGES = re.findall(r"^```graphql\n(.*?)^```$", GUIDE, re.M | re.S)
SHOWS = 30
# A row of eight. Two who sit in its middle leave no room for four side by side.
CREATE = """
    mutation {
        createShow(input: {
            name: "Canary", startTime: "2030-01-01T20:00:00Z", totalSeats: 8, seatsPerRow: 8
        }) { ... on Show { id } }
    }
"""
BOOK = """
    mutation ($show: ID!, $count: Int!) {
        bookSeats(input: {showId: $show, seatCount: $count, userName: "Ada"}) { __typename }
    }
"""
CHOICES = "boxoffice_seat_choices_total"


def shell(commands: str, database_url: str) -> str:
    done = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=PROJECT,
        env={**os.environ, "VENV": sys.prefix, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_flags_are_set_listed_and_deleted_from_a_shell(database_url: str) -> None:
    said = shell(COMMANDS, database_url).splitlines()
    assert said[0].startswith("new-checkout  true for 5 %")
    assert said[1].startswith('limits  {"seats": 6} for 100 %')
    assert [line.split()[0] for line in said[2:4]] == ["limits", "new-checkout"]
    assert said[4] == "deleted limits"
    assert [line.split()[:2] for line in said[5:]] == [
        ["3", "limits"],
        ["2", "limits"],
        ["1", "new-checkout"],
    ]


def test_the_questions_are_answered(served: Served) -> None:
    assert served.data(SET)["setFeatureFlag"]["value"] is True
    enabled = served.data(ASK)["featureFlag"]["enabled"]
    assert enabled == has("new-checkout", "user:ada", 10)
    [change] = served.data(CHANGES)["featureFlagChanges"]
    assert (change["before"], change["after"]) == (None, {"value": True, "percentage": 10.0})


class Canary:
    """A sale of many shows, each to a couple and then to four, and what /metrics tells of it."""

    def __init__(self, server: Served) -> None:
        self._server = server

    def sell(self) -> tuple[int, Scrape]:
        """Sell; returns how many of the shows have the flag, and a scrape."""
        shows = [self._server.data(CREATE)["createShow"]["id"] for _ in range(SHOWS)]
        for show in shows:
            for count in (2, 4):
                self._book(show, count)
        return sum(map(self._has_flag, shows)), scrape(self._server)

    def refuse(self) -> None:
        show = self._server.data(CREATE)["createShow"]["id"]
        self._book(show, 8)
        self._book(show, 1)

    def _book(self, show: str, count: int) -> None:
        self._server.data(BOOK, show=show, count=count)

    def _has_flag(self, show: str) -> bool:
        ask = 'query ($id: String!) { featureFlag(key: "seat-choice", subject: $id) { enabled } }'
        return bool(self._server.data(ask, id=show)["featureFlag"]["enabled"])


def split_share(found: Scrape, strategy: str) -> float:
    """The guide's query, over all that was counted."""
    split = found.sum(CHOICES, strategy=strategy, outcome="split") or 0
    together = found.sum(CHOICES, strategy=strategy, outcome="together") or 0
    return split / (split + together)


def percentages_of(commands: str) -> list[str]:
    return re.findall(r"--percentage (\d+)", commands)


def test_a_canary_of_seat_choice_is_read_from_the_metrics(
    served: Served, shared_database_url: str
) -> None:
    """The strategies sell the same side by side; which of them splits groups stands in /metrics."""
    assert percentages_of(BEGIN) == ["10"]
    canary = Canary(served)
    more, back, delete = END.splitlines()
    shell(BEGIN + more, shared_database_url)
    wait_for(served, 50)
    tight, found = canary.sell()
    assert 0 < tight < SHOWS
    for strategy, shows in (("tight", tight), ("best", SHOWS - tight)):
        labels = {"strategy": strategy}
        assert found.sum(CHOICES, **labels) == 2 * shows
        assert found.sum("boxoffice_seat_choice_seats_total", **labels) == 6 * shows
        assert found.sum("boxoffice_seat_choice_seconds_count", **labels) == 2 * shows
        assert 0 < (found.sum("boxoffice_seat_choice_seconds_sum", **labels) or 0) < 1
    assert split_share(found, "best") == 0.5
    assert split_share(found, "tight") == 0
    assert found.sum("boxoffice_seat_choice_pieces_total", strategy="best") == 3 * (SHOWS - tight)
    assert found.sum("boxoffice_seat_choice_pieces_total", strategy="tight") == 2 * tight
    # And back.
    shell(f"{back}\n{delete}", shared_database_url)
    wait_for(served, 0)
    none, later = canary.sell()
    assert none == 0
    assert later.sum(CHOICES, strategy="tight") == 2 * tight
    assert later.sum(CHOICES, strategy="best") == 2 * (2 * SHOWS - tight)
    canary.refuse()
    assert scrape(served).sum(CHOICES, strategy="best", outcome="no_room") == 1


def wait_for(server: Served, percentage: float) -> None:
    """Until the server goes by what was set from the shell."""
    probes = list(map(str, range(20)))
    fields = (
        f'a{n}: featureFlag(key: "seat-choice", subject: "{n}") {{ enabled }}' for n in probes
    )
    question = f"{{ {' '.join(fields)} }}"
    expected = {f"a{n}": {"enabled": has("seat-choice", n, percentage)} for n in probes}
    deadline = time.monotonic() + 2
    while server.data(question) != expected:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_metric_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(boxoffice_\w+)`", GUIDE))
    assert named == {name for name in families if name.startswith("boxoffice_seat_choice")}


def test_each_strategy_is_told_of_before_it_is_used() -> None:
    assert [*Strategy] == [*metrics.STRATEGIES]


@pytest.mark.parametrize("target", re.findall(r"\]\((\.\.?/[^)#]+)\)", GUIDE))
def test_files_that_are_named_are_there(target: str) -> None:
    assert (PROJECT / "docs" / target).exists()
