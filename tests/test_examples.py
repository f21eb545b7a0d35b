"""The examples in docs/ run as they stand, and say what they should."""

import subprocess
import sys

from tests.serving import PROJECT, Served

TOUR = """\
created: The Third Man, 6 seats
on sale: The Third Man, 6 of 6 seats free
  map 0: A1=AVAILABLE A2=AVAILABLE A3=AVAILABLE A4=AVAILABLE A5=AVAILABLE A6=AVAILABLE
booked: A1, A2 for Holly, PENDING
  change 1: A1=PENDING A2=PENDING
refused: SeatsUnavailable: Not all of these seats can be had: 2 taken; 4 seats left.
confirmed: CONFIRMED
  change 2: A1=CONFIRMED A2=CONFIRMED
booked: A3, A4, A5 for Harry, PENDING
  change 3: A3=PENDING A4=PENDING A5=PENDING
cancelled: FAILED, CANCELLED
  change 4: A3=AVAILABLE A4=AVAILABLE A5=AVAILABLE
"""


def test_python_client_tours_the_box_office(served: Served) -> None:
    command = [sys.executable, "-W", "error", "docs/examples/client.py", served.url]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == TOUR
