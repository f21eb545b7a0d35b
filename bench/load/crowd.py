"""Crowds that no existing tool plays: a rush, groups, subscribers and a flood. No packages."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bench.failure import Failure

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
PATIENCE = 90.0
EXCERPT = 400


class Crowd:
    """A crowd at work: what it says, line by line."""

    def __init__(self, process: subprocess.Popen[str], complaints: IO[str]) -> None:
        self._process = process
        self._complaints = complaints

    def wait_for(self, word: str) -> None:
        """Wait until the crowd says this.

        Raises:
            Failure: it says something else, or ends.
        """
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        if line != word:
            raise self._failure(line)

    def result(self) -> dict[str, Any]:
        """What the crowd has seen.

        Raises:
            Failure: it broke.
        """
        try:
            said, _ = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure("the crowd found no end") from None
        if self._process.returncode:
            raise self._failure(said)
        found: dict[str, Any] = json.loads(said)
        return found

    def _failure(self, said: str) -> Failure:
        self._process.kill()
        self._complaints.seek(0)
        text = self._complaints.read()
        return Failure(f"the crowd broke: {said[-200:]} {text[text.find('Error:') :][:EXCERPT]}")


@contextmanager
def crowd(script: str, **given: Any) -> Iterator[Crowd]:
    """Let a crowd of load/*.mjs or *.py at a server; it is gone at the end of the block."""
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [*_interpreter(script), json.dumps(given)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        try:
            yield Crowd(process, complaints)
        finally:
            process.kill()
            process.wait()


def _interpreter(script: str) -> list[str]:
    path = HERE / script
    if path.suffix == ".py":
        return [sys.executable, "-m", f"bench.load.{path.stem}"]
    return ["node", str(path)]
