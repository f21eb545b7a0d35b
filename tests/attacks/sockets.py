"""WebSockets: messages that break the protocol, and handshakes that are none."""

import json
from collections.abc import Iterator
from typing import Any

from tests.attacks.attack import ADA, SHOW, Attack, Told, Way

WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version } }"


def _message(**message: Any) -> bytes:
    return json.dumps(message).encode()


def _messages() -> Iterator[Attack]:
    ask = {"query": "{ __typename }"}
    broken = {
        "no JSON": (b"{", 4400),
        "a text": (b'"subscribe"', 4400),
        "null": (b"null", 4400),
        "no type": (b"{}", 4400),
        "a type nobody knows": (_message(type="become_admin"), 4400),
        "a type that is an object": (_message(type={"a": 1}), 4400),
        "of the old protocol": (_message(type="start", id="1", payload=ask), 4400),
        "no id": (_message(type="subscribe", payload=ask), 4400),
        "an id that is a number": (_message(type="subscribe", id=1, payload=ask), 4400),
        "an id that is an object": (_message(type="complete", id={"a": 1}), 4400),
        "no payload": (_message(type="subscribe", id="1"), 4400),
        "a payload that is a text": (_message(type="subscribe", id="1", payload="{ a }"), 4400),
        "a query that is a list": (_message(type="subscribe", id="1", payload={"query": []}), 4400),
        "variables that are a text": (
            _message(type="subscribe", id="1", payload={**ask, "variables": "{}"}),
            4400,
        ),
        "who calls, once more": (_message(type="connection_init", payload={}), 4429),
        "another's answer": (_message(type="next", id="1", payload={"data": {}}), 4400),
        "an acknowledgement": (_message(type="connection_ack"), 4400),
        "half a surrogate": (b'{"type": "subscribe", "id": "\\ud800", "payload": {}}', 4400),
        "not a number": (b'{"type": "subscribe", "id": NaN}', 4400),
    }
    for name, (content, status) in broken.items():
        yield Attack(name, way=Way.SOCKET, content=content, status=status, code=None)
    yield Attack(
        "an id of a megabyte",
        way=Way.SOCKET,
        content=_message(type="subscribe", id="x" * 1_048_576, payload=ask),
        status=1009,
        code=None,
        cut_off=True,
    )


def _handshakes() -> Iterator[Attack]:
    for protocol in ("graphql-ws", "boxoffice", "graphql-transport-ws2"):
        name = f"speaking {protocol}"
        headers = {"protocol": protocol}
        yield Attack(name, way=Way.SOCKET, headers=headers, status=4406, code=None)
    head = b"GET /graphql HTTP/1.1\r\nhost: HOST\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    key = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    askew = {
        "no key": b"sec-websocket-version: 13\r\n\r\n",
        "a key that is short": b"sec-websocket-version: 13\r\nsec-websocket-key: YQ==\r\n\r\n",
    }
    for name, rest in askew.items():
        yield Attack(name, way=Way.RAW, content=head + rest, code=None)
    old = head + key + b"sec-websocket-version: 8\r\n\r\n"
    yield Attack("an old version", way=Way.RAW, content=old, code=None)
    post = head.replace(b"GET", b"POST") + key + b"sec-websocket-version: 13\r\n\r\n"
    yield Attack("by POST", way=Way.RAW, content=post, status=405, code=None)


def _watched() -> Iterator[Attack]:
    for name, id_ in (("no show", "U2hvdzo5OTk5OTk"), ("nonsense", "' OR 1=1"), ("empty", "")):
        refused: Told = {"variables": {"id": id_}, "code": "BAD_REQUEST"}
        yield Attack(f"{name}, over a socket", WATCH, Way.SOCKET, ADA, status=0, **refused)
        yield Attack(f"{name}, as a stream", WATCH, Way.STREAM, ADA, status=200, **refused)
    every = f'subscription {{ seatMap(showId: "{SHOW}", everyMs: @) {{ version }} }}'
    for wait in (-1, 60_001, 2**31 - 1):
        text = every.replace("@", str(wait))
        yield Attack(f"an update every {wait} ms", text, Way.SOCKET, status=0)


SOCKETS = {
    "messages": list(_messages()),
    "handshakes": list(_handshakes()),
    "watched": list(_watched()),
}
