"""What is done about a box office beside the server: `./boxoffice audit`, on a live database.

The exit status of an audit is 0 where all agrees and 1 where something differs; 2 if the command or
a setting is unusable, and 3 if the database can't be had.
"""

import argparse
import asyncio
import signal
import sys
import time
from typing import NoReturn

import psycopg
from pydantic import ValidationError

from booking.replay import Difference
from db.audit import Report, audit_show, audit_shows, connected
from db.embedded.binaries import PostgresError
from db.embedded.server import find_running
from schema.ids import parse_show_id, show_id
from settings import Settings, explain, without_password

DIFFERENT, UNUSABLE, NO_DATABASE = 1, 2, 3
# Somebody at a terminal is told how far it has come.
PROGRESS_INTERVAL = 1.0


def main() -> None:
    """Run a command; what keeps us from it goes to stderr in words, without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asked = _read_command()
    try:
        settings = Settings()
    except ValidationError as error:
        _fail(explain(error), UNUSABLE)
    url = settings.database_url
    try:
        url = url or find_running(settings.data_dir / "postgres")
        found = asyncio.run(_audit(url, asked.show))
    except PostgresError as error:
        _fail(str(error), NO_DATABASE)
    except psycopg.Error as error:
        _fail(f"the database: {without_password(str(error), url)}", NO_DATABASE)
    sys.exit(DIFFERENT if found else 0)


def _read_command() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="boxoffice", description=__doc__.partition(":")[0] + ".")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    audit = commands.add_parser(
        "audit",
        help="hold the log of changes against seats, bookings and counters",
        description="Replay each show's log of changes and hold it against its seats, bookings "
        "and counters, a line for each difference. Sales go on meanwhile.",
        epilog="Exit status: 0 where all agrees, 1 where something differs, 2 if the command or a "
        "setting is unusable, 3 if the database can't be had.",
    )
    audit.add_argument("--show", type=_show_key, metavar="ID", help="only this show (default: all)")
    return parser.parse_args()


def _show_key(text: str) -> int:
    """A show's key, from its public id or as the number that it is in the tables."""
    key = int(text) if text.isdecimal() and len(text) < 19 else parse_show_id(text)
    if key is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a show")
    return key


async def _audit(url: str, show: int | None) -> int:
    """Audit a show or all, and print what differs; returns how many differences there are."""
    screen = _Screen()
    async with connected(url) as conn:
        if show is None:
            await audit_shows(conn, screen.add)
        else:
            screen.add(await audit_show(conn, show))
            if not screen.total.shows:
                _fail(f"there is no show {show}", UNUSABLE)
    screen.conclude()
    return screen.total.found


class _Screen:
    """What is printed: differences to stdout, and to a terminal how far the audit has come."""

    def __init__(self) -> None:
        self.total = Report()
        self._told_at = time.monotonic()

    def add(self, report: Report) -> None:
        self.total.add(report)
        for difference in report.differences:
            _say(_line(difference))
        if (more := report.found - len(report.differences)) > 0:
            _say(f"show {report.last_show_id}: {more:,} differences more")
        if sys.stderr.isatty() and time.monotonic() - self._told_at > PROGRESS_INTERVAL:
            self._told_at = time.monotonic()
            sys.stderr.write(f"{self._summary()} so far\n")

    def conclude(self) -> None:
        _say(self._summary())

    def _summary(self) -> str:
        total = self.total
        counts = {"show": total.shows, "change": total.changes, "difference": total.found}
        return ", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for word, n in counts.items())


def _line(difference: Difference) -> str:
    version = "" if difference.version is None else f", version {difference.version}"
    public_id = show_id(difference.show_id)
    return f"show {difference.show_id} ({public_id}){version}: {difference.message}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _fail(message: str, status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.write(f"boxoffice: {message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
