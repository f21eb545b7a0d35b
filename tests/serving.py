"""Server processes under test, and the plainest of clients."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

PROJECT = Path(__file__).parent.parent
STOP_PATIENCE = 10.0
# What a test reads of a log is what went wrong, as text.
QUIETLY = {"LOG_LEVEL": "warning", "LOG_FORMAT": "text"}

# One for all: making one reads every certificate of the machine, none of which is needed here.
_client = httpx.Client(timeout=30, verify=False)


@dataclass(frozen=True)
class Served:
    """A server process and how to reach it."""

    address: str
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """GraphQL over HTTP."""
        return f"http://{self.address}/graphql"

    @property
    def socket_url(self) -> str:
        """GraphQL over WebSocket."""
        return f"ws://{self.address}/graphql"

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Post an operation; returns the whole answer, `data` and `errors`."""
        body = {"query": document, "variables": variables}
        answer: dict[str, Any] = _client.post(self.url, json=body).json()
        return answer

    def data(self, document: str, **variables: Any) -> Any:
        """Post an operation that must succeed; returns its data."""
        answer = self.ask(document, **variables)
        assert "errors" not in answer, answer
        return answer["data"]


@contextmanager
def serve(
    database_url: str, module: str = "server", log: IO[bytes] | None = None, /, **settings: str
) -> Iterator[Served]:
    """Run the server as `make run` does, on a database and any free port, until the block ends.

    Args:
        module: what is run instead, and runs the server.
        log: where it logs to; else to the tests' own stderr.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database_url, **QUIETLY, "PORT": "0", **settings},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield Served(read_address(process), process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdout
            process.stdout.close()


def read_address(process: subprocess.Popen[str]) -> str:
    """Wait for the welcome, which says where it listens."""
    assert process.stdout
    for line in process.stdout:
        if found := re.search(r"http://([^/\s]+)/graphql", line):
            return found[1]
    raise AssertionError(f"the server ended with {process.wait()} before it listened")
