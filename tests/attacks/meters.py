"""What a server process spends: time on the processor, and memory."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# What an attack may cost the server at the most, in seconds.
DEAR = 0.05
# Who can't be held to the kernel's count is at least held to the refusals.
METERED = Path("/proc/self/schedstat").exists()
# In so long a server with nothing to do spends less than a fourth of it.
QUIET = 0.002
ROUNDS_OF_QUIET = 100


def processor_seconds(pid: int) -> float:
    """How long the threads of a process have been on a processor, by the kernel's own count.

    However busy the machine is: waiting for a processor is not counted. Zero where the kernel
    does not count.
    """
    return sum(_nanoseconds(pid)) / 1e9


def settled_seconds(pid: int) -> float:
    """The same, once the process has done what it was still doing."""
    before = processor_seconds(pid)
    for _ in range(ROUNDS_OF_QUIET):
        time.sleep(QUIET)
        now = processor_seconds(pid)
        if now - before < QUIET / 4:
            break
        before = now
    return now


def resident_bytes(pid: int) -> int:
    """The memory that a process has, of its own and shared."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise AssertionError("the kernel does not say how much memory it has")


def _nanoseconds(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir() if METERED else ():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            yield int((task / "schedstat").read_text().split()[0])
