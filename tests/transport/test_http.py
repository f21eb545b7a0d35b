"""GraphQL over HTTP: what is answered, and with which status and type."""

import asyncio
import json
import socket
import time
from typing import Any

import httpx
import pytest

from execution.limits import MAX_TOKENS
from execution.schema import Schema
from schema.errors import Unavailable
from tests.transport.stage import (
    DEEP,
    JSON,
    BrokenError,
    Logged,
    Query,
    assert_refusal,
    feed,
    open_socket,
    request_head,
)
from transport.bodies import GRAPHQL, MAX_BODY_BYTES, PLAIN
from transport.graphql_app import GraphQLApp
from transport.hints import hints


def test_a_refusal_for_now_says_when_in_its_head() -> None:
    body = b'{"errors":[{"extensions":{"code":"UNAVAILABLE","retryAfter":2}}]}'
    assert hints(503, body) == [(b"retry-after", b"2")]
    assert hints(429, body) == [(b"retry-after", b"2")]
    assert hints(200, body) == hints(400, body) == []
    assert hints(503, b'{"errors":[{"extensions":{"outcome":"UNKNOWN"}}]}') == []


# HTTP: what is no request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'[{"query":"{echo}"}]',
        b'"text"',
        b"1",
        b"null",
        b"{}",
        b'{"query":null}',
        b'{"query":""}',
        b'{"query":1}',
        b'{"query":["{echo}"]}',
        b'{"query":"{echo}","variables":[]}',
        b'{"query":"{echo}","variables":"{}"}',
        b'{"query":"{echo}","operationName":1}',
        b'{"query":"{echo}","extensions":[]}',
        b'{"query":"{echo}","variables":{"a":NaN}}',
        b'{"query":"{echo}","variables":{"a":Infinity}}',
        b'{"query":"{echo}","variables":{"a":1e400}}',
        b'{"query":"{echo}","variables":{"a":"\\ud800"}}',
        b'{"query":"{echo(text: \\"\\ud800\\")}"}',
        b'{"query":"{echo}","variables":{"a":"\xff"}}',
        b'\xef\xbb\xbf{"query":"{echo}"}',
        b'{"query":"{echo}","variables":{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
        '{"query":"{echo}"}'.encode("utf-16"),
    ],
)
def test_a_malformed_body_is_refused(client: httpx.Client, body: bytes) -> None:
    assert_refusal(client.post("", content=body, headers=JSON), 400)
    accepts = {**JSON, "accept": GRAPHQL}
    assert_refusal(client.post("", content=body, headers=accepts), 400, media_type=GRAPHQL)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "text/application/json",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json; charset*=utf-16''x",
    ],
)
def test_a_body_that_is_not_utf8_json_by_name_is_refused(
    client: httpx.Client, content_type: str
) -> None:
    headers = {"content-type": content_type}
    assert_refusal(client.post("", content=b'{"query":"{echo}"}', headers=headers), 415)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_utf8_may_be_named(client: httpx.Client, charset: str) -> None:
    headers = {"content-type": f"application/json; charset={charset}"}
    response = client.post("", content=b'{"query":"{echo}"}', headers=headers)
    assert response.json() == {"data": {"echo": "hello"}}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_told_which_are_allowed(client: httpx.Client, method: str) -> None:
    response = client.request(method, "")
    assert_refusal(response, 405)
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": "{echo}", "variables": "{"},
        {"query": "{echo}", "variables": "[]"},
        {"query": "{echo}", "variables": '"text"'},
        {"query": "{echo}", "extensions": "1"},
    ],
)
def test_a_malformed_url_is_refused(client: httpx.Client, parameters: dict[str, str]) -> None:
    assert_refusal(client.get("", params=parameters), 400)


def test_a_query_may_come_by_get(client: httpx.Client) -> None:
    parameters = {
        "query": "query Say($text: String!) { echo(text: $text) }",
        "variables": '{"text": "hi"}',
        "operationName": "Say",
    }
    assert client.get("", params=parameters).json() == {"data": {"echo": "hi"}}


