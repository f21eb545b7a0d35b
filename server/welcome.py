"""The screen that greets whoever starts the server: where it listens, where the data is, a try."""

import json
import socket
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict

from db.embedded.binaries import server_version
from db.embedded.server import PostgresServer
from settings import Settings

TRY = (
    'mutation { createShow(input: {name: "Matinee", startTime: "2030-01-01T20:00:00Z", '
    "totalSeats: 100}) { ... on Show { id } } }"
)
FOR_TRYING_OUT = """
  #############################################################
  #   FOR TRYING OUT: THERE IS NO ACCESS CONTROL.             #
  #   EVERYONE WHO REACHES THIS SERVER IS ADMIN.              #
  #   Set AUTH_SECRET or AUTH_JWKS before anybody else does.  #
  #############################################################
"""
COUNTED_APART = """
    Each process counts the rate limits for itself: one client gets {processes} times as much
    as they say. Set REDIS_URL to have them counted together.
"""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Place:
    """Where the data is, in two lines for a person."""

    location: str
    engine: str


def place_of_server(server: PostgresServer) -> Place:
    """Describe our own PostgreSQL."""
    assert server.bin_dir is not None
    version = server_version(server.bin_dir)
    return Place(f"{server.data_dir}", f"PostgreSQL {version} of our own, from {server.bin_dir}")


def place_of_url(url: str) -> Place:
    """Describe somebody else's PostgreSQL, without user or password."""
    words = conninfo_to_dict(url)
    host = words.get("host") or words.get("hostaddr") or "the default host"
    port = f":{words['port']}" if words.get("port") else ""
    return Place(f"{host}{port}, database {words.get('dbname') or 'default'}", "DATABASE_URL")


def welcome(listener: socket.socket, place: Place, settings: Settings) -> str:
    """Return the screen: addresses, data, and a command that works when pasted."""
    address = _address(listener)
    trusted = settings.trusted_documents
    explorer = "  (in a browser: the explorer)" if settings.introspection and not trusted else ""
    return f"""
  Boxoffice
{FOR_TRYING_OUT if settings.open_to_all else ""}
    GraphQL   {address}/graphql{explorer}
    Health    {address}/healthz  {address}/readyz
    Metrics   {address}/metrics
    Data      {place.location}
              {place.engine}
{_counted_apart(settings)}
{f"  Serves the documents in {trusted}, and no others." if trusted else _try_it(address, settings)}

  Ctrl-C stops it; the data stays.

"""


def _counted_apart(settings: Settings) -> str:
    """A note where each of several processes counts the rate limits for itself."""
    together = settings.open_to_all or settings.redis_url or settings.web_concurrency == 1
    return "" if together else COUNTED_APART.format(processes=settings.web_concurrency)


def _try_it(address: str, settings: Settings) -> str:
    token = "" if settings.open_to_all else " -H 'authorization: Bearer '$TOKEN"
    return f"""  Try it:

    curl {address}/graphql -H 'content-type: application/json'{token} \\
      -d '{json.dumps({"query": TRY})}'"""


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
