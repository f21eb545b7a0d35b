"""A short run under every fault; and the proxy's reading, the schedule, the wrong clock."""

import asyncio
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from faults.__main__ import parse
from faults.check import check
from faults.house import opened
from faults.protocol import Conversation
from faults.report import summary
from faults.run import Outcome, run
from faults.schedule import KINDS, LANES, make_schedule

PROJECT = Path(__file__).parent.parent

# A seed under which the faults leave each other room: all happen soon.
SEED = 2512
SECONDS = 10.0


def message(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + (len(body) + 4).to_bytes(4, "big") + body


STARTUP = message(b"", (196608).to_bytes(4, "big"), b"user\0boxoffice\0\0")
ENCRYPTION = message(b"", (80877103).to_bytes(4, "big"))
PREPARE_BEGIN = message(b"P", b"line_7\0", b"-- Begin.\nBEGIN\0", b"\0\0")
PREPARE_COMMIT = message(b"P", b"line_8\0", b"COMMIT\0", b"\0\0")
BIND_BEGIN = message(b"B", b"\0", b"line_7\0", b"\0" * 6)
BIND_COMMIT = message(b"B", b"\0", b"line_8\0", b"\0" * 6)
BIND_OTHER = message(b"B", b"\0", b"line_9\0", b"BEGIN COMMIT")
SYNC = message(b"S")


def test_proxy_knows_a_prepared_begin_and_commit_by_their_names() -> None:
    said = Conversation()
    assert said.feed(ENCRYPTION + STARTUP) == []
    first = PREPARE_BEGIN + BIND_BEGIN + BIND_OTHER + SYNC
    assert said.feed(first) == [("BEGIN", len(PREPARE_BEGIN))]
    second = BIND_OTHER + PREPARE_COMMIT + BIND_COMMIT + SYNC
    assert said.feed(second) == [("COMMIT", len(BIND_OTHER + PREPARE_COMMIT))]
    assert said.feed(BIND_BEGIN + SYNC) == [("BEGIN", 0)]


def test_proxy_knows_a_commit_that_comes_in_pieces() -> None:
    said = Conversation()
    said.feed(STARTUP + PREPARE_COMMIT)
    text = BIND_OTHER + BIND_COMMIT + SYNC
    marks = [mark for byte in text for mark, _ in said.feed(bytes([byte]))]
    assert marks == ["COMMIT"]


def test_proxy_knows_a_plain_begin_and_a_name_that_was_given_anew() -> None:
    said = Conversation()
    assert said.feed(STARTUP + message(b"Q", b"begin;\0")) == [("BEGIN", len(STARTUP))]
    said.feed(PREPARE_BEGIN + message(b"P", b"line_7\0", b"SELECT 1\0", b"\0\0"))
    assert said.feed(BIND_BEGIN) == []


def test_a_seed_repeats_its_schedule() -> None:
    first, again, other = (make_schedule(seed, 600) for seed in (1, 1, 2))
    assert first == again
    assert [fault.at for fault in first] != [fault.at for fault in other]


@pytest.mark.parametrize("seconds", [SECONDS, 100, 600])
def test_a_schedule_has_every_kind_and_no_two_at_once_in_a_lane(seconds: float) -> None:
    schedule = make_schedule(SEED, seconds)
    assert {fault.kind.name for fault in schedule} == {kind.name for kind in KINDS}
    for lane in LANES:
        mine = [fault for fault in schedule if fault.kind.lane == lane]
        for before, after in pairwise(mine):
            assert before.at + before.seconds <= after.at


def test_a_run_of_ten_minutes_begins_with_each_kind_alone() -> None:
    alone = make_schedule(SEED, 600)[: len(KINDS)]
    assert {fault.kind.name for fault in alone} == {kind.name for kind in KINDS}
    for before, after in pairwise(alone):
        assert before.at + before.seconds <= after.at


def test_seed_and_seconds_can_be_chosen() -> None:
    options = parse(["--seed", "7", "--seconds", "90"])
    assert (options.seed, options.seconds) == (7, 90.0)
    assert parse([]).seconds == 600
    assert isinstance(parse([]).seed, int)


def test_a_wrong_clock_is_wrong_for_all_that_is_imported_after_it() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "faults.wrong_clock", "3600", "tests.clock_reader"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert [round(float(word) / 60) for word in said] == [60, 60, 60]


@pytest.fixture(scope="module")
def judged() -> tuple[Outcome, list[str], str]:
    """A run, what was found, and its summary."""

    async def scenario() -> tuple[Outcome, list[str], str]:
        async with opened() as house:
            outcome = await run(house, SEED, SECONDS, lambda _: None)
            found = check(outcome.records, house.postgres.url)
            text = summary(outcome, house.postgres.url, found)
        return outcome, [*outcome.complaints, *map(str, found)], text

    return asyncio.run(scenario())


def test_under_all_faults_nothing_is_lost_and_nothing_sold_twice(
    judged: tuple[Outcome, list[str], str],
) -> None:
    _, found, _ = judged
    assert found == []


def test_every_kind_of_fault_happened(judged: tuple[Outcome, list[str], str]) -> None:
    outcome, _, _ = judged
    happened = {kind for (kind, _), times in outcome.stage.happened.items() if times}
    assert happened | set(outcome.left_out) == {kind.name for kind in KINDS}
    assert outcome.load.vanished.total() > 0


def test_work_went_on_meanwhile(judged: tuple[Outcome, list[str], str]) -> None:
    outcome, _, text = judged
    answers = [r.result for r in outcome.records.requests if r.result]
    kinds = [answer["__typename"] for answer in answers]
    assert kinds.count("Booking") > 200
    assert len([r for r in outcome.records.requests if r.operation == "confirmBooking"]) > 20
    assert outcome.records.updates
    assert "Violations: 0" in text
