"""What a process tells of itself: its versions, its age, its memory, its processor's time."""

import os
import platform
import sys
import time
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from telemetry import metrics
from telemetry.families import Labels

PROJECT_FILE = Path(__file__).parent.parent / "pyproject.toml"
STATM = Path("/proc/self/statm")

_started_at = time.time()


def version() -> str:
    """Our version."""
    found: str = tomllib.loads(PROJECT_FILE.read_text("utf-8"))["project"]["version"]
    return found


def tell_of_process() -> None:
    """Have the metrics know this process."""
    built: Mapping[Labels, float] = {(version(), platform.python_version()): 1.0}
    metrics.BUILD.ask = lambda: built
    metrics.PROCESSES.ask = lambda: {(): 1.0}
    metrics.STARTED_AT.ask = lambda: {(): _started_at}
    metrics.CPU_SECONDS.ask = lambda: {(): time.process_time()}
    metrics.MEMORY.ask = _memory


def _memory() -> Mapping[Labels, float]:
    """Pages in use; nothing where the system doesn't say (not on Linux)."""
    if sys.platform == "linux":
        with suppress(OSError):
            return {(): float(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")}
    return {}
