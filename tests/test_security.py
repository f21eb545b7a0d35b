"""docs/security.md tells the truth: whatever it names is there."""

import ast
import re
from pathlib import Path

import pytest

from settings import Settings
from tests.test_attacks import ATTACKS, FAMILIES

PROJECT = Path(__file__).parent.parent
PAGE = (PROJECT / "docs" / "security.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+::\w+)`", PAGE))))
def test_a_test_that_is_named_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    tree = ast.parse((PROJECT / "tests" / f"{file}.py").read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert test in {node.name for node in tree.body if isinstance(node, functions)}


def test_every_table_of_attacks_is_named_and_there() -> None:
    assert set(re.findall(r"`attacks: ([^`…]+)`", PAGE)) <= FAMILIES.keys()


def test_there_are_as_many_attacks_as_it_says() -> None:
    [said] = re.findall(r"more than (\d+) attacks", PAGE)
    assert len(ATTACKS) > int(said)


def test_settings_that_are_named_are_there() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)(?:=\w+)?`", PAGE))
    assert named <= {name.upper() for name in Settings.model_fields}


def test_files_that_are_named_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (PROJECT / "docs" / target).exists(), target


def test_every_threat_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "Threat" not in line]
    assert len(rows) > 20
    for row in rows:
        assert re.search(r"`(test_\w+::|attacks: )", row.split("|")[3]), row
