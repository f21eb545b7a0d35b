"""The board: where the processes of one server leave their numbers, since a scrape meets only one.

A directory with a file for each process, in memory where the machine has such a place. What has
happened stays when a process ends: its parent adds it to what others left. How things are is told
of living processes only.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from pathlib import Path
from shutil import rmtree
from time import monotonic, time_ns
from typing import Any

import orjson

from telemetry.families import Cells, Gauge, add_up, families

IN_MEMORY = Path("/dev/shm")  # where it is there it is a disk in memory
PAST = "past"
# Numbers are posted once a second. Who is so late, in seconds, is dead, or hangs.
STALE = 5.0
# A file that was added to the past may have been listed before, by whoever is being scraped.
REMEMBERED = 100

Numbers = Mapping[str, Cells]


class Board:
    """One process' place on the board, and its view of the others'."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._name = f"{os.getpid()}-{time_ns()}"

    def post(self, numbers: Numbers, gone: bool = False) -> None:
        """Leave this process' numbers; with `gone` only what has happened, for good."""
        lasting = {name: cells for name, cells in numbers.items() if not _is_gauge(name)}
        present = {name: cells for name, cells in numbers.items() if _is_gauge(name) and not gone}
        posted = {"at": monotonic(), "lasting": _listed(lasting), "present": _listed(present)}
        with suppress(OSError):  # there is no room, or nobody left who would look
            _write(self._directory / self._name, posted)

    def others(self) -> list[Numbers]:
        """What the others have posted, and what those left who have ended."""
        posted = {path.name: _read(path) for path in self._files() if path.name != self._name}
        # Last: what was moved there since the files were listed is not missed, nor counted twice.
        past = _read(self._directory / PAST)
        parts: list[Numbers] = [_mapped(past.get("lasting", {}))]
        for name, numbers in posted.items():
            if name not in past.get("folded", ()) and numbers:
                late = monotonic() - numbers["at"] > STALE
                parts.append(_mapped(numbers["lasting"]))
                parts.append({} if late else _mapped(numbers["present"]))
        return parts

    def fold(self, pid: int | None) -> None:
        """Add what a process that has ended left to the past. For its parent alone."""
        ended = [path for path in self._files() if path.name.startswith(f"{pid}-")]
        past = _read(self._directory / PAST)
        parts = [_mapped(_read(path).get("lasting", {})) for path in ended]
        whole = _summed([_mapped(past.get("lasting", {})), *parts])
        folded = [*past.get("folded", ()), *(path.name for path in ended)][-REMEMBERED:]
        with suppress(OSError):
            _write(self._directory / PAST, {"folded": folded, "lasting": _listed(whole)})
            for path in ended:
                path.unlink()

    def leave(self, numbers: Numbers) -> None:
        """Post what stays when this process has ended; take the board away if nobody keeps it."""
        self.post(numbers, gone=True)
        keeper = parent_process()
        if keeper and not keeper.is_alive():
            rmtree(self._directory, ignore_errors=True)

    def _files(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in self._directory.iterdir() if path.name[0].isdigit()]
        return []


@contextmanager
def hung_up() -> Iterator[Path | None]:
    """A place for a board, as long as the block lasts; None where there is none to be had."""
    in_memory = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    try:
        place = tempfile.TemporaryDirectory(
            prefix="boxoffice-", dir=in_memory, ignore_cleanup_errors=True
        )
    except OSError:
        yield None
        return
    with place as name:
        yield Path(name)


def _is_gauge(name: str) -> bool:
    return isinstance(families[name], Gauge)


def _summed(parts: Iterable[Numbers]) -> dict[str, Cells]:
    parts = list(parts)
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: add_up(part.get(name, {}) for part in parts) for name in names}


def _listed(numbers: Numbers) -> dict[str, list[Any]]:
    """As JSON has it, where no key can be a list."""
    return {name: list(cells.items()) for name, cells in numbers.items()}


def _mapped(listed: Mapping[str, list[Any]]) -> dict[str, Cells]:
    return {name: {tuple(labels): cell for labels, cell in cells} for name, cells in listed.items()}


def _write(path: Path, numbers: Any) -> None:
    """Whole or not at all: whoever reads meanwhile sees what was there before."""
    part = path.with_name(f"part-{path.name}")
    part.write_bytes(orjson.dumps(numbers))
    part.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        numbers: dict[str, Any] = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return numbers
