"""PgBouncer before a database of the tests, with the configuration of compose.yaml."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from db.embedded.account import choose_account
from db.embedded.server import PostgresServer
from tests.daemons import daemon, find, free_port, rewritten, workshop
from tests.serving import PROJECT

COMPOSE = PROJECT / "deploy/compose"


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
    socket_dir = postgres.url.partition("?host=")[2].partition("&")[0].replace("%2F", "/")
    port, program = free_port(), find("pgbouncer")
    assert program
    with workshop(account) as directory:
        secrets, config = directory / "secrets", directory / "pgbouncer.ini"
        subprocess.run([PROJECT / "deploy/secrets.sh", secrets], check=True)
        users = shutil.copy(secrets / "pgbouncer_users", directory)
        changes = {
            "host=postgres port=5432 dbname=boxoffice": f"host={socket_dir} "
            f"dbname={database} user={user}",
            "listen_addr = 0.0.0.0": "listen_addr = 127.0.0.1",
            "listen_port = 6432": f"listen_port = {port}",
            "/run/secrets/pgbouncer_users": str(users),
        }
        others = "".join(f"{name} = {value}\n" for name, value in settings.items())
        config.write_text(rewritten(COMPOSE / "pgbouncer.ini", changes) + others, "utf-8")
        url = (secrets / "database_url").read_text("utf-8")
        become = account.prefix(directory, Path(socket_dir))
        with daemon([*become, program, "--quiet", str(config)], port):
            yield Pooler(url.replace("@pgbouncer:6432/", f"@127.0.0.1:{port}/"), secrets)
