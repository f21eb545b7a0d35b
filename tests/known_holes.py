"""Known holes in the pinned dependencies: what pip-audit finds, or that nobody could be asked.

    python -m tests.known_holes       (or `make audit`, which installs what it needs)

The exit status is 0 where every dependency was looked up and none has a known hole, 1 where one
has, and 3 where a source could not be asked about all of them.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
HOLES, UNASKED = 1, 3
# pip-audit's own, and what is asked about what that could not say.
SOURCES = ("", "osv")
# In seconds: for all dependencies of a file, and for each answer.
PATIENCE, ANSWER_PATIENCE = 600, 15


@dataclass
class Findings:
    """What is known of the dependencies, by `name==version` or, where nobody said, by name."""

    holes: dict[str, list[str]] = field(default_factory=dict)
    sound: set[str] = field(default_factory=set)
    unasked: set[str] = field(default_factory=set)

    def add(self, dependency: dict[str, Any]) -> None:
        """Take what was found of one."""
        name = dependency["name"]
        if "skip_reason" in dependency:
            self.unasked.add(name)
            return
        found = [_line(hole) for hole in dependency["vulns"]]
        if found:
            self.holes[f"{name}=={dependency['version']}"] = found
        self.sound.add(name)
        self.unasked.discard(name)


def main() -> int:
    """Look up all dependencies, say what was found, and return the exit status."""
    asked = _read_command()
    files: Sequence[Path] = asked.files or sorted(PROJECT.glob("requirements*.txt"))
    findings = look_up(files, asked.osv_url)
    for dependency, holes in sorted(findings.holes.items()):
        for hole in holes:
            sys.stdout.write(f"{dependency}: {hole}\n")
    if not findings.sound:
        sys.stdout.write("No source of data could be reached: nothing is known of any hole.\n")
    elif findings.unasked:
        sys.stdout.write(f"Nobody knows of: {', '.join(sorted(findings.unasked))}.\n")
    if findings.holes:
        return HOLES
    if findings.unasked or not findings.sound:
        return UNASKED
    sys.stdout.write(f"{len(findings.sound)} dependencies, no known hole.\n")
    return 0


def look_up(files: Sequence[Path], osv_url: str | None = None) -> Findings:
    """Ask each source, or only one like OSV, until all that the files pin is known."""
    findings = Findings()
    for source in ["osv"] if osv_url else SOURCES:
        for file in files:
            for dependency in _ask(source, file, osv_url):
                if dependency["name"] not in findings.sound:
                    findings.add(dependency)
        if findings.sound and not findings.unasked:
            break
    return findings


def _ask(source: str, file: Path, osv_url: str | None) -> Iterator[dict[str, Any]]:
    """What pip-audit says of each dependency; nothing where it could not reach the source."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(file), "--disable-pip"]
    command += ["--require-hashes", "--format", "json", "--progress-spinner", "off"]
    command += ["--timeout", str(ANSWER_PATIENCE)]
    command += ["--vulnerability-service", source] if source else []
    command += ["--osv-url", osv_url] if osv_url else []
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        yield from json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        name = source or "pip-audit's own source"
        sys.stdout.write(f"{name} could not be asked about {file.name}.\n")


def _line(hole: dict[str, Any]) -> str:
    fixed = ", ".join(hole["fix_versions"]) or "no version"
    return f"{hole['id']}, mended in {fixed}"


def _read_command() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests.known_holes", description=__doc__.partition(":")[0]
    )
    parser.add_argument("files", nargs="*", type=Path, help="default: all requirements*.txt")
    parser.add_argument("--osv-url", help="ask only this, which is like OSV's query API")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
