"""Measure everything and print one table: `make bench`, or python -m bench --help."""

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import machine, report
from bench.arena import Arena
from bench.comparison import Comparison
from bench.plan import Plan
from bench.postgres import started
from bench.registry import ROWS
from bench.series import say

QUICK = Plan(rounds=1, seconds=2, warm_up=1, flood_seconds=5)


def main() -> None:
    """Run the rows that were asked for; the status is 1 where one of them has no figure."""
    options = parse(sys.argv[1:])
    draw = _pencil(options.plot) if options.plot else None
    for stop in (signal.SIGTERM, signal.SIGHUP):
        # As with Ctrl-C: what was started is stopped, in order.
        signal.signal(stop, lambda *_: sys.exit(1))
    about = {**machine.describe(), "rounds": options.plan.rounds, "seconds": options.plan.seconds}
    comparisons: list[Comparison] = []
    complete = True
    with started(options.directory) as postgres:
        arena = Arena(postgres, options.plan)
        for name in options.only:
            beginning = time.monotonic()
            say(f"{name}: {ROWS[name].__doc__}")
            try:
                comparisons += ROWS[name](arena)
            except Exception:
                # The other rows are worth having all the same.
                complete = False
                say(traceback.format_exc())
            say(f"{name}: {time.monotonic() - beginning:.0f} s\n")
    text = report.document(comparisons, about)
    if options.json_file:
        options.json_file.write_text(text + "\n")
    sys.stdout.write(f"{text if options.json else report.table(comparisons)}\n")
    if not options.json:
        sys.stdout.write(f"\n{machine.sentence(about)}; medians of {options.plan.rounds} rounds\n")
    if draw:
        draw(comparisons, machine.sentence(about))
    sys.exit(0 if complete else 1)


def _pencil(path: Path) -> Callable[[Sequence[Comparison], str], None]:
    """Find matplotlib before the measuring rather than after; only a picture takes it."""
    from bench.plot import draw

    return partial(draw, path)


class Options(argparse.Namespace):
    """What was asked for on the command line."""

    only: list[str]
    plan: Plan
    json: bool
    json_file: Path | None
    plot: Path | None
    directory: Path | None


def parse(words: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument(
        "--only", type=_rows, default=list(ROWS), metavar="ROW,ROW", help=", ".join(ROWS)
    )
    parser.add_argument("--rounds", type=_positive, help="rounds for each contestant")
    parser.add_argument("--seconds", type=_positive, help="how long a round's load lasts")
    parser.add_argument("--flood-seconds", type=_positive, help="how long a flood lasts")
    parser.add_argument("--quick", action="store_true", help="one short round: to see it work")
    parser.add_argument("--json", action="store_true", help="print JSON, not the table")
    parser.add_argument("--json-file", type=Path, help="write the JSON to this file too")
    parser.add_argument("--plot", type=Path, help="draw the ratios into this PNG")
    parser.add_argument("--directory", type=Path, help="a disk for the database, not memory")
    options = parser.parse_args(words, Options())
    base = QUICK if options.quick else Plan()
    options.plan = Plan(
        options.rounds or base.rounds,
        options.seconds or base.seconds,
        base.warm_up,
        options.flood_seconds or base.flood_seconds,
    )
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on, not {text!r}")
    return int(text)


def _rows(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in ROWS:
            raise argparse.ArgumentTypeError(f"no row {name!r}; there are {', '.join(ROWS)}")
    return names


if __name__ == "__main__":
    main()
