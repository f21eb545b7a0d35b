"""Requests as nobody of sense writes them, and what each is answered: a table for all tests."""

from dataclasses import dataclass

from transport.bodies import MAX_BODY_BYTES
from transport.bounded_protocol import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES

LINE = b"POST /graphql HTTP/1.1\r\n"
HOST = b"host: localhost\r\n"
JSON = b"content-type: application/json\r\n"
BODY = b'{"query":"{ __typename }"}'
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n"
IN_A_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
START = LINE + HOST + JSON
GET = b"GET /graphql?query={__typename} HTTP/1.1\r\n"
UPGRADE = b"connection: upgrade\r\nupgrade: websocket\r\n"
KEY = b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


@dataclass(frozen=True)
class WireAttack:
    """Something to send, and the answer.

    Attributes:
        sent: the bytes, all that is ever sent.
        status: of the last answer.
        limit: the name in the error's `extensions.limit`, where it is for a limit.
        code: the error's; empty where the answer has no error of ours.
        ends: whether the connection is closed with the answer.
        answers: how many there are; all but the last to requests that are right.
    """

    name: str
    sent: bytes
    status: int
    limit: str = ""
    code: str = "BAD_REQUEST"
    ends: bool = True
    answers: int = 1


def _malformed(name: str, sent: bytes) -> WireAttack:
    return WireAttack(name, sent, 400)


def _refused(name: str, sent: bytes, status: int = 400) -> WireAttack:
    """Refused by who reads bodies; the connection goes on."""
    return WireAttack(name, sent, status, ends=False)


def _posted(body: bytes, *headers: bytes) -> bytes:
    return b"".join((LINE, HOST, *headers, b"content-length: %d\r\n\r\n" % len(body), body))


