"""compose.yaml, without containers: the same commands, settings and files, at other addresses."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from db import limits
from db.embedded.server import PostgresServer
from tests.conftest import url_of
from tests.crowd import run
from tests.customers import Sale, admin
from tests.daemons import needs, rewritten
from tests.fleet import Fleet, fleet, service
from tests.pooler import COMPOSE

pytestmark = [needs("pgbouncer", "nginx"), pytest.mark.any_postgres]

WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version seats { number status } } }"
CONNECTIONS = limits.POOL_SIZE + limits.LINES

TAKEN_OF_THE_LAST_SHOW = (
    "SELECT number FROM taken_seats WHERE show_id = (SELECT max(id) FROM shows)"
)
CONNECTIONS_IN_USE = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database and its owner, as PostgreSQL's container makes them at its first start."""
    name = "composed"
    secret = tmp_path_factory.mktemp("secret") / "boxoffice_password"
    secret.write_text("not used: the tests' PostgreSQL trusts its socket")
    changes = {
        "/run/secrets/boxoffice_password": str(secret),
        "ROLE boxoffice": f"ROLE {name}",
        "DATABASE boxoffice OWNER boxoffice": f"DATABASE {name} OWNER {name}",
    }
    assert postgres.bin_dir
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    command = [str(postgres.bin_dir / "psql"), postgres.url, *options]
    script = rewritten(COMPOSE / "postgres.sql", changes).encode()
    subprocess.run(command, input=script, check=True)
    yield name
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        conn.execute(f"DROP ROLE {name}".encode())


@pytest.fixture(scope="module")
def up(postgres: PostgresServer, database: str) -> Iterator[Fleet]:
    """What `docker compose up` brings."""
    with fleet(postgres, database, user=database) as going:
        yield going


async def _watch_socket(up: Fleet, show: str, seen: asyncio.Queue[Any]) -> None:
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(f"ws://{up.address}/graphql", subprotocols=protocols) as ws:
        await ws.send('{"type": "connection_init"}')
        await ws.recv()
        payload = {"query": WATCH, "variables": {"id": show}}
        await ws.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        async for message in ws:
            await seen.put(orjson.loads(message)["payload"]["data"]["seatMap"])


async def _watch_stream(up: Fleet, show: str, seen: asyncio.Queue[Any]) -> None:
    body = {"query": WATCH, "variables": {"id": show}}
    headers = {"accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(timeout=20, verify=False) as http,
        http.stream("POST", f"http://{up.address}/graphql", json=body, headers=headers) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                await seen.put(orjson.loads(line[6:])["data"]["seatMap"])


@run
async def test_who_watches_through_the_proxy_sees_a_booking_at_once(up: Fleet) -> None:
    async with admin(up) as client:
        show = await client.create()
        queues = [asyncio.Queue[Any](), asyncio.Queue[Any]()]
        watchers = [
            asyncio.create_task(watch(up, show, queue))
            for watch, queue in zip((_watch_socket, _watch_stream), queues, strict=True)
        ]
        firsts = [await asyncio.wait_for(queue.get(), 10) for queue in queues]
        assert [first["version"] for first in firsts] == [0, 0]
        assert (await client.book(show, 7))["status"] == "PENDING"
        changes = [await asyncio.wait_for(queue.get(), 3) for queue in queues]
        assert changes == [{"version": 1, "seats": [{"number": 7, "status": "PENDING"}]}] * 2
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


@run
async def test_servers_are_replaced_one_by_one_and_who_repeats_a_key_sees_no_failure(
    up: Fleet, postgres: PostgresServer, database: str
) -> None:
    async with admin(up) as client, Sale(client, await client.create()) as sale:
        for name in ("app-1", "app-2"):
            await sale.goes_on()
            assert await asyncio.to_thread(up.stop, name) == 0
            await sale.goes_on()
            await asyncio.to_thread(up.start, name)
            await sale.goes_on()
    with psycopg.connect(url_of(postgres, database)) as conn:
        taken = conn.execute(TAKEN_OF_THE_LAST_SHOW).fetchall()
        [(used,)] = conn.execute(CONNECTIONS_IN_USE).fetchall()
    assert sorted(seat for (seat,) in taken) == sorted(sale.booked)
    assert used <= 2 * CONNECTIONS


@needs("wget")
def test_the_health_check_of_the_proxy_goes_through_it_to_a_server(up: Fleet) -> None:
    _, *command = service("proxy")["healthcheck"]["test"]
    checked = [word.replace("127.0.0.1:8080", up.address) for word in command]
    subprocess.run(checked, check=True, timeout=10)


def test_no_secret_is_where_other_users_or_containers_see_it(up: Fleet) -> None:
    secrets = [path.read_bytes().strip() for path in up.secrets.iterdir()]
    password = urlsplit((up.secrets / "database_url").read_text("utf-8")).password
    assert password
    for process in up.processes.values():
        for name in ("cmdline", "environ"):
            seen = Path(f"/proc/{process.pid}/{name}").read_bytes()
            assert not any(secret in seen for secret in (*secrets, password.encode()))


@run
async def test_each_server_tells_its_metrics_inside_to_who_has_the_token(up: Fleet) -> None:
    token = (up.secrets / "metrics_token").read_text("utf-8")
    for name in ("app-1", "app-2"):
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{up.ports[name]}", verify=False
        ) as http:
            assert (await http.get("/metrics")).status_code == 401
            told = await http.get("/metrics", headers={"authorization": f"Bearer {token}"})
            assert "boxoffice_" in told.text


@run
async def test_the_proxy_keeps_metrics_and_large_bodies_out(up: Fleet) -> None:
    async with httpx.AsyncClient(base_url=f"http://{up.address}", verify=False) as http:
        hidden = await http.get("/metrics")
        assert hidden.status_code == 404
        assert "nginx" in hidden.text  # no server was asked
        assert (await http.get("/readyz")).status_code == 200
        body = b'{"query": "' + b" " * (1 << 20) + b'"}'
        json = {"content-type": "application/json"}
        assert (await http.post("/graphql", content=body, headers=json)).status_code == 413


@run
async def test_a_client_is_counted_whatever_it_says_of_where_it_comes_from(up: Fleet) -> None:
    async def log_in_badly(http: httpx.AsyncClient, number: int) -> str:
        headers = {"authorization": "Bearer no", "x-forwarded-for": f"192.0.2.{number}"}
        answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        code: str = answer.json()["errors"][0]["extensions"]["code"]
        return code

    async with httpx.AsyncClient(base_url=f"http://{up.address}", verify=False) as http:
        # Each of the two servers lets ten of them fail in a minute.
        codes = [await log_in_badly(http, number) for number in range(22)]
    assert codes[0] == "UNAUTHENTICATED"
    assert "RATE_LIMITED" in codes


def test_the_pooler_has_connections_for_all_and_for_those_that_replace_them() -> None:
    lines = Path(COMPOSE / "pgbouncer.ini").read_text("utf-8").splitlines()
    [size] = [int(line.split("=")[1]) for line in lines if line.startswith("default_pool_size")]
    assert size >= 4 * CONNECTIONS + 6
