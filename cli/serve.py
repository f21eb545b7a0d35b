"""`boxoffice serve`: this process becomes the server, as `python -m server` is one."""

import os
from typing import Annotated

from typer import Option

from cli.command import IF_UNUSABLE, command, new_app
from server.__main__ import main

app = new_app()


@command(
    app,
    "boxoffice serve",
    "boxoffice serve --port 8001",
    "DATABASE_URL=postgresql://user@host/boxoffice boxoffice serve --workers 2",
    status="0 after Ctrl-C, SIGTERM or SIGHUP, 1 if the port or the database can't be had, "
    f"{IF_UNUSABLE}, 3 if the app fails",
)
def serve(
    port: Annotated[
        int | None, Option(help="Port to listen on, 0 for any free one, instead of PORT.")
    ] = None,
    host: Annotated[str | None, Option(help="Address to listen on, instead of HOST.")] = None,
    workers: Annotated[
        int | None, Option(help="Number of server processes, instead of WEB_CONCURRENCY.")
    ] = None,
) -> None:
    """Serve until stopped, with a PostgreSQL of its own unless DATABASE_URL is set.

    The database is brought up to date first. A stop signal ends the server in order: what it has
    begun is answered. SIGUSR1 replaces the server's processes one by one, where there are several.
    """
    given = {"PORT": port, "HOST": host, "WEB_CONCURRENCY": workers}
    os.environ |= {name: str(value) for name, value in given.items() if value is not None}
    main()