def test_a_mutation_by_get_is_refused(client: httpx.Client) -> None:
    response = client.get("", params={"query": "mutation { greet }"})
    assert_refusal(response, 405)
    assert response.headers["allow"] == "POST"


def test_a_subscription_without_a_stream_is_refused(client: httpx.Client) -> None:
    assert_refusal(client.post("", json={"query": "subscription { count }"}), 400)
    assert feed.opened == 0


def test_a_body_too_large_by_its_length_is_refused_before_it_is_read(address: str) -> None:
    with open_socket(address) as raw:
        raw.sendall(request_head(f"content-length: {10 * MAX_BODY_BYTES}"))
        assert_answered_413(raw)


def test_a_body_that_grows_too_large_is_refused(address: str) -> None:
    with open_socket(address) as raw:
        raw.sendall(request_head("transfer-encoding: chunked"))
        chunk = b"%x\r\n" % 65_536 + b" " * 65_536 + b"\r\n"
        for _ in range(MAX_BODY_BYTES // 65_536 + 1):
            raw.sendall(chunk)
        assert_answered_413(raw)


def test_a_client_that_sends_all_of_a_large_body_first_still_reads_the_answer(
    client: httpx.Client,
) -> None:
    response = client.post("", content=b" " * 5 * MAX_BODY_BYTES, headers=JSON)
    assert_refusal(response, 413)
    assert client.post("", json={"query": "{echo}"}).status_code == 200


def test_a_client_that_leaves_while_it_sends_is_no_error(address: str) -> None:
    with open_socket(address) as raw:
        raw.sendall(request_head("content-length: 100"))
        raw.sendall(b'{"query":')
    time.sleep(0.05)


def assert_answered_413(raw: socket.socket) -> None:
    answer = raw.recv(65_536).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert "connection: close" in answer
    assert '"code":"BAD_REQUEST"' in answer


def test_a_browser_is_shown_graphiql_and_nobody_else(client: httpx.Client) -> None:
    page = client.get("", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert_refusal(client.get("", headers={"accept": "*/*"}), 400)


# HTTP: what is a request, and fails


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{", None),
        ("type Query { a: Int }", None),
        ("fragment F on Query { echo }", None),
        ("{ nonsense }", None),
        ("query A { echo } query B { echo }", None),
        ("{ echo(text: 1) }", None),
        ("{ echo(number: 99999999999) }", None),
        ("{ echo(number: " + "9" * 5_000 + ") }", None),
        ("{ colour(colours: [GREEN]) }", None),
        ("query ($x: Int!) { echo(number: $x) }", None),
        ("query ($x: Int!) { echo(number: $x) }", {"x": 2**64}),
        ("query ($x: Int!) { echo(number: $x) }", {"x": "1"}),
        ("query ($x: Int!) { echo(number: $x) }", {"x": json.loads("[" * 500 + "]" * 500)}),
        ("query ($x: String!) { echo(text: $x) }", {"x": None}),
        ("query ($x: String!) { echo(text: $x) }", {"x": 2**64}),
        ("query ($x: [Colour!]!) { colour(colours: $x) }", {"x": ["GREEN"]}),
        ("query ($x: [Colour!]!) { colour(colours: $x) }", {"x": ["G" * 100_000]}),
        (DEEP, None),
        ("{ again" * 250 + "{ echo }" + "}" * 250, None),
        ("{ echo(text: " + "[" * 5_000 + "]" * 5_000 + ") }", None),
        ("{" + "echo " * 100_000 + "}", None),
        ("{" + "echo " * MAX_TOKENS + "}", None),
        ("{ echo" + " " * 200_000 + "}", None),
    ],
)
def test_a_document_that_cannot_run_is_the_clients_mistake(
    client: httpx.Client, query: str, variables: dict[str, Any] | None
) -> None:
    request = {"query": query, "variables": variables}
    started = time.monotonic()
    assert_refusal(client.post("", json=request), 200)
    strict = client.post("", json=request, headers={"accept": GRAPHQL})
    assert_refusal(strict, 400, media_type=GRAPHQL)
    assert len(strict.content) < 2_000
    assert time.monotonic() - started < 2


def test_the_operation_named_is_the_one_that_runs(client: httpx.Client) -> None:
    request = {"query": 'query A { echo } query B { echo(text: "b") }', "operationName": "B"}
    assert client.post("", json=request).json() == {"data": {"echo": "b"}}
    unknown = client.post("", json={**request, "operationName": "C"}, headers={"accept": GRAPHQL})
    assert_refusal(unknown, 400, media_type=GRAPHQL)


def test_an_argument_found_wrong_only_when_it_is_used_is_the_clients_mistake(
    client: httpx.Client,
) -> None:
    request = {"query": "query ($c: Colour = RED) { colour(colours: [$c]) }"}
    response = client.post("", json={**request, "variables": {"c": None}})
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    "selection",
    ['fail(kind: "value")', 'fail(kind: "graphql")', 'fail(kind: "broken")', "wrongType"],
)
def test_what_a_resolver_did_not_foresee_is_hidden_and_logged(
    client: httpx.Client, logged: Logged, selection: str
) -> None:
    query = {"query": f"{{ again {{ {selection} }} }}"}
    response = client.post("", json=query, headers={"accept": GRAPHQL})
    assert response.status_code == 200
    (error,) = response.json()["errors"]
    assert error["message"] == "Internal error"
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["path"] == ["again", selection.partition("(")[0]]
    assert "secret" not in response.text
    (record,) = logged()
    assert record.name == "boxoffice"
    assert "secret" in str(record.exc_info)


