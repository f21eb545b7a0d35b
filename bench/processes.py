"""Server processes: started, watched through /proc, and always stopped."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.failure import Failure

START_PATIENCE = 60.0
STOP_PATIENCE = 20.0
TICKS = os.sysconf("SC_CLK_TCK")
POLL = 0.02
# What of a server's words is read, and what is shown if it ends before it listens.
MOST_SAID = 1 << 16
EXCERPT = 800


@dataclass(frozen=True)
class Running:
    """A server: its address, and its first process."""

    address: str
    pid: int

    @property
    def pids(self) -> list[int]:
        """The process and all that came of it."""
        return list(_family(self.pid))

    def cpu_seconds(self) -> float:
        """User and system time that all its processes have taken so far."""
        return sum(_cpu_seconds(pid) for pid in self.pids)

    def resident_bytes(self) -> dict[int, int]:
        """Memory in use by each of its processes that is a server (VmRSS)."""
        return {pid: _memory(pid, "VmRSS") for pid in self.pids}

    def most_resident_bytes(self) -> dict[int, int]:
        """The most that each of them has had in use since it started (VmHWM)."""
        return {pid: _memory(pid, "VmHWM") for pid in self.pids}


@contextmanager
def running(
    command: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[Running]:
    """Start a server, wait until it says where it listens, and stop it at the end of the block.

    Raises:
        Failure: it ended, or said nothing in time.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **environment},
            # Never written to: it closes with us, and tells the peers that we are gone.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us: we stop what we started, in order.
            start_new_session=True,
        )
        try:
            yield Running(_read_address(process, log), process.pid)
        finally:
            _stop(process)


def _read_address(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """Wait for the line with the address, of whichever server this is."""
    deadline = time.monotonic() + START_PATIENCE
    while True:
        ended = process.poll() is not None
        said = os.pread(log.fileno(), MOST_SAID, 0).decode(errors="replace")
        if found := re.search(r"http://(127\.0\.0\.1:\d+)", said):
            return found[1]
        if ended or time.monotonic() > deadline:
            raise Failure(f"{process.args!r} did not start: {said[-EXCERPT:]}")
        time.sleep(POLL)


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = list(_family(process.pid))
    process.terminate()
    try:
        process.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdin
    process.stdin.close()
    for pid in family[1:]:
        # Only what is still in the session that we opened for it: a pid may be used again.
        with suppress(ProcessLookupError):
            if os.getsid(pid) == process.pid:
                os.kill(pid, signal.SIGKILL)


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int, figure: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{figure}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
