"""`boxoffice migrate`: the database up to date, or what is missing for that."""

from typing import Annotated

from typer import Exit, Option, echo

from cli.command import IF_NO_DATABASE, IF_UNUSABLE, command, new_app
from cli.failure import DIFFERENT, Failure
from cli.house import database_url
from db.migrations import MigrationError, compare
from db.migrations import migrate as apply

app = new_app()


@command(
    app,
    "boxoffice migrate",
    "boxoffice migrate --check || echo 'migrate before you deploy'",
    status="0 where all is applied, 1 where something is pending (--check) or files and "
    f"database disagree, {IF_UNUSABLE}, {IF_NO_DATABASE}",
)
def migrate(
    check: Annotated[
        bool, Option("--check", help="Only look, and say what is pending; change nothing.")
    ] = False,
) -> None:
    """Bring the database up to date.

    The pending files of sql/migrations are applied in one transaction, all or none; of several who
    do so at once one applies them, and the others wait. A server does the same when it starts.
    """
    with database_url() as url:
        try:
            names = compare(url)[1] if check else apply(url)
        except MigrationError as error:
            raise Failure(str(error), DIFFERENT) from None
    for name in names:
        echo(f"{'pending' if check else 'applied'}  {name}")
    if not names:
        echo("The database is up to date.")
    if check and names:
        raise Exit(DIFFERENT)
