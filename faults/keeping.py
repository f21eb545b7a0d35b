"""What a run leaves for who wants to know more: its records and the logs, as files."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from faults.house import House
from faults.records import Records, Request, Update


def keep(directory: Path, records: Records, house: House) -> None:
    """Write the records, a line of JSON each, and copy what the servers and PostgreSQL said."""
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "requests.jsonl", records.requests)
    _write(directory / "updates.jsonl", records.updates)
    for log_file in (*(server.log_file for server in house.servers), house.postgres.log_file):
        shutil.copy(log_file, directory)


def _write(path: Path, rows: Iterable[Request | Update]) -> None:
    with path.open("w") as file:
        file.writelines(f"{json.dumps(asdict(row))}\n" for row in rows)
