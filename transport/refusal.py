"""What is answered where no request is whole, so that nobody could be asked for the answer."""

from collections.abc import Iterable

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from transport.pages import WRITTEN

Header = tuple[bytes, bytes]


class Refusal(Exception):
    """A status and an error in the contract's form; the connection ends with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "BAD_REQUEST",
        limit: tuple[str, int] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.limit, self.code, self.retry_after = status, limit, code, retry_after

    def written(self, headers: Iterable[Header]) -> bytes:
        """The answer as it goes over the wire."""
        extensions: dict[str, object] = {"code": self.code}
        if self.limit:
            extensions["limit"] = {"name": self.limit[0], "max": self.limit[1]}
        if self.retry_after is not None:
            extensions["retryAfter"] = self.retry_after
        body = orjson.dumps({"errors": [{"message": str(self), "extensions": extensions}]})
        lines = [b"%b: %b\r\n" % header for header in headers]
        if self.retry_after is not None:
            lines.append(b"retry-after: %d\r\n" % self.retry_after)
        return b"".join(
            (
                STATUS_LINE[self.status],
                WRITTEN,
                *lines,
                b"connection: close\r\ncontent-type: application/json; charset=utf-8\r\n",
                b"content-length: %d\r\n\r\n%b" % (len(body), body),
            )
        )


MALFORMED = Refusal(400, "This is no HTTP request that we could read.")
