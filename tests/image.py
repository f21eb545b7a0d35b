"""What Dockerfile makes, without a container: the files, the environment and the commands of it."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.serving import PROJECT

# Neither is in git, and a build on a clean machine has neither.
NEVER = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Image:
    """A directory that is /app, and what runs in it."""

    root: Path
    environment: Mapping[str, str]
    command: Sequence[str]
    health_command: Sequence[str]
    stop_signal: signal.Signals
    user: str

    @classmethod
    def build(cls, root: Path, venv: Path) -> "Image":
        """Copy what .dockerignore lets in, and read the rest of Dockerfile's last stage.

        Args:
            venv: what stands in for /opt/venv.
        """
        root.mkdir()
        for name in let_in():
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=NEVER)
            elif source.exists():
                shutil.copy(source, root / name)
        lines = last_stage()
        environment = dict(word.split("=", 1) for word in _one(lines, "ENV").split())
        for name, value in environment.items():
            value = value.replace("/opt/venv", str(venv)).replace("/app", str(root))
            environment[name] = value.replace("$PATH", os.environ["PATH"])
        return cls(
            root,
            environment,
            json.loads(_one(lines, "CMD")),
            json.loads(re.sub(r"^.*? CMD ", "", _one(lines, "HEALTHCHECK"))),
            signal.Signals[_one(lines, "STOPSIGNAL")],
            _one(lines, "USER"),
        )

    def check_health(self, port: int) -> int:
        """Run the health check; returns its exit status."""
        environment = {**self.environment, "PORT": str(port)}
        checked = subprocess.run(
            self.health_command, env=environment, stderr=subprocess.DEVNULL, check=False
        )
        return checked.returncode


def let_in() -> list[str]:
    """What .dockerignore lets into the image."""
    lines = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines, "everything else has to stay out"
    return [line[1:].rstrip("/") for line in lines if line.startswith("!")]


def last_stage() -> list[str]:
    """The instructions of Dockerfile that make the image, each in one line."""
    text = (PROJECT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return text.rpartition("\nFROM ")[2].splitlines()[1:]


def _one(lines: Sequence[str], instruction: str) -> str:
    [line] = [line for line in lines if line.startswith(f"{instruction} ")]
    return line.partition(" ")[2].strip()
