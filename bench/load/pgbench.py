"""pgbench with the peers' transactions: what the database does without any server before it."""

import os
import re
import subprocess
from dataclasses import dataclass

from bench.contestants import PEERS
from bench.failure import Failure
from bench.load.wrk import Sale
from bench.postgres import Postgres

PATIENCE = 30.0


@dataclass(frozen=True)
class Script:
    """One of the transactions in peers/pgbench, by so many clients."""

    name: str
    clients: int


def run(
    postgres: Postgres, database: str, script: Script, sale: Sale, seconds: int, start: int = 0
) -> float:
    """Book one seat a transaction, in order from `start` on; returns the seconds it took."""
    variables = {
        "turn": -(-start // script.clients),
        "clients": script.clients,
        "shows": sale.width,
        "seats": sale.seats,
        "first_show": sale.shows[0],
        "seed": sale.seed,
    }
    command = [
        str(postgres.bin_dir / "pgbench"),
        "--no-vacuum",
        "--protocol=prepared",
        f"--client={script.clients}",
        f"--jobs={min(script.clients, 2)}",
        f"--time={seconds}",
        f"--file={PEERS / 'pgbench' / script.name}",
        *(f"--define={name}={value}" for name, value in variables.items()),
    ]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **postgres.environment(database)},
        timeout=seconds + PATIENCE,
    )
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    number = re.search(r"actually processed: (\d+)", done.stdout)
    if done.returncode or not rate or not number:
        raise Failure(f"pgbench failed: {done.stderr[-500:]}")
    return int(number[1]) / float(rate[1])
