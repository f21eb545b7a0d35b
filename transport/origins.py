"""Which pages may ask: our own, and those of the origins that are allowed (CORS)."""

from collections.abc import Iterable, Sequence

from starlette.types import Send

from schema.errors import Forbidden
from transport.pages import Header, protect
from transport.sender import Sender

# A browser asks before each first request of a page to an address, and remembers it for so long:
# two hours, which is as long as any of them does.
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, apollo-require-preflight, x-apollo-operation-name, "
        b"apollographql-client-name, apollographql-client-version",
    ),
    (b"access-control-max-age", b"7200"),
]


class Origins:
    """The origins whose pages may ask, beside the one that is ours."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._heads = {
            origin: [
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", b"retry-after"),
                (b"vary", b"origin"),
            ]
            for origin in allowed
        }

    def check(self, sender: Sender) -> None:
        """Refuse a page of another origin. What is no browser sends none.

        Raises:
            Forbidden: it is not allowed.
        """
        origin = sender.origin
        if origin is not None and origin not in self._heads and not _is_own(origin, sender.host):
            raise Forbidden(
                "This page's origin is not allowed. ALLOWED_ORIGINS names those that are."
            )

    def head(self, origin: str | None) -> Sequence[Header]:
        """The headers that let a page of an allowed origin read an answer."""
        return self._heads.get(origin, ()) if origin is not None else ()


def _is_own(origin: str, host: str | None) -> bool:
    """Whether a page came from the address that it asks (a browser writes both in lower case)."""
    scheme, _, place = origin.partition("://")
    return scheme in ("http", "https") and bool(host) and place == (host or "").lower()


async def answer_preflight(cors: Sequence[Header], send: Send) -> None:
    """Tell a browser whether a page may ask.

    Args:
        cors: the headers that let it; none where it may not.
    """
    headers = [*cors, *PREFLIGHT] if cors else []
    start = {"type": "http.response.start", "status": 204 if cors else 403}
    await send({**start, "headers": protect([*headers, (b"content-length", b"0")])})
    await send({"type": "http.response.body", "body": b""})
