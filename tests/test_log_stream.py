"""The log's stream: who reads it slowly, or not at all, holds up nobody."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from telemetry import log_stream
from telemetry.log_stream import MOST_WAITING, LogStream

LINE = b"%06d " + b"x" * 92 + b"\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for number in (reading, writing):
        try:
            os.close(number)
        except OSError:
            continue  # the test has closed it


def notice(count: int) -> bytes:
    return b"%d missing\n" % count


def read_all(reading: int, stream: LogStream) -> list[bytes]:
    os.set_blocking(reading, False)
    parts = []
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        done = stream.flush()
        try:
            parts.append(os.read(reading, 1 << 20))
        except BlockingIOError:
            if done:
                break
    return b"".join(parts).splitlines(keepends=True)


def test_an_urgent_line_is_out_at_once(pipe: tuple[int, int]) -> None:
    stream = LogStream(pipe[1], notice)
    stream.write(b"first\n", urgent=False)
    stream.write(b"second\n", urgent=True)
    os.set_blocking(pipe[0], False)
    assert os.read(pipe[0], 100) == b"first\nsecond\n"


def test_other_lines_are_out_soon(pipe: tuple[int, int]) -> None:
    LogStream(pipe[1], notice).write(b"a line\n", urgent=False)
    assert os.read(pipe[0], 100) == b"a line\n"


def test_a_line_may_come_in_the_middle_of_another(pipe: tuple[int, int]) -> None:
    """As one does that the collector has caused, which comes at any time."""

    def notice_and_more(count: int) -> bytes:
        stream.write(b"collected\n", urgent=True)
        return notice(count)

    stream = LogStream(pipe[1], notice_and_more)
    stream.dropped = 1
    writing = threading.Thread(target=stream.write, args=[b"a line\n", True], daemon=True)
    writing.start()
    writing.join(5)
    assert not writing.is_alive()
    assert read_all(pipe[0], stream) == [b"1 missing\n", b"a line\n", b"collected\n"]


def test_nobody_waits_for_who_does_not_read(pipe: tuple[int, int]) -> None:
    stream = LogStream(pipe[1], notice)
    count = 2 * MOST_WAITING // len(LINE % 0)
    longest = 0.0
    for number in range(count):
        began = time.perf_counter()
        stream.write(LINE % number, urgent=number % 10 == 0)
        longest = max(longest, time.perf_counter() - began)
    stream.write(b"the last\n", urgent=True)
    assert longest < 1.0
    assert stream.dropped > 0
    lines = read_all(pipe[0], stream)
    heard = [int(line[:6]) for line in lines if line.startswith(b"0")]
    assert heard == sorted(heard)
    missing = [int(line.split()[0]) for line in lines if line.endswith(b"missing\n")]
    assert sum(missing) == stream.dropped
    assert len(heard) + stream.dropped + (b"the last\n" in lines) == count + 1


def test_a_busy_process_writes_what_it_has_to_say(tmp_path: Path) -> None:
    """A second of 60,000 lines and no pause, in which the log's thread hardly has a turn."""
    with (tmp_path / "log").open("wb") as log:
        stream = LogStream(log.fileno(), notice)
        for number in range(60_000):
            stream.write(LINE % number, urgent=False)
            sum(range(800))
        stream.close()
    assert stream.dropped == 0
    assert (tmp_path / "log").read_bytes() == b"".join(LINE % number for number in range(60_000))


def test_warnings_have_room_when_others_have_none_left(pipe: tuple[int, int]) -> None:
    stream = LogStream(pipe[1], notice)
    while not stream.dropped:
        stream.write(b"x" * 10_000, urgent=False)
    dropped = stream.dropped
    stream.write(b"a warning\n", urgent=True)
    assert stream.dropped == dropped


def test_a_line_is_whole_however_long_it_is(pipe: tuple[int, int]) -> None:
    stream = LogStream(pipe[1], notice)
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    stream.write(b"y" * 50_000 + b"\n", urgent=True)
    stream.write(b"next\n", urgent=True)
    assert read_all(pipe[0], stream) == [b"y" * 50_000 + b"\n", b"next\n"]


WRITER = """
import sys, time
from telemetry.log_stream import LogStream
stream = LogStream(int(sys.argv[1]), lambda count: b"missing")
for _ in range(100):
    stream.write(sys.argv[2].encode() * 12_000 + b"\\n", urgent=True)
sys.stdout.write("waiting\\n")
sys.stdout.flush()
while not stream.flush():
    time.sleep(0.001)
"""


def test_lines_of_several_processes_are_whole_however_long_they_are(pipe: tuple[int, int]) -> None:
    command = [sys.executable, "-c", WRITER, str(pipe[1])]
    start = partial(subprocess.Popen, pass_fds=[pipe[1]], stdout=subprocess.PIPE)
    with (
        start([*command, "a"]) as first,
        start([*command, "b"]) as second,
        open(pipe[0], "rb", closefd=False) as file,
    ):
        os.close(pipe[1])
        for writer in (first, second):
            assert writer.stdout
            writer.stdout.readline()
        lines = sorted(file)
    assert lines == [b"a" * 12_000 + b"\n"] * 100 + [b"b" * 12_000 + b"\n"] * 100


def test_a_reader_that_has_gone_is_no_trouble(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    stream = LogStream(pipe[1], notice)
    for _ in range(3):
        stream.write(b"a line\n", urgent=True)
    assert stream.dropped == 3


def test_what_a_full_disk_has_no_room_for_is_told_of_later(pipe: tuple[int, int]) -> None:
    number = os.open("/dev/full", os.O_WRONLY)
    try:
        stream = LogStream(number, notice)
        for _ in range(3):
            stream.write(b"a line\n", urgent=True)
        os.dup2(pipe[1], number)
        stream.write(b"another\n", urgent=True)
        assert read_all(pipe[0], stream) == [b"3 missing\n", b"another\n"]
        assert stream.dropped == 3
    finally:
        os.close(number)


def test_the_end_waits_no_longer_than_it_may(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "LONGEST_CLOSE", log_stream.GATHERING)
    stream = LogStream(pipe[1], notice)
    stream.write(b"z" * 1_000_000, urgent=False)
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 1.0
