"""Trusted documents: what is not one is refused, whichever way it comes and whoever asks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from execution.documents import NOT_TRUSTED, DocumentError, read_documents
from resolvers.api import schema
from tests.crowd import run
from tests.serving import PROJECT, Served, serve

HELLO = "query Hello { __typename }"
TWO = "# Two of them.\r\nquery One { a: __typename }\r\nquery Two { b: __typename }\r\n"
SAYS = {"__typename": "Query"}
WAYS = ["short way", "long way", "GET", "event stream", "WebSocket"]


@pytest.fixture(scope="module")
def trusting(
    shared_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server that everybody is admin of, with trusted documents."""
    directory = tmp_path_factory.mktemp("documents")
    (directory / "below").mkdir()
    (directory / "hello.graphql").write_bytes(f"\n{HELLO}\n".encode())
    (directory / "below" / "two.graphql").write_bytes(TWO.encode())
    with serve(shared_database_url, TRUSTED_DOCUMENTS=str(directory)) as server:
        yield server


def named(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}


async def ask(server: Served, way: str, **request: Any) -> dict[str, Any]:
    """The answer to a request, with nothing in it but `data` and `errors`."""
    if way == "WebSocket":
        return await ask_by_socket(server, request)
    async with httpx.AsyncClient(verify=False) as client:
        if way == "GET":
            given = {k: v if isinstance(v, str) else json.dumps(v) for k, v in request.items()}
            return dict((await client.get(server.url, params=given)).json())
        headers = {
            "long way": {"connection": "close"},
            "event stream": {"accept": "text/event-stream"},
        }.get(way, {})
        answer = (await client.post(server.url, json=request, headers=headers)).text
    if way == "event stream":
        answer = next(line[6:] for line in answer.splitlines() if line.startswith("data: {"))
    return dict(json.loads(answer))


async def ask_by_socket(server: Served, request: dict[str, Any]) -> dict[str, Any]:
    subprotocols = [Subprotocol("graphql-transport-ws")]
    async with connect(server.socket_url, subprotocols=subprotocols, max_size=None) as socket:
        await socket.send('{"type": "connection_init"}')
        await socket.recv()
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": request}))
        message = json.loads(await socket.recv())
        return dict(
            message["payload"] if message["type"] == "next" else {"errors": message["payload"]}
        )


def refusal(answer: dict[str, Any]) -> tuple[str, str]:
    [error] = answer["errors"]
    return error["message"], error["extensions"]["code"]


@pytest.mark.parametrize("way", WAYS)
@run
async def test_a_trusted_document_is_run_by_text_and_by_hash(trusting: Served, way: str) -> None:
    for text in (HELLO, f"\n{HELLO}\n"):  # as the file has it, and without the space around
        for request in (
            {"query": text},
            {"extensions": named(text)},
            {"query": None, "extensions": named(text)},
            {"query": "", "extensions": named(text)},
            {"query": text, "extensions": named(text)},
        ):
            if way == "GET":
                request = {name: value for name, value in request.items() if value}
            assert (await ask(trusting, way, **request))["data"] == SAYS
    two = {"extensions": named(TWO), "operationName": "Two"}
    assert (await ask(trusting, way, **two))["data"] == {"b": "Query"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "text", [HELLO + " ", "{ __typename }", "{ __schema { __typename } }", "{"]
)
@run
async def test_any_other_document_is_refused(trusting: Served, way: str, text: str) -> None:
    for request in (
        {"query": text},
        {"extensions": named(text)},
        {"query": text, "extensions": named(text)},
    ):
        assert refusal(await ask(trusting, way, **request)) == (NOT_TRUSTED, "FORBIDDEN")


@pytest.mark.parametrize("way", WAYS)
@run
async def test_text_and_hash_must_agree(trusting: Served, served: Served, way: str) -> None:
    for server in (trusting, served):
        request = {"query": HELLO, "extensions": named(TWO)}
        message, code = refusal(await ask(server, way, **request))
        assert code == "BAD_REQUEST"
        assert "sha256Hash" in message


