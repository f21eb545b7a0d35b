"""The server with less patience and less room, so that tests need neither a minute nor a crowd.

    python -m tests.hurried

It sets the constants in its own process, and then is the server.
"""

from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import cast

from uvicorn import Config

import server.__main__ as server
from server import processes
from transport import (
    bounded_protocol,
    connections,
    patience,
    patient_protocol,
    patient_socket,
    unread,
    web_socket,
)

HEAD = timedelta(seconds=0.4)
BODY = timedelta(seconds=0.8)
READ = timedelta(seconds=0.4)
KEPT = 0.6
IDLE = timedelta(seconds=1)
UNFINISHED = 300_000
CONNECTIONS = 24


def hurry() -> None:
    """Shorten what the tests wait for."""
    moment = timedelta(seconds=0.2)
    _set(patience, LOOK_EVERY=timedelta(seconds=0.05))
    _set(patient_protocol, HEAD_TIMEOUT=HEAD, BODY_TIMEOUT=BODY)
    _set(unread, READ_TIMEOUT=READ)
    _set(patient_socket, MESSAGE_TIMEOUT=BODY, MAX_UNFINISHED_BYTES=UNFINISHED)
    _set(web_socket, IDLE_TIMEOUT=IDLE)
    _set(patient_protocol, LINGER=moment, CLOSE_TIMEOUT=moment)
    _set(bounded_protocol, MAX_UNFINISHED_BYTES=UNFINISHED)
    _set(connections, MOST=CONNECTIONS)
    _set(processes, Config=partial(Config, timeout_keep_alive=cast(int, KEPT)))


def _set(module: ModuleType, **constants: object) -> None:
    for name, value in constants.items():
        getattr(module, name)  # it is there, or the test would be of nothing
        setattr(module, name, value)


if __name__ == "__main__":
    hurry()
    server.main()
