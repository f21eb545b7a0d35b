"""`boxoffice apikey`: keys for the scripts of admins, of which only a hash is kept."""

import json
from datetime import datetime
from typing import Annotated, Any

from typer import Argument, Option, echo

from cli.command import IF_NO_DATABASE, IF_UNUSABLE, command, new_app
from cli.failure import UNUSABLE, Failure
from cli.house import ask
from cli.names import read_name
from db.api_keys import create_api_key, list_api_keys, revoke_api_key
from schema.scalars import write_time

STATUS = f"0 where it is done, {IF_UNUSABLE}, {IF_NO_DATABASE}"

app = new_app("Make, list and revoke keys for the scripts of admins.")


@command(app, 'boxoffice apikey create "nightly report"', status=STATUS)
def create(name: Annotated[str, Argument(parser=read_name, help="What it is for.")]) -> None:
    """Make a key, and print it this once.

    Scripts send it as `Authorization: Bearer KEY`. Whoever has it is admin: keep it in a secret.
    """
    echo(ask(lambda conn: create_api_key(conn, name)))


@command(app, "boxoffice apikey list", status=STATUS, name="list")
def list_(
    as_json: Annotated[bool, Option("--json", help="Print a JSON object for each.")] = False,
) -> None:
    """List the keys with their names, never their secrets."""
    for id_, name, created_at, revoked_at in ask(list_api_keys):
        if as_json:
            key = {"id": id_, "name": name, "createdAt": _time(created_at)}
            echo(json.dumps({**key, "revokedAt": _time(revoked_at)}))
        else:
            end = f", revoked {revoked_at:%Y-%m-%d %H:%M}" if revoked_at else ""
            echo(f"{id_}  {name}  (made {created_at:%Y-%m-%d %H:%M}{end})")


@command(app, "boxoffice apikey revoke 3", status=STATUS)
def revoke(
    id: Annotated[int, Argument(help="The number that `list` shows, bo_NUMBER_...")],
) -> None:
    """End a key; servers know within five seconds."""
    name = ask(lambda conn: revoke_api_key(conn, id))
    if name is None:
        raise Failure(f"there is no API key {id}", UNUSABLE)
    echo(f"revoked {id}  {name}")


def _time(time: datetime | None) -> Any:
    return time and write_time(time)