def test_an_error_the_contract_foresees_keeps_its_code_and_message(client: httpx.Client) -> None:
    query = '{ a: fail(kind: "refused") b: fail(kind: "unavailable") echo }'
    response = client.post("", json={"query": query}, headers={"accept": GRAPHQL})
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"a": None, "b": None, "echo": "hello"}
    refused, unavailable = body["errors"]
    assert refused["message"] == "No such thing."
    assert refused["extensions"] == {"code": "BAD_REQUEST"}
    assert unavailable["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 2}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(BrokenError("secret"), 500, "INTERNAL"), (Unavailable("Not yet."), 503, "UNAVAILABLE")],
)
def test_an_exception_in_the_view_is_answered_as_json(
    logged: Logged, error: Exception, status: int, code: str
) -> None:
    class Failing(GraphQLApp):
        async def get_context(self, request: Any, response: Any) -> Any:
            raise error

    transport = httpx.ASGITransport(Failing(Schema(query=Query)))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("", json={"query": "{echo}"})

    response = asyncio.run(ask())
    assert_refusal(response, status, code)
    assert "secret" not in response.text
    assert len(logged()) == (code == "INTERNAL")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("image/png", PLAIN),
        (GRAPHQL, GRAPHQL),
        (f"{PLAIN};q=0.5, {GRAPHQL};q=0.9", GRAPHQL),
        (f"{PLAIN}, {GRAPHQL}", PLAIN),
        (f"{GRAPHQL};q=0, */*", PLAIN),
        (f"{GRAPHQL};q=x", PLAIN),
        (f"{GRAPHQL.upper()}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}, {PLAIN}, text/event-stream, multipart/mixed", GRAPHQL),  # as urql asks
        (f"text/event-stream;q=0.5, {PLAIN}", PLAIN),
    ],
)
def test_the_answer_has_the_type_that_is_preferred(
    client: httpx.Client, accept: str, media_type: str
) -> None:
    response = client.post("", json={"query": "{echo}"}, headers={"accept": accept})
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


# The event stream
