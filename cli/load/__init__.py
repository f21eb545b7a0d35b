"""`boxoffice load`: people who browse, watch, pick, hesitate and book, and a report of it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli.command import IF_UNUSABLE, command, new_app
from cli.failure import DIFFERENT
from cli.load.plan import (
    LONGEST_SECONDS,
    MOST_ARRIVALS,
    MOST_PEOPLE,
    MOST_SHOWS,
    Plan,
    Unusable,
    read_url,
)

DEFAULT_URL = "http://127.0.0.1:8000/graphql"

app = new_app()


@command(
    app,
    "boxoffice load --people 200 --seconds 60 --report load-report",
    "boxoffice load --arrivals 20 --people 1000 --report sale.html",
    status="0 where all is well, 1 where something was sold twice or differs from what people "
    f"were told, {IF_UNUSABLE}, 3 if the server or its database can't be had",
)
def load(
    url: Annotated[str, typer.Argument(help="The server: GraphQL over HTTP.")] = DEFAULT_URL,
    people: Annotated[
        int, typer.Option(min=1, max=MOST_PEOPLE, help="How many are there at once.")
    ] = 100,
    seconds: Annotated[
        float, typer.Option(min=1, max=LONGEST_SECONDS, help="For how long they come.")
    ] = 60.0,
    arrivals: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=MOST_ARRIVALS,
            help="How many come a second, whoever is there already, up to --people at once. "
            "Without it one comes when one leaves.",
        ),
    ] = None,
    ramp: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=LONGEST_SECONDS,
            show_default="a tenth of them",
            help="Seconds within which the first come.",
        ),
    ] = None,
    shows: Annotated[
        str | None,
        typer.Option(
            metavar="ID,ID", help="Shows to book, the most popular first, instead of new."
        ),
    ] = None,
    new_shows: Annotated[
        int, typer.Option(min=1, max=MOST_SHOWS, help="How many shows to make; takes an admin.")
    ] = 5,
    seats: Annotated[int, typer.Option(min=1, max=100_000, help="Seats of a new show.")] = 400,
    hold: Annotated[
        int, typer.Option(min=5, max=86_400, help="Seconds that a new show holds bookings.")
    ] = 30,
    seed: Annotated[int, typer.Option(help="The same seed draws the same people.")] = 1,
    pace: Annotated[
        float,
        typer.Option(
            min=0.0, max=100.0, help="What times to think are multiplied by: 0.1 hurries."
        ),
    ] = 1.0,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR|FILE.html", help="Write a page, a picture and JSON there."),
    ] = None,
    by_api: Annotated[
        bool, typer.Option("--by-api", help="Ask the API instead of the database at the end.")
    ] = False,
    yes_i_may: Annotated[
        bool,
        typer.Option("--yes-i-may", help="The server is on another machine, and mine to try."),
    ] = False,
) -> None:
    """Let people into a box office, who browse, watch, pick, hesitate and book.

    They use the public API only. Some confirm, some cancel, some do nothing and let the hold
    expire; who is refused picks again. Several want the same good seats. At the end everything that
    anybody was told is held against the database (DATABASE_URL, or our own that runs), and each
    show's log is audited.

    Where there is access control, set AUTH_SECRET as the server has it: each person calls by a
    token of their own. Or BOXOFFICE_TOKEN to a token or API key by which all call: an admin's,
    where shows are to be made.
    """
    _require("aiohttp", "matplotlib")
    plan = Plan(
        url=read_url(url, from_afar=yes_i_may),
        people=people,
        seconds=seconds,
        arrivals=arrivals,
        ramp=min(seconds, seconds / 10 if ramp is None else ramp),
        shows=tuple(filter(None, (shows or "").split(","))),
        new_shows=new_shows,
        seats=seats,
        hold=hold,
        seed=seed,
        pace=pace,
    )
    from cli.load.command import carry_out

    if carry_out(plan, report, by_api=by_api):
        raise typer.Exit(DIFFERENT)


def _require(*packages: str) -> None:
    """Say what is to be installed, which serving doesn't need."""
    for package in packages:
        if find_spec(package) is None:
            raise Unusable(f"{package} is not installed: make install-load")
