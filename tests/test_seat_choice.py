"""The server goes by the flag `seat-choice`: whole shows, by one strategy or the other."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from openfeature import api

from booking.seating import Strategy
from flags.flag import Flag
from flags.provider import FlagProvider
from flags.rollout import has
from flags.seat_choice import KEY, SHOWS_REMEMBERED, SeatChoice
from tests.serving import Served

BEST, TIGHT = Strategy
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
CREATE = """
    mutation {
        createShow(input: {
            name: "Canary", startTime: "2030-01-01T20:00:00Z", totalSeats: 20, seatsPerRow: 10
        }) { ... on Show { id } }
    }
"""
BOOK = """
    mutation ($show: ID!, $key: String) {
        bookSeats(input: {showId: $show, seatCount: 2, userName: "Ada", idempotencyKey: $key}) {
            ... on Booking { id seatNumbers }
        }
    }
"""
SET = """
    mutation ($value: JSON!, $percentage: Float!) {
        setFeatureFlag(input: {key: "seat-choice", value: $value, percentage: $percentage}) {
            ... on FeatureFlag { key }
        }
    }
"""
ASK = 'query ($subject: String!) { featureFlag(key: "seat-choice", subject: $subject) { enabled } }'
# Where two sit in an empty hall: in the middle of the front row, or at its end.
SEATED = {BEST: [5, 6], TIGHT: [1, 2]}


@pytest.fixture
def provider() -> Iterator[FlagProvider]:
    provider = FlagProvider()
    api.set_provider_and_wait(provider)
    yield provider
    api.shutdown()


@pytest.fixture
def choice(provider: FlagProvider) -> SeatChoice:
    return SeatChoice(api.get_client(), provider)


def flag(value: Any, percentage: float = 100) -> Flag:
    return Flag(KEY, value, percentage, NOON, "user:ada")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_shows_of_the_canary_are_seated_by_the_other_strategy(
    provider: FlagProvider, choice: SeatChoice
) -> None:
    provider.take(1, [flag("tight", 25)])
    for show in map(str, range(40)):
        expected = TIGHT if has(KEY, show, 25) else BEST
        assert choice.of(show) is choice.of(show) is expected


def test_a_change_is_for_the_next_booking(provider: FlagProvider, choice: SeatChoice) -> None:
    provider.take(1, [])
    assert choice.of("show") is BEST
    provider.take(2, [flag("tight")])
    assert choice.of("show") is TIGHT
    provider.take(3, [])
    assert choice.of("show") is BEST


@pytest.mark.parametrize("value", ["tighter", "", "BEST", 7, True, ["tight"], {"tight": 1}])
def test_what_is_no_strategy_is_the_best_and_said_once(
    provider: FlagProvider, choice: SeatChoice, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    provider.take(1, [flag(value)])
    assert {choice.of(show) for show in map(str, range(10))} == {BEST}
    [said] = warnings(caplog)
    assert said.startswith("seat-choice goes by 'best': ")
    provider.take(2, [flag(value, 50)])
    assert {choice.of(show) for show in map(str, range(10))} == {BEST}
    assert len(warnings(caplog)) == 2


def test_without_the_flag_nothing_is_said(
    provider: FlagProvider, choice: SeatChoice, caplog: pytest.LogCaptureFixture
) -> None:
    provider.take(1, [])
    assert choice.of("show") is BEST
    assert warnings(caplog) == []


def test_a_show_is_asked_about_once_for_each_revision(
    provider: FlagProvider, choice: SeatChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = choice._ask

    def note(show: str) -> Strategy:
        asked.append(show)
        return ask(show)

    monkeypatch.setattr(choice, "_ask", note)
    for revision in (1, 2):
        provider.take(revision, [flag("tight", 50)])
        for _ in range(3):
            choice.of("a")
            choice.of("b")
    assert asked == ["a", "b", "a", "b"]


def test_whoever_makes_up_shows_gets_no_more_room_than_there_is(
    provider: FlagProvider, choice: SeatChoice
) -> None:
    provider.take(1, [flag("tight", 50)])
    for number in range(2 * SHOWS_REMEMBERED + 100):
        choice.of(str(number))
        assert len(choice._known) <= SHOWS_REMEMBERED + 1


def new_show(server: Served) -> str:
    return str(server.data(CREATE)["createShow"]["id"])


def booked(server: Served, show: str, key: str | None = None) -> Any:
    return server.data(BOOK, show=show, key=key)["bookSeats"]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 2
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_process_seats_a_show_as_the_flag_tells_its_clients(
    two_served: list[Served],
) -> None:
    first, second = two_served
    first.data(SET, value="tight", percentage=50)
    shows = [new_show(first) for _ in range(12)]
    tight = [show for show in shows if has(KEY, show, 50)]
    assert 0 < len(tight) < len(shows)
    until(lambda: second.data(ASK, subject=tight[0])["featureFlag"]["enabled"])
    for number, show in enumerate(shows):
        enabled = first.data(ASK, subject=show)["featureFlag"]["enabled"]
        assert enabled == (show in tight)
        seats = booked(two_served[number % 2], show)["seatNumbers"]
        assert seats == SEATED[TIGHT if enabled else BEST]


def test_a_booking_that_is_asked_for_again_has_its_seats_whatever_the_flag_is_by_now(
    two_served: list[Served],
) -> None:
    server = two_served[0]
    server.data(SET, value="tight", percentage=0)
    show = new_show(server)
    first = booked(server, show, "order-1")
    assert first["seatNumbers"] == SEATED[BEST]
    server.data(SET, value="tight", percentage=100)
    assert booked(server, show, "order-1") == first
    assert booked(server, show)["seatNumbers"] == SEATED[TIGHT]
    server.data(SET, value="tight", percentage=0)
    assert booked(server, show)["seatNumbers"] == [15, 16]  # in the row behind
