"""wrk with our scripts: what to send, and what was counted."""

import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import Contestant
from bench.failure import Failure

HERE = Path(__file__).parent
# What a run may take beyond its time before it is given up.
PATIENCE = 30.0


@dataclass(frozen=True)
class Load:
    """How much: connections, each with one request under way, for some seconds."""

    connections: int
    seconds: int


@dataclass(frozen=True)
class Sale:
    """What is on sale: shows of so many seats, so many at a time, in an order by the seed."""

    shows: Sequence[str]
    seats: int
    width: int
    seed: int = 1


@dataclass(frozen=True)
class Counted:
    """What wrk saw: seconds, answers by kind, and latency in microseconds."""

    seconds: float
    answers: int
    refused: int
    failed: int
    p50_us: float
    p99_us: float

    @property
    def per_second(self) -> float:
        """Answers a second that were what was asked for."""
        return self.answers / self.seconds


def book(contestant: Contestant, address: str, sale: Sale, load: Load, start: int = 0) -> Counted:
    """Have seats booked, one a request, in the sale's order from `start` on."""
    files = {
        "shows": "\n".join(sale.shows),
        "body": contestant.booking_body(),
        "tokens": "\n".join(contestant.tokens()),
    }
    numbers = (sale.width, sale.seats, sale.seed, start)
    rest = [contestant.booked, *(str(number) for number in numbers)]
    return _run("book.lua", f"http://{address}{contestant.path}", files, rest, load)


def ask(url: str, body: str, ending: str, load: Load) -> Counted:
    """Send one request over and over; a good answer has `ending` among its last characters."""
    return _run("ask.lua", url, {"body": body}, [ending], load)


def post(url: str, body: str) -> bytes:
    """Send one request and return the answer's body: what a look at an answer takes, no load."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body.encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        answer: bytes = response.read()
    return answer


def _run(script: str, url: str, files: dict[str, str], rest: Sequence[str], load: Load) -> Counted:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Failure("wrk is not here: install it (Debian, Ubuntu: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for name, text in files.items():
            path = Path(directory) / name
            path.write_text(text)
            paths.append(str(path))
        # One thread: it is far from busy, and the scripts' order of seats is then one.
        options = ["-t1", f"-c{load.connections}", f"-d{load.seconds}s", "--timeout=10s"]
        command = [wrk, *options, "-s", str(HERE / script), url, "--", *paths, *rest]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=load.seconds + PATIENCE
        )
    return _read(done)


def _read(done: subprocess.CompletedProcess[str]) -> Counted:
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise Failure(f"wrk failed: {(done.stderr or done.stdout)[-500:]}")
    found = json.loads(lines[-1])
    return Counted(
        seconds=found["seconds"],
        answers=found.get("booked", found.get("answered")),
        refused=found.get("refused", 0),
        failed=found["failed"] + found["broken"],
        p50_us=found["p50_us"],
        p99_us=found["p99_us"],
    )
