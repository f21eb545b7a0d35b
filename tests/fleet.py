"""The services of compose.yaml as processes of this machine: the same settings, other addresses."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from db.embedded.account import Account, choose_account
from db.embedded.server import PostgresServer
from tests.image import Image
from tests.serving import PROJECT

COMPOSE = PROJECT / "deploy/compose"
START_PATIENCE = 10.0


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where a program is missing that CI installs (.ci/run)."""
    missing = [program for program in programs if not find(program)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def find(program: str) -> str | None:
    """Where a program is; daemons are where an ordinary user's PATH doesn't lead."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def rewritten(path: Path, changes: Mapping[str, str]) -> str:
    """A file of ours with other addresses. Each must be there, or the test tests something else."""
    text = path.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{path.name} has no {old!r}"
        text = text.replace(old, new)
    return text


@contextmanager
def workshop(account: Account) -> Iterator[Path]:
    """A directory that an account can use; pytest's own are closed to all but us."""
    directory = Path(tempfile.mkdtemp(prefix="boxoffice-"))
    account.own(directory)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def daemon(command: Sequence[str], port: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends, which begins when it listens on its port."""
    process = subprocess.Popen(command, **{"cwd": "/", **options})
    try:
        _await(process, port)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(START_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
            assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer, the URL that leads to a database through it, and its secrets."""

    url: str
    secrets: Path


@contextmanager
def pgbouncer(
    postgres: PostgresServer, database: str, user: str = "boxoffice", **settings: str
) -> Iterator[Pooler]:
    """Run PgBouncer as compose.yaml does, with secrets of its own, before one of our databases.

    Args:
        user: whom PostgreSQL knows the servers as.
        settings: what is set otherwise.
    """
    account = choose_account(postgres.data_dir)
    place = f"dbname={database} user={user}"
    socket_dir = postgres.url.partition("?host=")[2].partition("&")[0].replace("%2F", "/")
    port = free_port()
    with workshop(account) as directory:
        secrets = directory / "secrets"
        subprocess.run([PROJECT / "deploy/secrets.sh", secrets], check=True)
        users = directory / "users"
        shutil.copy(secrets / "pgbouncer_users", users)
        changes = {
            "host=postgres port=5432 dbname=boxoffice": f"host={socket_dir} {place}",
            "listen_addr = 0.0.0.0": "listen_addr = 127.0.0.1",
            "listen_port = 6432": f"listen_port = {port}",
            "/run/secrets/pgbouncer_users": str(users),
        }
        config = directory / "pgbouncer.ini"
        others = "".join(f"{name} = {value}\n" for name, value in settings.items())
        config.write_text(rewritten(COMPOSE / "pgbouncer.ini", changes) + others, "utf-8")
        url = (secrets / "database_url").read_text("utf-8")
        program = find("pgbouncer")
        assert program
        with daemon(
            [*account.prefix(directory, Path(socket_dir)), program, "--quiet", str(config)], port
        ):
            yield Pooler(url.replace("@pgbouncer:6432/", f"@127.0.0.1:{port}/"), secrets)


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
