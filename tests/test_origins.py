"""Pages: which origins may ask, and what every answer forbids."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from settings import Settings
from tests.crowd import run
from tests.serving import Served, serve
from tests.tokens import SECRET, bearer

SHOP = "https://shop.example"
ASK = {"query": "{ __typename }"}
STRANGE = [
    "https://evil.example",
    "null",
    "",
    "http://shop.example",
    "https://shop.example:444",
    "https://shop.example.evil.example",
    "https://evil.shop.example",
    "https://shop.example@evil.example",
    "https://SHOP.example",
    "https://shop.example.",
    "https://shop.example/",
    "https://shop.example https://evil.example",
    "file://",
]
WAYS: dict[str, dict[str, str]] = {
    "short way": {},
    "long way": {"connection": "close"},
    "event stream": {"accept": "text/event-stream"},
}


@pytest.fixture(scope="module")
def guarded(shared_database_url: str) -> Iterator[Served]:
    with serve(shared_database_url, AUTH_SECRET=SECRET, ALLOWED_ORIGINS=f"{SHOP}, ") as server:
        yield server


def post(server: Served, **headers: str) -> httpx.Response:
    return httpx.post(server.url, json=ASK, headers=headers, verify=False)


def code_of(answer: httpx.Response) -> str | None:
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        text = next(line[6:] for line in text.splitlines() if line.startswith("data: {"))
    errors = json.loads(text).get("errors")
    return errors[0]["extensions"]["code"] if errors else None


@pytest.mark.parametrize("origin", STRANGE)
@pytest.mark.parametrize("way", WAYS)
def test_a_page_of_another_origin_is_refused(guarded: Served, way: str, origin: str) -> None:
    answer = post(guarded, origin=origin, **WAYS[way])
    assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN")
    assert "access-control-allow-origin" not in answer.headers
    by_get = httpx.get(guarded.url, params=ASK, headers={"origin": origin}, verify=False)
    assert code_of(by_get) == "FORBIDDEN"


@pytest.mark.parametrize("way", WAYS)
def test_a_page_of_an_allowed_origin_may_ask_and_read(guarded: Served, way: str) -> None:
    answer = post(guarded, origin=SHOP, **WAYS[way])
    assert code_of(answer) is None
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["vary"] == "origin"
    refused = post(guarded, origin=SHOP, authorization="Bearer nonsense", **WAYS[way])
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize("way", WAYS)
def test_our_own_page_may_ask(guarded: Served, way: str) -> None:
    answer = post(guarded, origin=f"http://{guarded.address}", **WAYS[way])
    assert code_of(answer) is None
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("origin", "status"), [(SHOP, 204), ("https://evil.example", 403)])
def test_a_browser_asks_before(guarded: Served, origin: str, status: int) -> None:
    headers = {"origin": origin, "access-control-request-method": "POST"}
    answer = httpx.request("OPTIONS", guarded.url, headers=headers, verify=False)
    assert answer.status_code == status
    assert ("access-control-allow-headers" in answer.headers) == (status == 204)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [(None, True), (SHOP, True), ("own", True), ("https://evil.example", False), ("null", False)],
)
@run
async def test_a_websocket_has_the_same_origins(
    guarded: Served, origin: str | None, welcome: bool
) -> None:
    named = f"http://{guarded.address}" if origin == "own" else origin
    socket = connect(
        guarded.socket_url,
        origin=Origin(named) if named else None,
        subprotocols=[Subprotocol("graphql-transport-ws")],
    )
    if not welcome:
        with pytest.raises(InvalidStatus):
            await socket
        return
    async with socket as opened:
        payload = {"Authorization": bearer()["authorization"]}
        await opened.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await opened.recv())["type"] == "connection_ack"


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", ""],
)
def test_no_form_can_ask(guarded: Served, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = httpx.post(guarded.url, content=json.dumps(ASK), headers=headers, verify=False)
    assert answer.status_code == 415


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("way", WAYS)
def test_for_trying_out_only_this_machine_is_served_by_its_name(
    served: Served, way: str, host: str
) -> None:
    answer = post(served, host=host, **WAYS[way])
    assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.1.2.3:1", "[::1]:8000"])
def test_for_trying_out_this_machine_has_several_names(served: Served, host: str) -> None:
    assert code_of(post(served, host=host)) is None


PAGES: list[tuple[str, str, dict[str, str]]] = [
    ("POST", "/graphql", {}),
    ("POST", "/graphql", {"connection": "close"}),
    ("POST", "/graphql", {"accept": "text/event-stream"}),
    ("POST", "/graphql", {"content-type": "text/plain"}),
    ("DELETE", "/graphql", {}),
    ("GET", "/graphql", {"accept": "text/html"}),
    ("GET", "/", {}),
    ("GET", "/healthz", {}),
    ("GET", "/readyz", {}),
    ("GET", "/metrics", {}),
    ("GET", "/nothing", {}),
]


@pytest.mark.parametrize(("method", "path", "headers"), PAGES)
def test_every_answer_has_its_policy(
    served: Served, method: str, path: str, headers: dict[str, str]
) -> None:
    more: dict[str, Any] = {"content": json.dumps(ASK)} if method == "POST" else {}
    headers = {"content-type": "application/json", **headers}
    url = f"http://{served.address}{path}"
    answer = httpx.request(method, url, headers=headers, verify=False, **more)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"].startswith("no-")
    assert len(answer.headers.get_list("content-security-policy")) == 1


def test_the_explorer_runs_its_own_scripts_and_those_it_names(served: Served) -> None:
    page = httpx.get(served.url, headers={"accept": "text/html"}, verify=False)
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in page.headers["content-security-policy"].split(";")
    )
    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert inline
    for script in inline:
        digest = b64encode(sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["script-src"]
    tags = re.findall(r'<(?:script|link)[^>]*"https://[^>]*>', page.text)
    assert len(tags) > 2
    for tag in tags:
        [source] = re.findall(r'"(https://[^"]*)"', tag)
        assert source in policy["script-src" if tag.startswith("<script") else "style-src"].split()
        assert 'integrity="sha' in tag
    assert "unsafe" not in policy["script-src"]
    assert "camera=()" in page.headers["permissions-policy"]


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "null",
        "shop.example",
        f"{SHOP}/",
        f"{SHOP}/path",
        f"{SHOP} {SHOP}",
        "ftp://a",
        f"{SHOP},*",
    ],
)
def test_what_is_no_origin_cannot_be_allowed(origins: str) -> None:
    with pytest.raises(ValidationError, match="without a path"):
        Settings(allowed_origins=origins)
