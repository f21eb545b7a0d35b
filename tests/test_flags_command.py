"""`boxoffice flags`: set, listed, deleted, and every change on record with who made it."""

import getpass
import json
import os
from typing import Any

import pytest

from tests.command_line import CommandLine


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("0.5", 0.5),
        ('"true"', "true"),
        ("tight", "tight"),
        ("v1.2-beta", "v1.2-beta"),
        ('{"seats": [6, null]}', {"seats": [6, None]}),
        ('"größer"', "größer"),
    ],
)
def test_any_json_can_be_set_and_a_word_needs_no_quotes(
    boxoffice: CommandLine, shared_database_url: str, text: str, value: Any
) -> None:
    ran = boxoffice("flags", "set", "a-flag", text, "--json", DATABASE_URL=shared_database_url)
    assert ran.status == 0
    flag = json.loads(ran.out)
    assert flag["value"] == value
    assert (flag["key"], flag["percentage"]) == ("a-flag", 100)
    assert flag["changedBy"] == f"cli:{getpass.getuser()}"
    assert boxoffice("flags", "list", "--json", DATABASE_URL=shared_database_url).out == ran.out


@pytest.mark.parametrize(
    "text", ['{"seats": 6', "two words", "NaN1 ", "", "[1,]", "Infinity ", "null"]
)
def test_what_is_neither_json_nor_a_word_is_refused(
    boxoffice: CommandLine, shared_database_url: str, text: str
) -> None:
    ran = boxoffice("flags", "set", "a-flag", text, DATABASE_URL=shared_database_url)
    assert (ran.status, ran.out) == (2, "")
    assert "VALUE" in ran.err


def test_every_mistake_is_told_at_once(boxoffice: CommandLine, shared_database_url: str) -> None:
    ran = boxoffice(
        *("flags", "set", "A Flag", "9e999", "--percentage", 101),
        DATABASE_URL=shared_database_url,
    )
    assert (ran.status, ran.out) == (2, "")
    told = [line.partition(":")[0] for line in ran.err.removeprefix("boxoffice: ").splitlines()]
    assert told == ["KEY", "VALUE", "--percentage"]


def test_changes_say_what_a_flag_was_and_became(boxoffice: CommandLine, database_url: str) -> None:
    def flags(*arguments: object) -> list[str]:
        ran = boxoffice("flags", *arguments, DATABASE_URL=database_url)
        assert ran.status == 0
        return ran.lines

    flags("set", "seat-choice", "tight", "--percentage", 10)
    flags("set", "other", "1")
    flags("set", "seat-choice", "tight", "--percentage", 12.5)
    assert [line.partition("  (")[0] for line in flags("list")] == [
        "other  1 for 100 %",
        'seat-choice  "tight" for 12.5 %',
    ]
    assert flags("delete", "seat-choice") == ["deleted seat-choice"]
    assert [line.partition("  (")[0] for line in flags("changes", "seat-choice")] == [
        '4  seat-choice  "tight" for 12.5 % -> none',
        '3  seat-choice  "tight" for 10 % -> "tight" for 12.5 %',
        '1  seat-choice  none -> "tight" for 10 %',
    ]
    [latest] = map(json.loads, flags("changes", "--json", "--first", 1))
    assert latest["before"] == {"value": "tight", "percentage": 12.5}
    assert latest["after"] is None


def test_a_flag_that_is_not_there_cannot_be_deleted(
    boxoffice: CommandLine, database_url: str
) -> None:
    ran = boxoffice("flags", "delete", "nothing", DATABASE_URL=database_url)
    assert (ran.status, ran.out, ran.err) == (2, "", "boxoffice: there is no flag nothing\n")


@pytest.mark.parametrize("command", ["changes", "delete"])
def test_what_can_be_no_key_is_refused(boxoffice: CommandLine, command: str) -> None:
    ran = boxoffice("flags", command, "\udcff")  # as Python has bytes that are no UTF-8
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("boxoffice: KEY: ")


def test_a_user_without_a_name_is_on_record_by_number(
    boxoffice: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nameless)
    boxoffice("flags", "set", "a-flag", "true", DATABASE_URL=database_url)
    assert f"cli:{os.getuid()})" in boxoffice("flags", "changes", DATABASE_URL=database_url).out