@pytest.mark.parametrize("way", WAYS)
@run
async def test_without_trusted_documents_clients_are_told_to_send_the_text(
    served: Served, way: str
) -> None:
    told = refusal(await ask(served, way, extensions=named(HELLO)))
    assert told == ("PersistedQueryNotSupported", "BAD_REQUEST")
    assert (await ask(served, way, query=HELLO, extensions=named(HELLO)))["data"] == SAYS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "asked",
    [
        1,
        [],
        {},
        {"version": 1},
        {"sha256Hash": "a"},
        {"version": 2, "sha256Hash": "a"},
        {**named(HELLO)["persistedQuery"], "version": 2},
        {"version": 1, "sha256Hash": None},
        {"version": 1, "sha256Hash": ["a"]},
    ],
)
@run
async def test_what_is_no_hash_is_a_bad_request(trusting: Served, way: str, asked: Any) -> None:
    message, code = refusal(await ask(trusting, way, extensions={"persistedQuery": asked}))
    assert code == "BAD_REQUEST"
    assert "persistedQuery" in message


@pytest.mark.parametrize("request_", [{}, {"extensions": {"a": 1}}, {"extensions": {}}])
def test_who_asks_for_nothing_is_told_so(trusting: Served, request_: dict[str, Any]) -> None:
    answer = httpx.post(trusting.url, json=request_, verify=False)
    assert (answer.status_code, refusal(answer.json())[1]) == (400, "BAD_REQUEST")


def test_statuses_say_it_too_and_there_is_no_explorer(trusting: Served) -> None:
    accept = {"accept": "application/graphql-response+json"}
    answer = httpx.post(trusting.url, json={"query": "{ a }"}, headers=accept, verify=False)
    assert answer.status_code == 403
    html = {"accept": "text/html"}
    assert "graphiql" not in httpx.get(trusting.url, headers=html, verify=False).text.lower()
    asked = {"extensions": json.dumps(named(HELLO))}
    found = httpx.get(trusting.url, params=asked, headers=html, verify=False)
    assert found.json()["data"] == SAYS


@pytest.mark.parametrize(
    ("file", "text", "word"),
    [
        ("a.graphql", "{ __typename", "Syntax Error"),
        ("b.graphql", "{ nothing }", "nothing"),
        ("c.graphql", "fragment F on Query { __typename }", "never used"),
        (
            "d.graphql",
            "{ shows(first: 100) { edges { node { seatMap { seats { row } } } } } }",
            "asks for",
        ),
        ("e.graphql", b"{ \xff }", "utf-8"),
        ("f.graphql", "", "Syntax Error"),
    ],
)
def test_a_document_that_could_not_be_run_is_named(
    tmp_path: Path, file: str, text: str | bytes, word: str
) -> None:
    (tmp_path / "ok.graphql").write_text(HELLO)
    read_documents(tmp_path, schema.check_document)
    (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DocumentError) as told:
        read_documents(tmp_path, schema.check_document)
    assert str(told.value).startswith(str(tmp_path / file))
    assert word in str(told.value)


@pytest.mark.parametrize("file", ["bad.graphql", None])
def test_a_server_whose_documents_could_not_be_run_does_not_start(
    shared_database_url: str, tmp_path: Path, file: str | None
) -> None:
    directory = tmp_path if file else tmp_path / "nowhere"
    (tmp_path / "bad.graphql").write_text("{ nothing }")
    env = {"DATABASE_URL": shared_database_url, "PORT": "0", "PATH": "/usr/bin:/bin"}
    started = subprocess.run(
        [sys.executable, "-m", "server"],
        cwd=PROJECT,
        env={**env, "TRUSTED_DOCUMENTS": str(directory)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert started.returncode == 2, started.stderr
    assert started.stderr.startswith("boxoffice: TRUSTED_DOCUMENTS: ")
    assert (file or "nowhere") in started.stderr
