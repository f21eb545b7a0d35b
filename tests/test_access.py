"""Who gets in, over HTTP, event streams and WebSockets; and which servers start at all."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from access import doorkeeper as doorkeeper_module
from access import keys as key_module
from access.doorkeeper import Doorkeeper
from access.keys import KeySet
from access.tokens import Tokens
from app import app, graphql
from db.api_keys import ApiKeys
from db.pool import Database
from server.welcome import FOR_TRYING_OUT
from tests.crowd import run
from tests.serving import PROJECT, Served, serve
from tests.tokens import AUDIENCE, ISSUER, SECRET, bearer, claims, jwk, rsa_key, token
from transport import graphql_app
from transport.sender import Sender

pytestmark = pytest.mark.any_postgres

CREATE = (
    'mutation { createShow(input: {name: "A", startTime: "2030-01-01T20:00:00Z", totalSeats: 50}) '
    "{ ... on Show { id } } }"
)
BOOK = (
    "mutation ($id: ID!) { bookSeats(input: {showId: $id, seatCount: 1}) "
    "{ ... on Booking { id userName } } }"
)
WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version } }"
JSON = "application/json"


@pytest.fixture(scope="module")
def guarded(shared_database_url: str) -> Iterator[Served]:
    settings = {"AUTH_SECRET": SECRET, "RATE_LIMIT_LOGINS": "1000/minute"}
    with serve(shared_database_url, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def show(guarded: Served) -> str:
    return str(
        ask(guarded, CREATE, bearer("boss", roles="admin")).json()["data"]["createShow"]["id"]
    )


def ask(server: Served, document: str, headers: dict[str, str], **variables: Any) -> httpx.Response:
    body = {"query": document, "variables": variables}
    return httpx.post(server.url, json=body, headers=headers, verify=False, timeout=30)


def code_of(answer: httpx.Response) -> str | None:
    errors = answer.json().get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def boxoffice(
    database_url: str, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=PROJECT,
        env={"DATABASE_URL": database_url, "PATH": "/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_visitor_a_customer_and_an_admin_get_what_is_theirs(guarded: Served, show: str) -> None:
    looks = "{ shows { edges { node { name } } } }"
    assert code_of(ask(guarded, looks, {})) is None
    assert code_of(ask(guarded, BOOK, {}, id=show)) == "UNAUTHENTICATED"
    booked = ask(guarded, BOOK, bearer("ada", name="Ada"), id=show).json()["data"]["bookSeats"]
    assert booked["userName"] == "Ada"
    assert code_of(ask(guarded, CREATE, bearer("ada"))) == "FORBIDDEN"
    assert code_of(ask(guarded, CREATE, bearer("boss", roles=["admin"]))) is None


@pytest.mark.parametrize("more", [{}, {"connection": "close"}], ids=["short way", "long way"])
@pytest.mark.parametrize("accept", [JSON, "application/graphql-response+json"])
@pytest.mark.parametrize(
    "authorization", ["Bearer nonsense", "Bearer", "Basic YTpi", "nonsense", "Bearer bo_1_guess"]
)
def test_who_shows_something_must_be_somebody(
    guarded: Served, authorization: str, accept: str, more: dict[str, str]
) -> None:
    headers = {"authorization": authorization, "accept": accept, **more}
    answer = ask(guarded, "{ __typename }", headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert code_of(answer) == "UNAUTHENTICATED"
    assert answer.json()["errors"][0]["message"] == "That token or key is not valid, or no longer."


def test_two_tokens_are_none(guarded: Served) -> None:
    headers = [("authorization", bearer()["authorization"])] * 2
    answer = httpx.post(
        guarded.url, json={"query": "{ __typename }"}, headers=headers, verify=False
    )
    assert code_of(answer) == "UNAUTHENTICATED"


def test_an_api_key_is_an_admins_until_it_is_revoked(
    guarded: Served, shared_database_url: str
) -> None:
    made = boxoffice(shared_database_url, "apikey", "create", "nightly report")
    assert (made.returncode, made.stderr) == (0, "")
    key = made.stdout.strip()
    headers = {"authorization": f"Bearer {key}"}
    assert code_of(ask(guarded, CREATE, headers)) is None
    for wrong in (key[:-1], key[:-1] + "?", key.replace("bo_1_", "bo_2_"), "bo_1_", key + "x"):
        assert ask(guarded, CREATE, {"authorization": f"Bearer {wrong}"}).status_code == 401
    listed = boxoffice(shared_database_url, "apikey", "list").stdout
    assert "nightly report" in listed
    assert key.split("_", 2)[2] not in listed
    gone = boxoffice(shared_database_url, "apikey", "revoke", key.split("_")[1])
    assert gone.returncode == 0
    deadline = time.monotonic() + 10
    while ask(guarded, CREATE, headers).status_code != 401:
        assert time.monotonic() < deadline, "it is still believed"
        time.sleep(0.2)
    assert boxoffice(shared_database_url, "apikey", "revoke", "999").returncode == 2


def test_a_token_for_trying_out_is_made(guarded: Served, shared_database_url: str) -> None:
    made = boxoffice(shared_database_url, "token", "--admin", "--name", "Boss", AUTH_SECRET=SECRET)
    headers = {"authorization": f"Bearer {made.stdout.strip()}"}
    assert code_of(ask(guarded, CREATE, headers)) is None
    without = boxoffice(shared_database_url, "token")
    assert without.returncode == 2
    assert "AUTH_SECRET" in without.stderr


@run
async def test_a_websocket_is_its_senders(guarded: Served, show: str) -> None:
    for payload, headers in (
        ({"Authorization": f"Bearer {token()}"}, {}),
        ({"authorization": f"Bearer {token()}"}, {}),
        (None, bearer()),
    ):
        async with _socket(guarded, headers) as socket:
            await _send(socket, type="connection_init", payload=payload)
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            body = {"query": BOOK, "variables": {"id": show}}
            await _send(socket, type="subscribe", id="1", payload=body)
            answer = json.loads(await socket.recv())
            assert answer["payload"]["data"]["bookSeats"]["userName"] == "ada"


@pytest.mark.parametrize(
    "payload", [{"Authorization": "Bearer nonsense"}, {"authorization": 7}, {"Authorization": ""}]
)
@run
async def test_a_websocket_of_nobody_is_closed(guarded: Served, payload: dict[str, Any]) -> None:
    async with _socket(guarded, {}) as socket:
        await _send(socket, type="connection_init", payload=payload)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, socket.close_reason) == (4403, "UNAUTHENTICATED")


@run
async def test_a_token_that_runs_out_ends_its_socket(guarded: Served, show: str) -> None:
    # The leeway is ten seconds.
    short = token(exp=int(time.time()) - 8)
    async with _socket(guarded, {}) as socket:
        await _send(socket, type="connection_init", payload={"Authorization": f"Bearer {short}"})
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        body = {"query": WATCH, "variables": {"id": show}}
        await _send(socket, type="subscribe", id="1", payload=body)
        assert json.loads(await socket.recv())["type"] == "next"
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 10)
        assert (socket.close_code, socket.close_reason) == (4403, "The token has expired.")


def test_a_token_that_runs_out_ends_its_event_stream(guarded: Served, show: str) -> None:
    headers = {
        "authorization": f"Bearer {token(exp=int(time.time()) - 8)}",
        "accept": "text/event-stream",
    }
    body = {"query": WATCH, "variables": {"id": show}}
    with httpx.stream(
        "POST", guarded.url, json=body, headers=headers, verify=False, timeout=15
    ) as answer:
        text = answer.read().decode()
    first, last = (json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {"))
    assert "data" in first
    assert last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert "event: complete" in text


@run
async def test_a_revoked_key_ends_its_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    known, asked = [7], asyncio.Semaphore(0)

    class Keys:
        async def find(self, text: str) -> int | None:
            asked.release()
            return known[0] if known else None

        def knows(self, text: str) -> bool:
            return True

    class NoTokens:
        def recall(self, text: str) -> None: ...

    monkeypatch.setattr(doorkeeper_module, "ASK_AGAIN", 0.01)
    keeper = doorkeeper_module.Doorkeeper(NoTokens(), Keys())  # type: ignore[arg-type]
    monkeypatch.setattr(graphql, "doorkeeper", keeper, raising=False)
    monkeypatch.setattr(graphql, "office", None, raising=False)
    sender = Sender(authorization="Bearer bo_7_x")
    context = {**await graphql.make_context(sender), "sender": sender}
    watch = graphql.watch(context)
    assert watch
    watching = asyncio.create_task(watch())
    for _ in range(5):
        await asyncio.wait_for(asked.acquire(), 5)
    assert not watching.done()
    known.clear()
    await asyncio.wait_for(watching, 5)


@run
async def test_a_withdrawn_key_ends_the_watch_of_its_tokens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(key_module, "RENEWAL", timedelta(milliseconds=5))
    monkeypatch.setattr(key_module, "LEAST_PAUSE", timedelta(milliseconds=5))
    monkeypatch.setattr(graphql_app, "LONGEST_SLEEP", 0.01)
    key, file = rsa_key(), tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [jwk(key, "a")]}))
    keys = KeySet(str(file))
    await keys.open()
    keeper = doorkeeper_module.Doorkeeper(Tokens(keys, ISSUER, AUDIENCE), NoKeys())
    monkeypatch.setattr(graphql, "doorkeeper", keeper, raising=False)
    monkeypatch.setattr(graphql, "office", None, raising=False)
    right = jwt.encode(claims(), key, "RS256", headers={"kid": "a"})
    sender = Sender(authorization=f"Bearer {right}")
    watch = graphql.watch({**await graphql.make_context(sender), "sender": sender})
    assert watch
    watching = asyncio.create_task(watch())
    assert not (await asyncio.wait({watching}, timeout=0.1))[0]
    file.write_text(json.dumps({"keys": [jwk(rsa_key(), "b")]}))
    await asyncio.wait_for(watching, 5)
    await keys.close()


class NoKeys:
    """No API key at all."""

    async def find(self, text: str) -> int | None:
        return None

    def knows(self, text: str) -> bool:
        return False


def test_public_keys_from_a_file_let_in(shared_database_url: str, tmp_path: Any) -> None:
    key = rsa_key()
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk(key, "a")]}))
    settings = {
        "AUTH_JWKS": str(tmp_path / "jwks.json"),
        "AUTH_ISSUER": "https://id.example",
        "AUTH_AUDIENCE": "shop",
    }
    more = {"iss": "https://id.example", "aud": "shop", "roles": ["admin"]}
    with serve(shared_database_url, **settings) as server:
        right = jwt.encode(claims("boss", **more), key, "RS256", headers={"kid": "a"})
        assert code_of(ask(server, CREATE, {"authorization": f"Bearer {right}"})) is None
        assert ask(server, CREATE, bearer("boss", **more)).status_code == 401


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"HOST": "0.0.0.0"}, "admin"),
        ({"HOST": "::"}, "admin"),
        ({"AUTH_SECRET": "short"}, "AUTH_SECRET"),
        ({"AUTH_SECRET": SECRET, "AUTH_JWKS": "x"}, "not both"),
        ({"AUTH_JWKS": "x"}, "AUTH_ISSUER"),
    ],
)
def test_a_server_that_would_let_everybody_in_does_not_start(
    shared_database_url: str, settings: dict[str, str], word: str
) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "server"],
        cwd=PROJECT,
        env={"DATABASE_URL": shared_database_url, "PORT": "0", "PATH": "/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 2
    assert word in started.stderr
    assert SECRET not in started.stderr + started.stdout


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("[::1]", 200), ("192.0.2.1", 403)]
)
@run
async def test_whoever_runs_it_a_server_that_lets_everybody_in_serves_only_this_machine(
    host: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under uvicorn as it comes, too, where nobody has looked at HOST before."""
    keys = ApiKeys(Database("postgresql://"))
    monkeypatch.setattr(graphql, "doorkeeper", Doorkeeper(None, keys), raising=False)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        answer = await client.get("/healthz")
    assert answer.status_code == status
    assert (code_of(answer) == "FORBIDDEN") == (status == 403)


def test_who_is_for_trying_out_says_so(served: Served) -> None:
    assert "EVERYONE WHO REACHES THIS SERVER IS ADMIN" in FOR_TRYING_OUT
    assert code_of(ask(served, CREATE, {})) is None


def _socket(server: Served, headers: dict[str, str]) -> connect:
    subprotocols = [Subprotocol("graphql-transport-ws")]
    return connect(server.socket_url, subprotocols=subprotocols, additional_headers=headers)


async def _send(socket: Any, **message: Any) -> None:
    await socket.send(json.dumps({k: v for k, v in message.items() if v is not None}))
