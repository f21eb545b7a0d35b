"""Counts in windows of time: when they begin and end, and what they take."""

import threading
import time

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.strategies import FixedWindowRateLimiter

from access.windows import Windows

TWICE = RateLimitItemPerMinute(2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_a_window_begins_with_the_first_and_ends_after_its_time(clock: list[float]) -> None:
    limiter = FixedWindowRateLimiter(Windows(10))
    assert [limiter.hit(TWICE, "ada") for _ in range(3)] == [True, True, False]
    assert limiter.get_window_stats(TWICE, "ada") == (1_060.0, 0)
    clock[0] += 59
    assert not limiter.hit(TWICE, "ada")
    clock[0] += 1
    assert limiter.get_window_stats(TWICE, "ada").remaining == 2
    assert limiter.hit(TWICE, "ada")


def test_counts_are_apart_and_can_be_forgotten(clock: list[float]) -> None:
    windows = Windows(10)
    limiter = FixedWindowRateLimiter(windows)
    for _ in range(2):
        assert limiter.hit(TWICE, "ada")
        assert limiter.hit(TWICE, "bob")
    limiter.clear(TWICE, "ada")
    assert limiter.hit(TWICE, "ada")
    assert not limiter.hit(TWICE, "bob")
    assert windows.reset() == 2
    assert limiter.hit(TWICE, "bob")


def test_a_flood_of_clients_takes_no_more_than_its_room(clock: list[float]) -> None:
    windows = Windows(50)
    limiter = FixedWindowRateLimiter(windows)
    for number in range(500):
        limiter.hit(TWICE, str(number))
        assert len(windows) <= 50
    assert limiter.hit(TWICE, "499")
    assert not limiter.hit(TWICE, "499"), "the latest are remembered"


def test_what_is_over_goes_with_what_begins(clock: list[float]) -> None:
    windows = Windows(1_000)
    limiter = FixedWindowRateLimiter(windows)
    for number in range(100):
        limiter.hit(RateLimitItemPerSecond(2), str(number))
    clock[0] += 1
    for number in range(60):
        limiter.hit(TWICE, f"later {number}")
    assert len(windows) == 60


def test_counting_takes_no_thread() -> None:
    limiter = FixedWindowRateLimiter(Windows(10))
    before = threading.active_count()
    for _ in range(10):
        limiter.hit(TWICE, "ada")
    assert threading.active_count() == before
