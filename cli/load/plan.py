"""What a run is to be: how many people, for how long, at what; checked before anybody comes."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from cli.failure import NO_DATABASE, UNUSABLE, Failure

# A run ends, whatever was typed: one machine's crowd, for an hour.
MOST_PEOPLE = 10_000
MOST_ARRIVALS = 1_000.0
LONGEST_SECONDS = 3_600.0
MOST_SHOWS = 100


class Unusable(Failure):
    """The plan, or what it is to be done with, can't be used; the text says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNUSABLE)


class NotHad(Failure):
    """The server or its database can't be had."""

    def __init__(self, message: str) -> None:
        super().__init__(message, NO_DATABASE)


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        url: GraphQL over HTTP.
        people: how many there are at once, at the most; without `arrivals`, always.
        arrivals: how many come a second, whoever is there already; None: one when one leaves.
        ramp: seconds within which the first come, one after the other.
        shows: the ids of shows that there are; empty: new ones are made.
        new_shows: so many, with `seats` each and holds of `hold` seconds.
        pace: what times to think are multiplied by.
    """

    url: str
    people: int
    seconds: float
    arrivals: float | None = None
    ramp: float = 0.0
    shows: tuple[str, ...] = ()
    new_shows: int = 5
    seats: int = 400
    hold: int = 30
    seed: int = 1
    pace: float = 1.0


def read_url(text: str, *, from_afar: bool) -> str:
    """The server's URL, with /graphql where no path is named.

    Raises:
        Unusable: it is no URL, or of a machine that nobody said is theirs to try.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port == 0 or parts.scheme not in ("http", "https") or parts.username:
        raise Unusable(f"{text!r} is no address such as http://127.0.0.1:8000/graphql")
    if not from_afar and not _is_loopback(host):
        raise Unusable(
            f"{host} is not this machine: a crowd of people may be an attack. If the server is "
            "yours to try, say so with --yes-i-may"
        )
    path = parts.path if parts.path.strip("/") else "/graphql"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
