"""Sell under faults, and say whether anything was lost: `make faults`, or python -m faults -h."""

import argparse
import asyncio
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from faults.check import check
from faults.house import opened
from faults.keeping import keep
from faults.report import summary
from faults.run import run

TEN_MINUTES = 600.0
MOST_SEEDS = 1_000_000


class Options(argparse.Namespace):
    """What was asked for on the command line."""

    seed: int
    seconds: float
    summary: Path | None
    directory: Path | None
    keep: Path | None


def parse(words: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m faults", description=__doc__)
    parser.add_argument("--seed", type=int, help="which faults come when; any, if not said")
    parser.add_argument("--seconds", type=float, default=TEN_MINUTES, help="how long it lasts")
    parser.add_argument("--summary", type=Path, help="write the summary to this file too")
    parser.add_argument("--directory", type=Path, help="a disk for the database, not memory")
    parser.add_argument("--keep", type=Path, help="leave all records and logs in this directory")
    options = parser.parse_args(words, Options())
    if options.seed is None:
        options.seed = random.randrange(MOST_SEEDS)
    return options


def main() -> None:
    """Run once; the status is 1 where anything was broken."""
    options = parse(sys.argv[1:])
    try:
        sys.exit(asyncio.run(_main(options)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("stopped, and everything with it")


async def _main(options: Options) -> int:
    task = asyncio.current_task()
    assert task
    for stop in (signal.SIGTERM, signal.SIGHUP):
        # As with Ctrl-C: what was started is stopped, in order.
        asyncio.get_running_loop().add_signal_handler(stop, task.cancel)
    say(f"seed {options.seed}: `make faults SEED={options.seed}` repeats this run's faults")
    async with opened(directory=options.directory) as house:
        outcome = await run(house, options.seed, options.seconds, say)
        violations = await asyncio.to_thread(check, outcome.records, house.postgres.url)
        text = summary(outcome, house.postgres.url, violations)
        if options.keep:
            keep(options.keep, outcome.records, house)
    if options.summary:
        options.summary.write_text(text)
    sys.stdout.write(text)
    return 1 if outcome.complaints or violations else 0


def say(text: str) -> None:
    """Tell how it goes, apart from the summary."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
