"""Just enough of PostgreSQL's protocol to see a client begin a transaction, and commit it."""

from collections.abc import Iterator
from typing import Literal

Mark = Literal["BEGIN", "COMMIT"]

_INT = 4
_STARTUP_CODE_BYTES = 4
# Requests for encryption come before the start-up message, and look like one.
_ENCRYPTION_CODES = {80877103, 80877104}
_WORDS: dict[bytes, Mark] = {b"BEGIN": "BEGIN", b"COMMIT": "COMMIT"}


class Conversation:
    """What a client says on one connection, read as it passes by.

    A statement that is prepared is known again by its name; one without a name, or a simple query,
    by its text.
    """

    def __init__(self) -> None:
        self._unread = b""
        self._started = False
        self._names: dict[bytes, Mark] = {}

    def feed(self, data: bytes) -> list[tuple[Mark, int]]:
        """Read on; returns which of the two came, and where in `data` its message begins.

        A message that began in earlier data and ends in this begins at 0.
        """
        before = len(self._unread)
        self._unread += data
        marks = []
        position = 0
        for kind, body, end in self._messages():
            if mark := self._mark_of(kind, body):
                marks.append((mark, max(0, position - before)))
            position = end
        self._unread = self._unread[position:]
        return marks

    def _messages(self) -> Iterator[tuple[bytes, bytes, int]]:
        """Each message that is there to its end: type, body, and where it ends."""
        position = 0
        while True:
            type_bytes = 1 if self._started else 0
            head = position + type_bytes
            if len(self._unread) < head + _INT:
                return
            end = head + int.from_bytes(self._unread[head : head + _INT], "big")
            if len(self._unread) < end:
                return
            kind, body = self._unread[position:head], self._unread[head + _INT : end]
            if not self._started:
                code = int.from_bytes(body[:_STARTUP_CODE_BYTES], "big")
                self._started = code not in _ENCRYPTION_CODES
            yield kind, body, end
            position = end

    def _mark_of(self, kind: bytes, body: bytes) -> Mark | None:
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._names.pop(name, None)
            if word := _word(text):
                self._names[name] = word
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            return self._names.get(name)
        elif kind == b"Q":
            return _word(body.rstrip(b"\0"))
        return None


def _word(text: bytes) -> Mark | None:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(b"--")]
    return _WORDS.get(b" ".join(lines).strip(b" \t;").upper())
