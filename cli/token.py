"""`boxoffice token`: a token as an identity provider would make it, for trying out."""

import time
from typing import Annotated

import jwt
from typer import BadParameter, Option, echo

from cli.command import IF_UNUSABLE, command, new_app
from cli.failure import UNUSABLE, Failure
from cli.house import read_settings
from cli.names import read_name

LONGEST_HOURS = 24 * 366

app = new_app()


def _read_hours(text: str | float) -> float:
    hours = float(text)
    if not 0 < hours <= LONGEST_HOURS:
        raise BadParameter(f"It must be more than 0, and at most {LONGEST_HOURS}.")
    return hours


@command(
    app,
    "boxoffice token --name Ada",
    "boxoffice token --admin --hours 1",
    "TOKEN=$(boxoffice token --name Ada)",
    status=f"0 where it is done, {IF_UNUSABLE}",
)
def token(
    name: Annotated[
        str, Option(parser=read_name, metavar="TEXT", help="Who bookings with it are for.")
    ] = "Ada",
    subject: Annotated[
        str | None,
        Option(parser=read_name, metavar="TEXT", help="Whose they are, by default the name's."),
    ] = None,
    admin: Annotated[bool, Option("--admin", help="An admin's, not a customer's.")] = False,
    hours: Annotated[
        float, Option(parser=_read_hours, metavar="HOURS", help="How long it is good for.")
    ] = 24.0,
) -> None:
    """Make a token for trying out, signed with AUTH_SECRET, and print it.

    Needs the AUTH_SECRET of the server that it is for, and neither server nor database.
    """
    settings = read_settings()
    if settings.auth_secret is None:
        raise Failure("AUTH_SECRET is not set: there is nothing to sign a token with", UNUSABLE)
    now = time.time()
    claims = {
        "iss": settings.auth_issuer,
        "aud": settings.auth_audience,
        "sub": subject or name,
        "name": name,
        "roles": ["admin"] if admin else [],
        "iat": int(now),
        "exp": int(now + 3_600 * hours),
    }
    echo(jwt.encode(claims, settings.auth_secret.get_secret_value(), "HS256"))
