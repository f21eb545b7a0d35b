"""Clears up behind a run that was killed: python -m faults.guard HOME, until its stdin ends.

A run that ends by itself has cleared up by then, and nothing is left to do.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from db.embedded.postmaster import release

DATA = "data"
SMALL = "small"


def clear(home: Path) -> None:
    """Stop the PostgreSQL of a run, and leave nothing of it behind."""
    if not home.exists():
        return
    release(home / DATA)
    if (home / SMALL).is_mount():
        subprocess.run(["umount", str(home / SMALL)], check=True)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.read()
    clear(Path(sys.argv[1]))
