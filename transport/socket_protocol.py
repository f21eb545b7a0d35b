"""uvicorn's WebSocket protocol, with a short way out for text that is encoded already."""

from struct import pack
from typing import Any

from transport.patient_socket import PatientSocket

# The scope's extension that has the protocol's `write_text`, as `write`.
SHORT_WAY = "boxoffice.write_text"
# Up to this size a copy is cheaper than one more buffer. What is larger isn't copied for each
# client, so that a thousand who don't read hold one snapshot, not a thousand.
WORTH_COPYING = 4_096


class SocketProtocol(PatientSocket):
    """Sends a text message in one step, without a task's switch, where the client keeps up."""

    def handle_connect(self, event: Any) -> None:
        """Tell the application of the short way. Its task starts after this."""
        super().handle_connect(event)
        # A refused handshake has no scope; compression needs the long way.
        if not self.close_sent and not self.config.ws_per_message_deflate:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[SHORT_WAY] = {"write": self.write_text}

    def write_text(self, *parts: bytes) -> bool | None:
        """Send the parts as one message; False if the client must be waited for, None if it left.

        Like `send` it leaves at most one message more than the transport's high-water mark unsent.
        """
        if self.close_sent or self.transport.is_closing():
            return None
        if not self.writable.is_set():
            return False
        size = sum(map(len, parts))
        if size <= WORTH_COPYING:
            self.transport.write(b"".join((_head(size), *parts)))
        else:
            self.transport.writelines((_head(size), *parts))
        return True


def _head(size: int) -> bytes:
    """The head of a final text frame (RFC 6455, 5.2), unmasked as a server's are."""
    if size < 126:
        return bytes((0x81, size))
    return pack("!BBH", 0x81, 126, size) if size < 1 << 16 else pack("!BBQ", 0x81, 127, size)
