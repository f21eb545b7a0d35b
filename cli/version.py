"""`boxoffice version`: which versions of what work together here."""

import json
import platform
from typing import Annotated

import psycopg
from typer import Option, echo

from cli.command import IF_UNUSABLE, command, new_app
from cli.failure import DIFFERENT, NO_DATABASE, Failure
from cli.house import database_url
from db.migrations import MigrationError, compare
from telemetry.process import version as own_version

app = new_app()


@command(
    app,
    "boxoffice version",
    "boxoffice version --json | jq -r .boxoffice",
    status="0, whether or not there is a database, 1 where files and database disagree, "
    f"{IF_UNUSABLE}",
)
def version(
    as_json: Annotated[bool, Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Say which version this is, of Python, PostgreSQL and the schema, too.

    The schema's is the last migration that was applied; `pending` counts those that
    `boxoffice migrate` would apply.
    """
    found = {"boxoffice": own_version(), "python": platform.python_version(), **_of_database()}
    if as_json:
        echo(json.dumps(found))
        return
    width = max(map(len, found))
    for name, value in found.items():
        echo(f"{name:{width}}  {'none' if value is None else value}")


def _of_database() -> dict[str, str | int | None]:
    """What is known of the database; why it isn't, to stderr, where it can't be had."""
    try:
        with database_url() as url:
            with psycopg.connect(url, connect_timeout=10) as conn:
                server = conn.info.parameter_status("server_version")
            applied, pending = compare(url)
    except Failure as error:
        if error.exit_code != NO_DATABASE:
            raise
        echo(f"boxoffice: {error}", err=True)
        return {"postgresql": None, "schema": None, "pending": None}
    except MigrationError as error:
        raise Failure(str(error), DIFFERENT) from None
    return {
        "postgresql": server,
        "schema": applied[-1] if applied else None,
        "pending": len(pending),
    }
