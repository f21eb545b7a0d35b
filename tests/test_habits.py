"""The project's habits that a program can check: decisions, changelog, version, links."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.changelog import read_changelog, release_notes
from tests.serving import PROJECT

DECISIONS = PROJECT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Consequences", "Rejected"]
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text("utf-8")
SMALL = """\
# Changelog

## [Unreleased]

### Added

- Boxes, which hold
  more.

## [1.2.0] - 2030-01-31

### Fixed

- Stairs.

## [1.1.0] - 2030-01-30
"""


@pytest.mark.parametrize(
    "record", [*RECORDS, DECISIONS / "template.md"], ids=lambda path: path.stem
)
def test_a_decision_says_context_decision_consequences_and_what_was_rejected(record: Path) -> None:
    title, *sections = re.split(r"^## ", record.read_text("utf-8"), flags=re.MULTILINE)
    number = int(record.stem[:4]) if record in RECORDS else 0
    assert re.match(rf"# {number}\. \w", title)
    assert [section.partition("\n")[0] for section in sections] == PARTS
    assert all(len(section.partition("\n")[2].split()) > 3 for section in sections)


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [record.stem[:4] for record in RECORDS]
    assert len(set(numbers)) == len(numbers)


def test_changelog_has_its_form() -> None:
    assert "Unreleased" in read_changelog(CHANGELOG)
    assert read_changelog(SMALL)["1.2.0"] == "### Fixed\n\n- Stairs.\n"


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        ("# Changelog", "# Changes"),
        ("## [Unreleased]", "## Unreleased"),
        ("## [Unreleased]", "## [1.3.0] - 2030-02-01"),
        ("[1.1.0]", "[1.2.0]"),
        ("[1.1.0]", "[1.3.0]"),
        ("2030-01-31", "2030-02-31"),
        ("2030-01-31", "soon"),
        ("### Fixed", "### Mended"),
        ("### Fixed", "### Fixed\n\n- Doors.\n\n### Fixed"),
        ("- Stairs.", "Stairs."),
        ("### Fixed", "A word.\n\n### Fixed"),
    ],
)
def test_a_changelog_without_form_is_refused(kept: str, broken: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_changelog(SMALL.replace(kept, broken, 1))


def test_a_release_says_what_the_changelog_says_of_it() -> None:
    assert release_notes("v1.2.0", "1.2.0", SMALL) == "### Fixed\n\n- Stairs.\n"


@pytest.mark.parametrize(
    ("tag", "version", "why"),
    [
        ("v1.2.1", "1.2.0", "The tag is v1.2.1, and pyproject.toml has version 1.2.0."),
        ("1.2.0", "1.2.0", "The tag is 1.2.0, and"),
        ("v1.1.0", "1.1.0", "says nothing of 1.1.0"),
        ("v1.0.0", "1.0.0", "says nothing of 1.0.0"),
    ],
)
def test_a_release_whose_tag_version_and_changelog_disagree_is_none(
    tag: str, version: str, why: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        release_notes(tag, version, SMALL)


def test_command_for_releases_refuses_in_words() -> None:
    command = [sys.executable, "-m", "docs.changelog", "v0.0.0"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The tag is v0.0.0, and pyproject.toml has version ")


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (PROJECT / name).read_text("utf-8")):
        assert (PROJECT / target).exists(), target
