"""What `boxoffice load` does once its options are read: find the record, run, report."""

import asyncio
import os
import resource
import sys
from pathlib import Path
from tempfile import TemporaryFile

import psycopg
from rich.console import Console

from cli.house import read_settings
from cli.load.plan import NotHad, Plan, Unusable
from cli.load.report import places, write_report
from cli.load.run import Outcome, run
from cli.load.screen import Paper
from cli.load.summary import tell
from db.embedded.binaries import PostgresError
from db.embedded.server import find_running
from server.open_files import allow_many
from settings import Settings, without_password

# Each of the people has a connection or two.
FILES_OF_A_PERSON, FILES_OF_OURS = 3, 100


def carry_out(plan: Plan, report: Path | None, *, by_api: bool) -> bool:
    """Run it and say what came of it; returns whether anything is wrong on record.

    Raises:
        Failure: it could not be done.
    """
    console, settings = Paper(), read_settings()
    _check_report(report)
    _make_room(plan.people)
    url = None if by_api else _find_database(settings, console)
    try:
        outcome = _run(plan, settings, url, console)
    except psycopg.Error as error:
        raise _in_words(error, url) from None
    tell(outcome, console)
    if report:
        for path in _write(outcome, report):
            console.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
    if outcome.unseen:
        raise _in_words(outcome.unseen, url)
    return bool(outcome.findings.differences)


def _in_words(error: Exception, url: str | None) -> Exception:
    if isinstance(error, psycopg.Error):
        return NotHad(f"the database: {without_password(str(error), url)}")
    return error


def _run(plan: Plan, settings: Settings, url: str | None, console: Console) -> Outcome:
    """Run it on the loop that servers run on, where there is one."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    token = os.environ.get("BOXOFFICE_TOKEN") or None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(run(plan, settings, token, url, console))


def _find_database(settings: Settings, console: Console) -> str | None:
    """Where the record is: what the settings have, or our own that runs."""
    if settings.database_url:
        return settings.database_url
    try:
        return find_running(settings.data_dir / "postgres")
    except PostgresError:
        console.print("No database is named or runs here: at the end only the API is asked.")
        return None


def _check_report(report: Path | None) -> None:
    """Nobody is to find out at the end that the report has no place."""
    if report is None:
        return
    directory = places(report)["html"].parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise Unusable(f"--report: {error}") from None


def _write(outcome: Outcome, report: Path) -> list[Path]:
    try:
        return write_report(outcome, report)
    except OSError as error:
        raise Unusable(f"--report: {error}") from None


def _make_room(people: int) -> None:
    """Take as many open files as there are.

    Raises:
        Unusable: it is too few for so many people.
    """
    allow_many()
    needed = people * FILES_OF_A_PERSON + FILES_OF_OURS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < needed:
        raise Unusable(f"{people:,} people take {needed:,} open files, and {files:,} are the limit")
