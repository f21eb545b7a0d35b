"""A server process under test: started, killed, stopped and started again on the same port."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from faults.steering import PROJECT

USUAL = (sys.executable, "-m", "server")

START_PATIENCE = 60.0
# server/processes.py: five seconds for requests, and ten for the rest.
STOP_PATIENCE = 20.0
# Between two tries to start, while there is no database.
RETRY = 0.3
POLL = 0.02
ANSWER_PATIENCE = 2.0


class ServerError(Exception):
    """A server did not start, or did not end."""


class ServerProcess:
    """One of the house's servers; at most one process at a time."""

    def __init__(self, number: int, database_url: str, log_file: Path) -> None:
        self.number = number
        self.port = _free_port()
        self._database_url = database_url
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    async def start(
        self, command: Sequence[str] = USUAL, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it, again and again until it answers: it ends by itself where no database is.

        Raises:
            ServerError: it does not answer.
        """
        deadline = asyncio.get_running_loop().time() + START_PATIENCE
        self._launch(command, environment or {})
        while not await self.answers("/healthz"):
            if asyncio.get_running_loop().time() > deadline:
                self.kill()
                raise ServerError(f"server {self.number} does not start; {self.log_file} says why")
            if not self.runs:
                await asyncio.sleep(RETRY)
                self._launch(command, environment or {})
            await asyncio.sleep(POLL)

    async def answers(self, path: str) -> bool:
        """Whether it says that all is well."""
        try:
            async with asyncio.timeout(ANSWER_PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                    return b" 200 " in await reader.readline()
                finally:
                    writer.transport.abort()
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait()

    async def stop(self) -> float:
        """SIGTERM; returns how many seconds it took to end.

        Raises:
            ServerError: it did not end, and was killed.
        """
        if not self._process:
            return 0.0
        began = asyncio.get_running_loop().time()
        self._process.terminate()
        while self._process.poll() is None:
            if asyncio.get_running_loop().time() - began > STOP_PATIENCE:
                self.kill()
                raise ServerError(f"server {self.number} did not end within {STOP_PATIENCE:.0f} s")
            await asyncio.sleep(POLL)
        return asyncio.get_running_loop().time() - began

    def _launch(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={
                    **os.environ,
                    "DATABASE_URL": self._database_url,
                    "HOST": "127.0.0.1",
                    "PORT": str(self.port),
                    "WEB_CONCURRENCY": "1",
                    # A crowd's operations would be a line each; the ledger has them.
                    "LOG_LEVEL": "warning",
                    "LOG_FORMAT": "text",
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us: we stop what we started, in order.
                start_new_session=True,
            )


# Ports that the kernel gives to nobody by itself: a client that calls a dead server's port must not
# be given that very port, and so reach itself.
# Where we look begins elsewhere in each run: another may be under way.
_PORTS = iter(range(20_000 + os.getpid() * 37 % 9_000, 32_000))


def _free_port() -> int:
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError("no port is free")
