"""The changelog's form, and what a release says of itself: `python -m docs.changelog v1.2.3`."""

import re
import sys
import tomllib
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).parent.parent
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
UNRELEASED = "Unreleased"


def read_changelog(text: str) -> dict[str, str]:
    """What it says of each version, the newest first; `Unreleased` is one, too.

    Raises:
        ValueError: it is not as Keep a Changelog has it; the message says where.
    """
    top, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    if not top.startswith("# Changelog\n"):
        raise ValueError("It begins with `# Changelog`.")
    said = dict(_read_section(section) for section in sections)
    numbers = [tuple(map(int, version.split("."))) for version in said if version != UNRELEASED]
    if len(said) < len(sections) or numbers != sorted(numbers, reverse=True):
        raise ValueError("Each version stands once, the newest first.")
    if next(iter(said), None) != UNRELEASED:
        raise ValueError("The first section is `## [Unreleased]`.")
    return said


def _read_section(section: str) -> tuple[str, str]:
    heading, _, body = section.partition("\n")
    found = re.fullmatch(r"\[(Unreleased)\]|\[(\d+\.\d+\.\d+)\] - (\S+)", heading)
    if not found:
        raise ValueError(f"A section is `[Unreleased]` or `[1.2.3] - 2030-01-31`, not {heading!r}.")
    if found[3]:
        date.fromisoformat(found[3])
    before, *groups = re.split(r"^### ", body, flags=re.MULTILINE)
    kinds = [group.partition("\n")[0] for group in groups]
    if before.strip() or not set(kinds) <= set(KINDS) or len(set(kinds)) < len(kinds):
        raise ValueError(f"{heading} has groups {', '.join(KINDS)}, each once and nothing before.")
    for group in groups:
        _check_bullets(group.partition("\n")[2])
    return found[1] or found[2], body.strip() + "\n"


def _check_bullets(text: str) -> None:
    for line in text.splitlines():
        if line and not line.startswith(("- ", "  ")):
            raise ValueError(f"A group has bullets, not {line!r}.")


def release_notes(tag: str, version: str, changelog: str) -> str:
    """What the changelog says of a release, whose tag must be of the version that is set.

    Raises:
        ValueError: they don't agree; the message says in what.
    """
    if tag != f"v{version}":
        raise ValueError(f"The tag is {tag}, and pyproject.toml has version {version}.")
    notes = read_changelog(changelog).get(version, "")
    if not notes.strip():
        raise ValueError(f"CHANGELOG.md says nothing of {version}.")
    return notes


def main(tag: str) -> int:
    """Write the notes; where something doesn't agree, say what, and fail."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    try:
        changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
        sys.stdout.write(release_notes(tag, project["project"]["version"], changelog))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
