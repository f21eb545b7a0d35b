"""`boxoffice serve`: the launcher's process is the server, and its options go before settings."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.serving import PROJECT, read_address

PATIENCE = 30


def test_the_process_that_was_started_is_the_server(database_url: str) -> None:
    settings = {"DATABASE_URL": database_url, "VENV": sys.prefix, "PORT": "1", "HOST": "::1"}
    process = subprocess.Popen(
        [PROJECT / "boxoffice", "serve", "--port=0", "--host=127.0.0.1", "--workers=2"],
        cwd="/",
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = read_address(process)
        assert address.startswith("127.0.0.1:")
        assert (
            httpx.get(f"http://{address}/readyz", verify=False, timeout=PATIENCE).status_code == 200
        )
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in below]
        assert sum("spawn_main" in command for command in commands) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
