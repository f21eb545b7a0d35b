"""What is done about a box office beside the server: audits, API keys, tokens.

`./boxoffice audit`, `apikey` and `token`, on a live database. The exit status is 0 where all is
well, 1 where an audit finds something that differs, 2 if the command or a setting is unusable, and
3 if the database can't be had.
"""

import argparse
import asyncio
import signal
import sys
import time
from typing import Any, NoReturn

import jwt
import psycopg

from booking.inputs import MAX_NAME_LENGTH, check_text
from booking.replay import Difference
from db.api_keys import create_api_key, list_api_keys, revoke_api_key
from db.audit import Report, audit_show, audit_shows, connected
from db.embedded.binaries import PostgresError
from db.embedded.server import find_running
from schema.ids import parse_show_id, show_id
from settings import UNUSABLE_SETTINGS, Settings, explain, without_password

DIFFERENT, UNUSABLE, NO_DATABASE = 1, 2, 3
# Of a token for trying out.
LONGEST_HOURS = 24 * 366
# Somebody at a terminal is told how far it has come.
PROGRESS_INTERVAL = 1.0


def main() -> None:
    """Run a command; what keeps us from it goes to stderr in words, without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asked = _read_command()
    try:
        settings = Settings()
    except UNUSABLE_SETTINGS as error:
        _fail(explain(error), UNUSABLE)
    url = settings.database_url
    try:
        if asked.run is _token:
            _say(_token(settings, asked))
            return
        url = url or find_running(settings.data_dir / "postgres")
        found = asyncio.run(asked.run(url, asked))
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
    audit.set_defaults(run=_audit)
    _add_apikey(commands)
    _add_token(commands)
    return parser.parse_args()


def _add_apikey(commands: Any) -> None:
    apikey = commands.add_parser("apikey", help="keys for the scripts of admins")
    actions = apikey.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key, and print it this once")
    create.add_argument("name", type=_name, help="what it is for")
    create.set_defaults(run=_create_api_key)
    actions.add_parser("list", help="list the keys, never their secrets").set_defaults(
        run=_list_api_keys
    )
    revoke = actions.add_parser("revoke", help="end a key; servers know within five seconds")
    revoke.add_argument("id", type=int)
    revoke.set_defaults(run=_revoke_api_key)


def _add_token(commands: Any) -> None:
    token = commands.add_parser(
        "token", help="make a token for trying out, signed with AUTH_SECRET, and print it"
    )
    token.add_argument("--name", type=_name, default="Ada", help="who it is for (default: Ada)")
    token.add_argument("--subject", type=_name, help="the subject (default: the name)")
    token.add_argument("--admin", action="store_true", help="an admin's (default: a customer's)")
    token.add_argument("--hours", type=_hours, default=24.0, help="good for so long (default: 24)")
    token.set_defaults(run=_token)


def _name(text: str) -> str:
    if problems := [*check_text("name", text, MAX_NAME_LENGTH)]:
        raise argparse.ArgumentTypeError(problems[0].message)
    return text


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= LONGEST_HOURS:
        raise argparse.ArgumentTypeError(f"must be more than 0, and at most {LONGEST_HOURS}")
    return hours


def _token(settings: Settings, asked: argparse.Namespace) -> str:
    """Make a token as an identity provider would."""
    if settings.auth_secret is None:
        _fail("AUTH_SECRET is not set: there is nothing to sign a token with", UNUSABLE)
    now = time.time()
    claims = {
        "iss": settings.auth_issuer,
        "aud": settings.auth_audience,
        "sub": asked.subject or asked.name,
        "name": asked.name,
        "roles": ["admin"] if asked.admin else [],
        "iat": int(now),
        "exp": int(now + 3_600 * asked.hours),
    }
    return jwt.encode(claims, settings.auth_secret.get_secret_value(), "HS256")


async def _create_api_key(url: str, asked: argparse.Namespace) -> int:
    """Make a key. What can be kept of it is printed, and only the secret's hash is in the table."""
    async with connected(url) as conn:
        _say(await create_api_key(conn, asked.name))
    return 0


async def _list_api_keys(url: str, asked: argparse.Namespace) -> int:
    async with connected(url) as conn:
        for id_, name, created_at, revoked_at in await list_api_keys(conn):
            end = f", revoked {revoked_at:%Y-%m-%d %H:%M}" if revoked_at else ""
            _say(f"{id_}  {name}  (made {created_at:%Y-%m-%d %H:%M}{end})")
    return 0


async def _revoke_api_key(url: str, asked: argparse.Namespace) -> int:
    async with connected(url) as conn:
        name = await revoke_api_key(conn, asked.id)
    if name is None:
        _fail(f"there is no API key {asked.id}", UNUSABLE)
    _say(f"revoked {asked.id}  {name}")
    return 0


def _show_key(text: str) -> int:
    """A show's key, from its public id or as the number that it is in the tables."""
    key = int(text) if text.isdecimal() and len(text) < 19 else parse_show_id(text)
    if key is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a show")
    return key


async def _audit(url: str, asked: argparse.Namespace) -> int:
    """Audit a show or all, and print what differs; returns how many differences there are."""
    show: int | None = asked.show
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
