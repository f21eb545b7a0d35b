"""The machine and the programs that the figures come from."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.postgres import DISK, SETTINGS, file_system
from db.embedded.binaries import find_binaries, server_version


def describe() -> dict[str, Any]:
    """What a reader must know to compare the figures with others."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "file_system": file_system(DISK),
        "python": platform.python_version(),
        "node": _node_version(),
        "postgresql": server_version(find_binaries()),
        "postgresql_settings": SETTINGS,
    }


def sentence(about: dict[str, Any]) -> str:
    """The same in a line."""
    return (
        f"{about['cores']} cores ({about['processor']}), {about['memory_gib']} GiB, "
        f"{about['system']}, {about['file_system']}; Python {about['python']}, "
        f"node {about['node']}, PostgreSQL {about['postgresql']} with fsync on"
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)$", cpuinfo.read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _node_version() -> str:
    if shutil.which("node") is None:
        return "not here"
    done = subprocess.run(["node", "--version"], check=False, capture_output=True, text=True)
    return done.stdout.strip().removeprefix("v")
