"""What a page of another origin may have a browser do, and requests that are spelt askew."""

from collections.abc import Iterator

from tests.attacks.attack import ADMIN, Attack, Told, Way

EXPIRE = "mutation { runExpiry { expiredBookings } }"
FOREIGN = {
    "another": "https://evil.example",
    "null": "null",
    "ours by another scheme": "http://shop.example",
    "ours at another port": "https://shop.example:444",
    "ours with a port": "https://shop.example:443",
    "ours below another": "https://shop.example.evil.example",
    "below ours": "https://evil.shop.example",
    "ours as a user": "https://shop.example@evil.example",
    "ours in capitals": "https://SHOP.EXAMPLE",
    "ours with a dot": "https://shop.example.",
    "ours with a path": "https://shop.example/",
    "ours and another": "https://shop.example, https://evil.example",
    "one that ends alike": "https://evilshop.example",
    "in letters that look alike": "https://xn--shp-fna.example",
    "a file": "file://",
    "an extension": "chrome-extension://abcdefghijklmnop",
    "this machine at another port": "http://127.0.0.1:1",
    "localhost": "http://localhost",
}


def _origins() -> Iterator[Attack]:
    ways = (Way.POST, Way.LONG, Way.GET, Way.STREAM, Way.STREAM_GET)
    refused: Told = {"status": 403, "code": "FORBIDDEN"}
    for at, (name, origin) in enumerate(FOREIGN.items()):
        headers = {"origin": origin}
        way = ways[at % len(ways)]
        yield Attack(f"{name}, {way.name}", way=way, caller=ADMIN, headers=headers, **refused)
        if at % 2 == 0:
            # Refused at the handshake, or by the first message.
            late = name in ("ours with a port", "ours in capitals", "ours with a path")
            told: Told = {**refused, "status": 4403} if late else {"status": 403, "code": None}
            yield Attack(f"{name}, over a socket", way=Way.SOCKET, headers=headers, **told)
    foreign = {"origin": FOREIGN["another"]}
    host = {**foreign, "host": "evil.example:80", "x-forwarded-host": "evil.example"}
    yield Attack("a Host that is like the origin, in part", EXPIRE, headers=host, **refused)
    cookies = {**foreign, "cookie": "session=1", "accept": "text/event-stream"}
    yield Attack("a stream with cookies", way=Way.STREAM_GET, headers=cookies, **refused)
    forwarded = {**foreign, "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"}
    yield Attack("from this machine, it says", EXPIRE, headers=forwarded, **refused)


def _simple() -> Iterator[Attack]:
    """Requests that a browser sends without asking first."""
    form = b"query=mutation%20%7B%20runExpiry%20%7B%20expiredBookings%20%7D%20%7D"
    kinds = {
        "text/plain": b'{"query": "mutation { runExpiry { expiredBookings } }"}',
        "application/x-www-form-urlencoded": form,
        "multipart/form-data; boundary=a": b'--a\r\ncontent-disposition: form-data; name="query"'
        b"\r\n\r\nmutation { runExpiry { expiredBookings } }\r\n--a--\r\n",
        "application/graphql": b"mutation { runExpiry { expiredBookings } }",
        "text/plain; application/json": b'{"query": "{ __typename }"}',
    }
    for kind, content in kinds.items():
        headers = {"content-type": kind}
        yield Attack(kind, caller=ADMIN, headers=headers, content=content, status=415)
    yield Attack("a mutation in an image's address", EXPIRE, Way.GET, ADMIN, status=405)
    yield Attack("a mutation in a stream's address", EXPIRE, Way.STREAM_GET, ADMIN, status=200)


def _preflight(origin: str, method: str = "POST") -> bytes:
    return (
        f"OPTIONS /graphql HTTP/1.1\r\nhost: HOST\r\norigin: {origin}\r\n"
        f"access-control-request-method: {method}\r\n\r\n"
    ).encode()


def _preflights() -> Iterator[Attack]:
    for name in ("another", "null", "below ours", "ours by another scheme"):
        yield Attack(name, way=Way.RAW, content=_preflight(FOREIGN[name]), status=403, code=None)


ASK = b'{"query": "{ __typename }"}'
TAIL = b"\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n" + ASK


def _askew() -> Iterator[Attack]:
    """Methods and paths that others might read in another way than we do."""
    head = b"HTTP/1.1\r\nhost: HOST\r\naccept: application/graphql-response+json"
    bodiless = ("HEAD", "TRACE", "OPTIONS")
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "HEAD", "PROPFIND", "OPTIONS"):
        content = method.encode() + b" /graphql " + head
        content += b"\r\nconnection: close" + (b"\r\n\r\n" if method in bodiless else TAIL)
        code = None if method == "HEAD" else "BAD_REQUEST"
        yield Attack(method, way=Way.RAW, content=content, status=405, code=code)
    paths = [
        "//graphql",
        "/graphql/",
        "/GRAPHQL",
        "/graphql/../graphql",
        "/graphql%2f",
        "/graphql;a=b",
        "/./graphql",
        "/graphql/../../../../etc/passwd",
        "/.env",
        "/settings.py",
        "/%2e%2e/.env",
        "/metrics/",
        "/admin",
    ]
    for path in paths:
        content = b"POST " + path.encode() + b" " + head + TAIL
        yield Attack(path, way=Way.RAW, content=content, status=404, code=None)
    content = b"POST /metrics " + head + TAIL
    yield Attack("/metrics", way=Way.RAW, content=content, status=405, code=None)


BROWSERS = {
    "origins": list(_origins()),
    "simple requests": list(_simple()),
    "preflights": list(_preflights()),
    "methods and paths": list(_askew()),
}
