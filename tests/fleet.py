"""The services of compose.yaml as processes of this machine: the same settings, other addresses."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from db.embedded.account import Account
from db.embedded.server import PostgresServer
from tests.daemons import START_PATIENCE, daemon, find, free_port, rewritten, workshop
from tests.image import Image
from tests.pooler import COMPOSE, pgbouncer
from tests.serving import PROJECT


@dataclass
class Fleet:
    """What `docker compose up` brings, at other addresses."""

    address: str
    image: Image
    secrets: Path
    ports: Mapping[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a server, and wait until it is healthy."""
        environment = {
            **self.image.environment,
            **service(name)["environment"],
            "HOST": "127.0.0.1",
            "PORT": str(self.ports[name]),
            "SECRETS_DIR": str(self.secrets),
            "TRUSTED_PROXIES": "127.0.0.1",
        }
        self.processes[name] = subprocess.Popen(
            self.image.command, cwd=self.image.root, env=environment, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_PATIENCE
        while self.image.check_health(self.ports[name]):
            assert self.processes[name].poll() is None, f"{name} ended"
            assert time.monotonic() < deadline, f"{name} is not healthy"
            time.sleep(0.1)

    def stop(self, name: str) -> int:
        """Stop a server as `docker compose stop` does; returns its exit status."""
        process = self.processes.pop(name)
        process.send_signal(self.image.stop_signal)
        try:
            return process.wait(grace(name))
        finally:
            process.kill()
            process.wait()

    def run(self, *command: str) -> str:
        """Run a command as `docker compose exec` does; returns what it prints."""
        environment = {**self.image.environment, "SECRETS_DIR": str(self.secrets)}
        done = subprocess.run(
            command, cwd=self.image.root, env=environment, check=True, stdout=subprocess.PIPE
        )
        return done.stdout.decode().strip()


def service(name: str) -> dict[str, Any]:
    """A service of compose.yaml."""
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))["services"]
    found: dict[str, Any] = services[name]
    return found


def grace(name: str) -> float:
    """How long a service may take to stop, in seconds."""
    return float(service(name)["stop_grace_period"].removesuffix("s"))


@contextmanager
def fleet(postgres: PostgresServer, database: str, user: str) -> Iterator[Fleet]:
    """Bring up the services of compose.yaml before one of our databases."""
    with ExitStack() as stack:
        pooler = stack.enter_context(pgbouncer(postgres, database, user=user))
        work = stack.enter_context(workshop(Account(os.geteuid(), os.getegid())))
        work.chmod(0o755)  # nginx, as root, works as nobody
        image = Image.build(work / "app", Path(sys.prefix))
        secrets = work / "secrets"
        secrets.mkdir()
        for name in service("app-1")["secrets"]:
            shutil.copy(pooler.secrets / name, secrets)
        (secrets / "database_url").chmod(0o600)
        (secrets / "database_url").write_text(pooler.url, "utf-8")
        ports = {name: free_port() for name in ("app-1", "app-2", "proxy")}
        going = Fleet(f"127.0.0.1:{ports['proxy']}", image, secrets, ports)
        stack.callback(lambda: [going.stop(name) for name in [*going.processes]])
        for name in ("app-1", "app-2"):
            going.start(name)
        stack.enter_context(nginx(work, ports))
        yield going


@contextmanager
def nginx(work: Path, ports: Mapping[str, int]) -> Iterator[None]:
    """Run the proxy before two servers."""
    changes = {
        "listen 8080": f"listen 127.0.0.1:{ports['proxy']}",
        "server app-1:8000": f"server 127.0.0.1:{ports['app-1']}",
        "server app-2:8000": f"server 127.0.0.1:{ports['app-2']}",
        "/tmp/": f"{work}/",
    }
    config = work / "nginx.conf"
    config.write_text(rewritten(COMPOSE / "nginx.conf", changes), "utf-8")
    program = find("nginx")
    assert program
    entry = [program if word == "nginx" else word for word in service("proxy")["entrypoint"]]
    subprocess.run([*entry, "-t", "-q", "-c", config], check=True)
    with daemon([*entry, "-c", str(config)], ports["proxy"]):
        yield
