"""Who sends what stands in the tables, on each way, and reads what comes of it."""

import json
import re
import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from schema.errors import STATUS
from tests.attacks.attack import (
    ADAS_BOOKING,
    HOUSE_BOOKING,
    SHOW,
    STRICT,
    Attack,
    Outcome,
    Way,
)
from tests.serving import Served

PATIENCE = 20.0


@dataclass(frozen=True)
class House:
    """The ids of a show, of a booking of ada's, and of one that an admin made."""

    show: str
    adas_booking: str
    house_booking: str

    def fill(self, text: str) -> str:
        """A text with its ids."""
        for mark, id_ in (
            (ADAS_BOOKING, self.adas_booking),
            (HOUSE_BOOKING, self.house_booking),
            (SHOW, self.show),
        ):
            text = text.replace(mark, id_)
        return text


class Attacker:
    """Sends attacks to a server, one after the other."""

    def __init__(self, served: Served, house: House) -> None:
        self._served = served
        self._house = house
        self._client = httpx.Client(verify=False, timeout=PATIENCE)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def send(self, attack: Attack) -> Outcome:
        """Try it, and say what came of it."""
        match attack.way:
            case Way.SOCKET:
                return self._over_socket(attack)
            case Way.RAW:
                assert attack.content is not None
                return self._as_bytes(attack.content.replace(b"HOST", self._host))
            case Way.STREAM | Way.STREAM_GET:
                return self._as_stream(attack)
            case _:
                return _read(self._client.send(self._request(attack)))

    @property
    def _host(self) -> bytes:
        return self._served.address.encode()

    def _payload(self, attack: Attack) -> str:
        payload: dict[str, Any] = {"query": attack.document, **attack.more}
        if attack.variables is not None:
            payload["variables"] = attack.variables
        return self._house.fill(json.dumps(payload))

    def _request(self, attack: Attack, accept: str = STRICT) -> httpx.Request:
        headers = {"content-type": "application/json", "accept": accept}
        if attack.caller is not None:
            headers["authorization"] = attack.caller
        if attack.way is Way.LONG:
            headers["connection"] = "close"
        headers |= attack.headers
        if attack.way in (Way.GET, Way.STREAM_GET):
            payload = json.loads(self._payload(attack))
            texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in payload.items()}
            return self._client.build_request(
                "GET", self._served.url, params=texts, headers=headers
            )
        content = attack.content or self._payload(attack).encode()
        return self._client.build_request(
            "POST", self._served.url, content=content, headers=headers
        )

    def _as_stream(self, attack: Attack) -> Outcome:
        request = self._request(attack, "text/event-stream")
        with closing(self._client.send(request, stream=True)) as answer:
            if not answer.headers["content-type"].startswith("text/event-stream"):
                answer.read()
                return _read(answer)
            first = next(line for line in answer.iter_lines() if line.startswith("data: {"))
            return _outcome(answer.status_code, json.loads(first[6:]), first)

    def _over_socket(self, attack: Attack) -> Outcome:
        headers = dict(attack.headers)
        origin = headers.pop("origin", None)
        try:
            connection = connect(
                self._served.socket_url,
                origin=Origin(origin) if origin else None,
                subprotocols=[Subprotocol(headers.pop("protocol", "graphql-transport-ws"))],
                additional_headers=headers,
                close_timeout=1,
                open_timeout=PATIENCE,
                compression=None,
            )
        except InvalidStatus as refused:
            return Outcome(refused.response.status_code)
        with connection as opened:
            try:
                payload = {"Authorization": attack.caller} if attack.caller else {}
                opened.send(json.dumps({"type": "connection_init", "payload": payload}))
                opened.recv(PATIENCE)
                opened.send(self._message(attack))
                answer = json.loads(opened.recv(PATIENCE))
            except ConnectionClosed as closed:
                frame = closed.rcvd
                if frame is None:
                    assert attack.cut_off, "it was cut off without a word"
                    return Outcome(attack.status)
                return Outcome(frame.code, frame.reason if frame.reason in STATUS else None)
        if answer["type"] == "error":
            return _outcome(0, {"errors": answer["payload"]}, json.dumps(answer))
        return _outcome(0, answer["payload"], json.dumps(answer))

    def _message(self, attack: Attack) -> str | bytes:
        if attack.content is not None:
            return attack.content.decode("utf-8", "surrogateescape")
        payload = json.loads(self._payload(attack))
        return json.dumps({"type": "subscribe", "id": "1", "payload": payload})

    def _as_bytes(self, content: bytes) -> Outcome:
        host, _, port = self._served.address.rpartition(":")
        with closing(socket.create_connection((host, int(port)), PATIENCE)) as connection:
            with suppress(ConnectionError):
                connection.sendall(content)
            answer = b""
            with suppress(ConnectionError):
                while not _whole(answer) and (more := connection.recv(65_536)):
                    answer += more
        if not answer:
            return Outcome(0)
        head, _, body = answer.partition(b"\r\n\r\n")
        text = body.decode()
        given = json.loads(text) if text.startswith("{") else {}
        return _outcome(int(head.split()[1]), given, answer.decode())


def _whole(answer: bytes) -> bool:
    head, ended, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(ended and length) and length is not None and len(body) >= int(length[1])


def _read(answer: httpx.Response) -> Outcome:
    is_json = "json" in answer.headers.get("content-type", "")
    return _outcome(answer.status_code, answer.json() if is_json else {}, answer.text)


def _outcome(status: int, answer: Mapping[str, Any], text: str) -> Outcome:
    errors = answer.get("errors")
    if not errors:
        return Outcome(status, data=answer.get("data"), text=text)
    extensions = errors[0].get("extensions", {})
    limit = extensions.get("limit") or {}
    return Outcome(status, extensions.get("code"), limit.get("name"), answer.get("data"), text)
