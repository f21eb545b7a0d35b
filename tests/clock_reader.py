"""Prints how far off this process's clock is, by each way of reading it; run by a test."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

with TemporaryDirectory() as directory:
    file = Path(directory) / "now"
    file.touch()
    truth = file.stat().st_mtime  # by the kernel's clock

for read in (time.time(), time.time_ns() / 1e9, datetime.now(UTC).timestamp()):
    sys.stdout.write(f"{read - truth}\n")
assert isinstance(datetime.now(UTC), datetime)
assert isinstance(datetime(2030, 1, 1, tzinfo=UTC), datetime)
