"""Who may read the metrics, in which format, and what is told while the database is away."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from access.doorkeeper import Doorkeeper
from access.monitors import Monitors
from app import app, graphql
from db.api_keys import ApiKeys
from db.embedded.server import PostgresServer
from db.migrations import migrate
from db.pool import Database
from tests.conftest import NOT_DURABLE, bin_dir_of
from tests.crowd import run
from tests.scraping import Scrape, becomes
from tests.serving import Served, serve
from tests.test_outage import outage
from tests.tokens import SECRET, bearer

TOKEN = "a token of the tests' monitor, 32 bytes and more"
MONITOR = {"authorization": f"Bearer {TOKEN}"}
BOSS = bearer("boss", roles="admin")
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0"
# What a scrape may take while the database is away.
TOLD_WITHIN = 2.5


@pytest.fixture(scope="module")
def database(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, to be stopped and started."""
    data_dir = tmp_path_factory.mktemp("metrics") / "data"
    with PostgresServer(data_dir, bin_dir_of(pytestconfig), NOT_DURABLE) as server:
        migrate(server.url)
        yield server


@pytest.fixture(scope="module")
def guarded(database: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with access control, which has the token from a file."""
    secrets = tmp_path_factory.mktemp("secrets")
    (secrets / "metrics_token").write_text(f"{TOKEN}\n")
    with serve(database.url, AUTH_SECRET=SECRET, SECRETS_DIR=str(secrets)) as server:
        yield server


def get(server: Served, headers: dict[str, str] | None = None) -> httpx.Response:
    url = f"http://{server.address}/metrics"
    return httpx.get(url, headers=headers, verify=False, timeout=10)


@pytest.mark.parametrize("headers", [MONITOR, BOSS], ids=["monitor", "admin"])
def test_the_monitor_and_admins_may_read(guarded: Served, headers: dict[str, str]) -> None:
    assert "boxoffice_bookings_total" in get(guarded, headers).text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("ada"),
        {"authorization": "Bearer nonsense"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
    ],
)
def test_nobody_else_may_and_is_told_why(guarded: Served, headers: dict[str, str]) -> None:
    answer = get(guarded, headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert error["message"]
    assert "boxoffice_" not in answer.text


def test_the_monitors_token_is_for_nothing_else(guarded: Served) -> None:
    query = {"query": "{ shows { edges { cursor } } }"}
    assert httpx.post(guarded.url, json=query, headers=MONITOR, verify=False).status_code == 401


@pytest.mark.parametrize(("host", "status"), [("192.0.2.1", 403), ("shop.example", 403)])
@run
async def test_without_access_control_only_this_machine_may(
    host: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ApiKeys(Database("postgresql://"))
    monkeypatch.setattr(graphql, "doorkeeper", Doorkeeper(None, keys), raising=False)
    monkeypatch.setattr(app.state, "monitors", Monitors(None), raising=False)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        assert (await client.get("/metrics")).status_code == status


def test_the_format_is_the_one_that_is_asked_for(guarded: Served) -> None:
    assert get(guarded, MONITOR).headers["content-type"] == PLAIN
    nonsense = {**MONITOR, "accept": "text/plain; version=any"}
    assert get(guarded, nonsense).headers["content-type"] == PLAIN
    answer = get(guarded, {**MONITOR, "accept": f"{OPEN},{PLAIN};q=0.5"})
    assert answer.headers["content-type"].startswith(OPEN)
    parsed: Any = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    families = {family.name for family in parsed}
    assert "boxoffice_bookings" in families, "OpenMetrics calls a counter without its _total"


def test_prometheus_finds_nothing_to_complain_of(guarded: Served) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; Debian has it in its package prometheus")
    told = get(guarded, MONITOR).text
    found = subprocess.run(
        [promtool, "check", "metrics"], input=told, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_while_the_database_is_away_the_rest_is_told(
    guarded: Served, database: PostgresServer
) -> None:
    def told() -> Scrape:
        began = time.monotonic()
        answer = get(guarded, MONITOR)
        assert answer.status_code == 200, answer.text
        assert time.monotonic() - began < TOLD_WITHIN
        return Scrape(answer.text)

    becomes(guarded, "boxoffice_database_up", lambda found: found == 1, headers=MONITOR)
    assert told().sum("boxoffice_seats") == 0
    with outage(database):
        becomes(guarded, "boxoffice_database_up", lambda found: found == 0, headers=MONITOR)
        away = told()
        assert away.sum("boxoffice_seats") is None, "nobody knows"
        assert away.sum("boxoffice_postgres_info") is None
        assert (away.sum("boxoffice_processes"), away.sum("boxoffice_database_up")) == (1, 0)
        becomes(guarded, "boxoffice_sweeps_total", bool, headers=MONITOR, outcome="failed")
    becomes(guarded, "boxoffice_database_up", lambda found: found == 1, headers=MONITOR)
