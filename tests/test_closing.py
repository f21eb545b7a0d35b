"""How the parts of a process are closed: the last first, all, and none is waited for long."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest

from server import closing
from server.closing import Closing
from tests.crowd import run, until


class Parts:
    """Takes down which part was closed when."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    async def close(self, part: str) -> None:
        self.closed.append(part)
        if part == "broken":
            raise OSError(part)
        if part == "hanging":
            await asyncio.Event().wait()


@pytest.fixture
def parts() -> Parts:
    return Parts()


def open_all(stack: Closing, parts: Parts, *names: str) -> None:
    for name in names:
        stack.later(name, partial(parts.close, name))


@run
async def test_the_part_that_was_opened_last_is_closed_first(parts: Parts) -> None:
    async with Closing() as stack:
        open_all(stack, parts, "first", "second")
    assert parts.closed == ["second", "first"]


@run
async def test_what_was_open_is_closed_when_the_next_can_not_be_opened(parts: Parts) -> None:
    with suppress(RuntimeError):
        async with Closing() as stack:
            open_all(stack, parts, "first", "second")
            raise RuntimeError
    assert parts.closed == ["second", "first"]


@run
async def test_a_part_that_can_not_be_closed_keeps_no_other_open(parts: Parts) -> None:
    stack = Closing()
    open_all(stack, parts, "first", "broken", "last")
    with pytest.raises(OSError, match="broken"):
        await stack.aclose()
    assert parts.closed == ["last", "broken", "first"]


@run
async def test_a_part_that_hangs_is_left(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(closing, "LONGEST_CLOSE", timedelta(milliseconds=20))
    async with Closing() as stack:
        open_all(stack, parts, "first", "hanging")
    assert parts.closed == ["hanging", "first"]
    assert caplog.messages == ["hanging did not close in time"]


@run
async def test_work_without_an_end_ends_in_its_turn() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async with Closing() as stack:
        stack.until_then("the work", work())
        stack.callback(lambda: ended.append("what was opened after it"))
        await asyncio.sleep(0)
    assert ended == ["what was opened after it", "work"]


@run
async def test_work_that_a_fault_has_ended_is_told_of_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    async with Closing() as stack:
        stack.until_then("the work", work())
        await asyncio.wait_for(until(lambda: caplog.messages), 5)
        assert caplog.messages == ["the work came to an end"]
        assert "ZeroDivisionError" in caplog.text
