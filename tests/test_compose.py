"""compose.yaml, without containers: the same commands, settings and files, at other addresses."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
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
from tests.crowd import BOOK, run
from tests.fleet import COMPOSE, Fleet, fleet, needs, rewritten

pytestmark = needs("pgbouncer", "nginx")

CREATE = "mutation ($input: CreateShowInput!) { createShow(input: $input) { ... on Show { id } } }"
WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version seats { number status } } }"
SHOW = {"name": "Composed", "startTime": "2031-05-01T19:30:00Z", "totalSeats": 5_000}
BOOKERS = 8
# What a proxy says where a server broke off, or doesn't answer.
COME_AGAIN = {502, 503, 504}
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


class Client:
    """An admin at the proxy, who asks again with the same key where that failed."""

    def __init__(self, up: Fleet, http: httpx.AsyncClient) -> None:
        self._url, self._http = f"http://{up.address}/graphql", http
        self._http.headers["authorization"] = f"Bearer {up.run('boxoffice', 'token', '--admin')}"

    async def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        for _ in range(3):
            answer = await self._http.post(self._url, json=body)
            if answer.status_code == 200 and "errors" not in answer.json():
                return answer.json()["data"]
            assert answer.status_code in COME_AGAIN, answer.text
        raise AssertionError(answer.text)

    async def book(self, show: str, seat: int) -> Any:
        given = {
            "showId": show,
            "seatNumbers": [seat],
            "userName": "Ada",
            "idempotencyKey": f"seat {seat}",
        }
        return (await self.ask(BOOK, input=given))["bookSeats"]

    async def create(self) -> str:
        show: str = (await self.ask(CREATE, input=SHOW))["createShow"]["id"]
        return show


class Sale:
    """Many who book one seat after another until the block ends, none of whom may fail."""

    def __init__(self, client: Client, show: str) -> None:
        self.booked: list[int] = []
        self._client, self._show, self._seats = client, show, count(1)
        self._stopping = False

    async def __aenter__(self) -> "Sale":
        self._bookers = [asyncio.create_task(self._book()) for _ in range(BOOKERS)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._bookers)

    async def goes_on(self) -> None:
        """Wait until some more is booked."""
        aim = len(self.booked) + 50
        while len(self.booked) < aim:
            failed, _ = await asyncio.wait(self._bookers, timeout=0.02)
            for booker in failed:
                booker.result()

    async def _book(self) -> None:
        while not self._stopping:
            made = await self._client.book(self._show, seat := next(self._seats))
            assert made["__typename"] == "Booking", made
            self.booked.append(seat)


@asynccontextmanager
async def admin(up: Fleet) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(timeout=20, verify=False) as http:
        yield Client(up, http)


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