SMUGGLED = [
    _malformed("length and chunks", START + LENGTH + CHUNKED + b"\r\n" + IN_A_CHUNK),
    _malformed("chunks and length", START + CHUNKED + LENGTH + b"\r\n" + IN_A_CHUNK),
    _malformed("two lengths", START + LENGTH * 2 + b"\r\n" + BODY),
    _malformed("two lengths that differ", START + LENGTH + b"content-length: 3\r\n\r\n" + BODY),
    _malformed("a list of lengths", START + b"content-length: 26, 26\r\n\r\n" + BODY),
    _malformed("a negative length", START + b"content-length: -1\r\n\r\n" + BODY),
    _malformed("a length with a sign", START + b"content-length: +26\r\n\r\n" + BODY),
    _malformed("a length in hexadecimal", START + b"content-length: 0x1a\r\n\r\n" + BODY),
    _malformed("a length beyond all", START + b"content-length: " + b"9" * 30 + b"\r\n\r\n"),
    _malformed("an unknown coding", START + b"transfer-encoding: xchunked\r\n\r\n" + IN_A_CHUNK),
    _malformed("no coding", START + b"transfer-encoding: identity\r\n\r\n" + BODY),
    _malformed("chunks not last", START + b"transfer-encoding: chunked, identity\r\n\r\n" + BODY),
    _malformed("chunks twice", START + CHUNKED * 2 + b"\r\n" + IN_A_CHUNK),
    _malformed("a tab for chunks", START + b"transfer-encoding: \x0bchunked\r\n\r\n" + IN_A_CHUNK),
    _malformed("a space before a colon", START + b"content-length : 26\r\n\r\n" + BODY),
    _malformed("a folded header", START + LENGTH + b"x: a\r\n b\r\n\r\n" + BODY),
    _malformed("bare line feeds", (START + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + BODY),
    _malformed("a bare return", START + LENGTH + b"x: a\rb: c\r\n\r\n" + BODY),
    _malformed("a null", START + LENGTH + b"x: a\0b\r\n\r\n" + BODY),
    _malformed("a chunk of no size", START + CHUNKED + b"\r\nzz\r\n"),
    _malformed("a chunk of less than nothing", START + CHUNKED + b"\r\n-5\r\nabcde\r\n"),
    _malformed("a chunk beyond all", START + CHUNKED + b"\r\n" + b"f" * 21 + b"\r\n"),
    _malformed("a chunk by 0x", START + CHUNKED + b"\r\n0x" + IN_A_CHUNK),
    _malformed("a chunk without its end", START + CHUNKED + b"\r\n1a\r\n" + BODY + b"0\r\n\r\n"),
    _malformed("a chunk behind a line feed", START + CHUNKED + b"\r\n1a\n" + BODY + b"\r\n0\r\n"),
    _malformed("no host", LINE + JSON + LENGTH + b"\r\n" + BODY),
    _malformed("two hosts", START + b"host: evil.example\r\n" + LENGTH + b"\r\n" + BODY),
    _malformed(
        "an upgrade with a body",
        START + UPGRADE.replace(b"websocket", b"h2c") + LENGTH + b"\r\n" + BODY,
    ),
    _malformed("a WebSocket with a body", START + UPGRADE + KEY + LENGTH + b"\r\n" + BODY),
]

NO_HTTP = [
    _malformed("another method", b"FOO /graphql HTTP/1.1\r\n" + HOST + b"\r\n"),
    _malformed("a method in lower case", b"get / HTTP/1.1\r\n" + HOST + b"\r\n"),
    _malformed("HTTP/2 as it is known before", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    _malformed("HTTP/1.2", b"GET /healthz HTTP/1.2\r\n" + HOST + b"\r\n"),
    _malformed("TLS", bytes.fromhex("16030100a5010000a1") + b"\0" * 100),
    _malformed("a tunnel", b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    _malformed("a URL of bytes", b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n"),
    _malformed("a URL with a space", b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
]

TOO_LARGE = [
    WireAttack(
        "a long URL",
        b"GET /" + b"a" * MAX_URL_BYTES + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        414,
        "urlBytes",
    ),
    WireAttack("a URL without an end", b"GET /" + b"a" * 300_000, 414, "urlBytes"),
    WireAttack(
        "many headers", START + LENGTH + b"x: 1\r\n" * MAX_HEADERS + b"\r\n" + BODY, 431, "headers"
    ),
    WireAttack("headers without an end", START + b"x: 1\r\n" * 50_000, 431, "headers"),
    WireAttack(
        "a long header",
        START + LENGTH + b"x: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n" + BODY,
        431,
        "headBytes",
    ),
    WireAttack(
        "a header without an end", START + b"x: " + b"a" * 8 * MAX_HEAD_BYTES, 431, "headBytes"
    ),
    WireAttack(
        "a large body by its length",
        START + b"content-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        413,
        "bodyBytes",
    ),
    WireAttack(
        "a body of a petabyte by its length",
        START + b"content-length: 1000000000000000\r\n\r\n",
        413,
        "bodyBytes",
    ),
    WireAttack(
        "a large body to go on with",
        START + b"expect: 100-continue\r\ncontent-length: 10000000\r\n\r\n",
        413,
        "bodyBytes",
    ),
    WireAttack(
        "a large body where none is read",
        b"POST /healthz HTTP/1.1\r\n" + HOST + b"content-length: 10000000\r\n\r\n",
        413,
        "bodyBytes",
    ),
    WireAttack(
        "a large body in chunks",
        START + CHUNKED + b"\r\n" + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 17,
        413,
        "bodyBytes",
    ),
    WireAttack(
        "a body of many chunks",
        START + CHUNKED + b"\r\n" + b"1\r\n \r\n" * 500_000,
        413,
        "bodyPieces",
    ),
    WireAttack(
        "trailers without an end",
        START + CHUNKED + b"\r\n" + IN_A_CHUNK[:-2] + b"a: b\r\n" * 100_000,
        431,
        "headers",
    ),
    WireAttack(
        "a chunk's extension without an end",
        START + CHUNKED + b"\r\n1;" + b"a" * 3 * MAX_BODY_BYTES,
        413,
        "bodyBytes",
    ),
]

NO_JSON = [
    _refused("no body", _posted(b"", JSON)),
    _refused("half an object", _posted(b"{", JSON)),
    _refused("brackets without an end", _posted(b"[" * 100_000, JSON)),
    _refused("a deep value", _posted(b'{"query":"{a}","variables":{"a":' + b"[" * 100_000, JSON)),
    _refused("a batch", _posted(b"[" + BODY + b"," + BODY + b"]", JSON)),
    _refused("an empty batch", _posted(b"[]", JSON)),
    _refused("a text", _posted(b'"{ __typename }"', JSON)),
    _refused("no number", _posted(b'{"query":"{a}","variables":{"a":NaN}}', JSON)),
    _refused("infinity", _posted(b'{"query":"{a}","variables":{"a":-Infinity}}', JSON)),
    _refused("too large a number", _posted(b'{"query":"{a}","variables":{"a":1e999}}', JSON)),
    _refused("a mark of byte order", _posted(b"\xef\xbb\xbf" + BODY, JSON)),
    _refused("UTF-16", _posted(BODY.decode().encode("utf-16"), JSON)),
    _refused("UTF-7", _posted(b"+AHsAIg-query+ACI-:+ACI-x+ACIAfQ-", JSON)),
    _refused("half a surrogate", _posted(b'{"query":"{a}","variables":{"a":"\\ud800"}}', JSON)),
    _refused("half a character", _posted(b'{"query":"{a}","variables":{"a":"\xc3"}}', JSON)),
    _refused("a comment", _posted(BODY + b"// comment", JSON)),
    _refused("a second value", _posted(BODY + BODY, JSON)),
    _refused("a query that is a list", _posted(b'{"query":["{a}"]}', JSON)),
    _refused("variables that are a list", _posted(b'{"query":"{a}","variables":[]}', JSON)),
    _refused("the wrong end of a prototype", _posted(b'{"__proto__":{"query":"{a}"}}', JSON)),
    _refused("text/plain", _posted(BODY, b"content-type: text/plain\r\n"), 415),
    _refused(
        "a form",
        _posted(b"query=%7Ba%7D", b"content-type: application/x-www-form-urlencoded\r\n"),
        415,
    ),
    _refused(
        "a form of parts",
        _posted(b"--x--", b"content-type: multipart/form-data; boundary=x\r\n"),
        415,
    ),
    _refused("no type", _posted(BODY), 415),
    _refused(
        "an alphabet of another time",
        _posted(BODY, b"content-type: application/json; charset=utf-7\r\n"),
        415,
    ),
    _refused("two types", _posted(BODY, JSON, b"content-type: text/plain\r\n"), 415),
    _refused("two types, the other way", _posted(BODY, b"content-type: text/plain\r\n", JSON), 415),
    _refused(
        "a mutation by GET",
        GET.replace(b"{__typename}", b"mutation{__typename}") + HOST + b"\r\n",
        405,
    ),
    _refused(
        "another way", b"PUT /graphql HTTP/1.1\r\n" + HOST + b"content-length: 0\r\n\r\n", 405
    ),
]

HANDSHAKE = GET + HOST + UPGRADE + KEY + b"sec-websocket-protocol: graphql-transport-ws\r\n"

NO_HANDSHAKE = [
    WireAttack(
        "a WebSocket with a long header",
        HANDSHAKE + b"x: " + b"a" * 9_000 + b"\r\n\r\n",
        431,
        "lineBytes",
    ),
    WireAttack(
        "a WebSocket with a long URL",
        HANDSHAKE.replace(b"?", b"?" + b"a" * 8_050) + b"\r\n",
        431,
        "lineBytes",
    ),
    WireAttack(
        "a WebSocket behind a request", GET + HOST + b"\r\n" + HANDSHAKE + b"\r\n", 400, answers=2
    ),
]

ATTACKS = [*SMUGGLED, *NO_HTTP, *TOO_LARGE, *NO_JSON, *NO_HANDSHAKE]


# WebSockets, after the greeting

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
COMPRESSED = 0x40


@dataclass(frozen=True)
class SocketAttack:
    """Frames to send, and the code that the connection is closed with."""

    name: str
    sent: bytes
    code: int


def frame(kind: int, payload: bytes = b"", *, last: bool = True, size: int | None = None) -> bytes:
    """A frame as a client sends it, masked with nothing.

    Args:
        kind: its opcode, with reserved bits as they may be.
        size: what it says of its payload's, where that is a lie.
    """
    size = len(payload) if size is None else size
    first = bytes(((0x80 if last else 0) | kind,))
    if size < 126:
        head = bytes((0x80 | size,))
    elif size < 1 << 16:
        head = b"\xfe" + size.to_bytes(2)
    else:
        head = b"\xff" + size.to_bytes(8)
    return first + head + bytes(4) + payload


def _said(name: str, text: str) -> SocketAttack:
    return SocketAttack(name, frame(TEXT, text.encode()), 4400)


SOCKET_ATTACKS = [
    SocketAttack("a frame of bytes", frame(BINARY, b'{"type":"ping"}'), 4400),
    SocketAttack("a frame without a mask", b'\x81\x0f{"type":"ping"}', 1002),
    SocketAttack("a compressed frame", frame(TEXT | COMPRESSED, b"\xaa\x56\x02\x00"), 1002),
    SocketAttack("a frame of no kind", frame(3), 1002),
    SocketAttack("a control frame of no kind", frame(11), 1002),
    SocketAttack("a long ping", frame(PING, b"a" * 126), 1002),
    SocketAttack("half a ping", frame(PING, b"a", last=False), 1002),
    SocketAttack("a continuation of nothing", frame(CONTINUED, b"a"), 1002),
    SocketAttack("a message in a message", frame(TEXT, b"{", last=False) * 2, 1002),
    SocketAttack("a goodbye of one byte", frame(CLOSE, b"a"), 1002),
    SocketAttack("a goodbye that may not be sent", frame(CLOSE, b"\x03\xed"), 1002),
    SocketAttack("no UTF-8", frame(TEXT, b'{"type":"\xc3\x28"}'), 1007),
    SocketAttack("half a character", frame(TEXT, b'{"type":"\xe2\x82'), 1007),
    SocketAttack("a surrogate in UTF-8", frame(TEXT, b'{"type":"\xed\xa0\x80"}'), 1007),
    SocketAttack("a large message", frame(TEXT, b" " * (MAX_BODY_BYTES + 1)), 1009),
    SocketAttack("a large message by its length", frame(TEXT, size=1 << 40), 1009),
    SocketAttack("a message longer than there are", frame(TEXT, size=(1 << 64) - 1), 1009),
    SocketAttack(
        "a large message in parts",
        frame(TEXT, last=False) + frame(CONTINUED, b" " * 0x10000, last=False) * 17,
        1009,
    ),
    SocketAttack(
        "a message of empty parts",
        frame(TEXT, last=False) + frame(CONTINUED, last=False) * 100_000,
        1009,
    ),
    SocketAttack("pings without an end", frame(PING) * 50_000, 1008),
    SocketAttack("answers to no ping", frame(PONG) * 50_000, 1008),
    _said("nothing", ""),
    _said("half an object", "{"),
    _said("brackets without an end", "[" * 100_000),
    _said("a batch", '[{"type":"ping"}]'),
    _said("no number", '{"type":"ping","payload":NaN}'),
    _said("half a surrogate", '{"type":"\\ud800"}'),
    _said("a mark of byte order", '\ufeff{"type":"ping"}'),
    _said("the wrong end of a prototype", '{"__proto__":{"type":"ping"}}'),
    _said("the protocol before", '{"type":"start","id":"1","payload":{"query":"{a}"}}'),
    _said("an answer", '{"type":"next","id":"1","payload":{}}'),
]
