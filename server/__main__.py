"""Run Boxoffice: from the settings to a server with its database, and back to nothing.

    python -m server       (or `boxoffice serve`, or `make run`, which installs the libraries first)

Ctrl-C, SIGTERM, SIGHUP and the death of the parent process stop the server, then its database.
The exit status is 0 after that, 2 if a setting is unusable, 3 if the app fails, 1 for anything
else. SIGUSR1 replaces the server's processes one by one, where there are several (WEB_CONCURRENCY).
"""

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import psycopg

from db.embedded.binaries import PostgresError
from db.embedded.data_directory import hold
from db.embedded.server import PostgresServer
from db.migrations import MigrationError, migrate
from db.pooler import SharedSessionsError, refuse_shared_sessions
from execution.documents import DocumentError, read_documents
from server.listener import ListenError, is_loopback, listen
from server.processes import run, stop_with_parent
from server.welcome import Place, place_of_server, place_of_url, welcome
from settings import UNUSABLE_SETTINGS, Settings, explain, without_password
from telemetry.log import begin_log, log_config

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Serve until stopped; what keeps us from it goes to stderr in words, without a traceback."""
    try:
        settings = Settings()
    except UNUSABLE_SETTINGS as error:
        _fail(explain(error), status=2)
    begin_log(_log_config(settings))
    _exit_on_signals()
    stop_with_parent()
    try:
        _refuse_strangers(settings)
        if settings.trusted_documents:
            _check_documents(settings, settings.trusted_documents)
        serve(settings)
    except (PostgresError, MigrationError, SharedSessionsError, ListenError) as error:
        _fail(str(error), status=1)
    except psycopg.Error as error:
        _fail(f"DATABASE_URL: {without_password(str(error), settings.database_url)}", status=1)


def _log_config(settings: Settings) -> dict[str, Any]:
    """How each process of this server writes its log."""
    return log_config(settings.secrets, settings.log_level, settings.log_format)


def _refuse_strangers(settings: Settings) -> None:
    """Without access control nobody but this machine may come."""
    if settings.open_to_all and not is_loopback(settings.host):
        _fail(
            f"HOST is {settings.host}, which others can reach, and there is no access control: "
            "whoever comes would be admin. Set AUTH_SECRET or AUTH_JWKS, or leave HOST out.",
            status=2,
        )


def _check_documents(settings: Settings, directory: Path) -> None:
    """Fail here, in words; each server process reads the documents anew."""
    from resolvers.api import schema  # it takes a second, which few need here

    schema.introspection = settings.introspection
    try:
        read_documents(directory, schema.check_document)
    except DocumentError as error:
        _fail(f"TRUSTED_DOCUMENTS: {error}", status=2)


def serve(settings: Settings) -> None:
    """Open the port and the database, bring the database up to date, and answer until stopped."""
    with ExitStack() as resources:
        if settings.database_url is None:
            resources.enter_context(hold(settings.data_dir))
        # Before the database is started: a busy port then costs nothing.
        listener = resources.enter_context(listen(settings.host, settings.port))
        url, place = _open_database(settings, resources)
        refuse_shared_sessions(url)
        migrate(url)
        if settings.database_url is None:
            # The app, in this process and in others, finds the database as its setting.
            os.environ["DATABASE_URL"] = url
        sys.stdout.write(welcome(listener, place, settings))
        sys.stdout.flush()
        run(listener, settings.web_concurrency, _log_config(settings))


def _open_database(settings: Settings, resources: ExitStack) -> tuple[str, Place]:
    if settings.database_url is not None:
        return settings.database_url, place_of_url(settings.database_url)
    server = resources.enter_context(PostgresServer(settings.data_dir / "postgres"))
    return server.url, place_of_server(server)


def _exit_on_signals() -> None:
    """Turn the first stop signal into SystemExit, so that everything open is closed in order."""

    def leave(signum: int, frame: FrameType | None) -> None:
        # The database is on its way out: a second Ctrl-C must not leave it behind.
        for stop_signal in STOP_SIGNALS:
            signal.signal(stop_signal, signal.SIG_IGN)
        raise SystemExit(0)

    def terminate(signum: int, frame: FrameType | None) -> None:
        # Whoever handles SIGTERM at the moment: us, or uvicorn, which knows nothing of SIGHUP.
        signal.raise_signal(signal.SIGTERM)

    def stay(signum: int, frame: FrameType | None) -> None:
        sys.stderr.write(
            "boxoffice: SIGUSR1 replaces processes: set WEB_CONCURRENCY to 2 or more\n"
        )

    signal.signal(signal.SIGUSR1, stay)
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # As it is under nohup.
        signal.signal(signal.SIGHUP, terminate)


def _fail(message: str, status: int) -> NoReturn:
    sys.stderr.write(f"boxoffice: {message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
