"""`boxoffice flags`: feature flags, which servers follow within two seconds."""

import getpass
import json
import os
import re
from typing import Annotated, Any

from typer import Argument, BadParameter, Option, echo

from cli.command import IF_NO_DATABASE, IF_UNUSABLE, command, new_app
from cli.failure import UNUSABLE, Failure, refuse
from cli.house import ask
from db.flags import delete_flag, list_flag_changes, list_flags, set_flag
from flags.flag import Flag, FlagChange, State
from flags.inputs import check_flag, check_key
from schema.scalars import write_time
from telemetry.log import printable

STATUS = f"0 where it is done, {IF_UNUSABLE}, {IF_NO_DATABASE}"
# What can be nothing else than a text is taken for one without its quotes.
WORD = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
OPTIONS = {"key": "KEY", "value": "VALUE", "percentage": "--percentage"}


def _read_value(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        if WORD.fullmatch(text):
            return text
    else:
        if value is not None:  # which typer would take for nothing
            return value
    raise BadParameter(f"It must be JSON (but not null) or a word, not {text!r}.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


Key = Annotated[str, Argument(help="What the flag is called, such as seat-choice.")]
Json = Annotated[bool, Option("--json", help="Print a JSON object for each.")]

app = new_app("List, set and delete feature flags, and see their changes.")


@command(app, "boxoffice flags list", "boxoffice flags list --json", status=STATUS, name="list")
def list_(as_json: Json = False) -> None:
    """List the flags: value, percentage of subjects, and who made it so."""
    for flag in ask(list_flags):
        _print_flag(flag, as_json)


@command(
    app,
    "boxoffice flags set seat-choice tight --percentage 10",
    "boxoffice flags set new-checkout true",
    "boxoffice flags set limits '{\"seats\": 6}' --percentage 0.5",
    status=STATUS,
    name="set",
)
def set_(
    key: Key,
    value: Annotated[
        Any,
        Argument(
            parser=_read_value,
            metavar="VALUE",
            help="Any JSON but null; a word is a text, and -1 stands behind a --.",
        ),
    ],
    percentage: Annotated[
        float, Option(help="How many of a hundred subjects have it, with two decimals at most.")
    ] = 100.0,
    as_json: Json = False,
) -> None:
    """Set a flag; servers have it within two seconds.

    Whoever has it keeps it while the percentage grows. What it was stays on record.
    """
    refuse(check_flag(key, value, percentage), OPTIONS)
    _print_flag(ask(lambda conn: set_flag(conn, key, value, percentage, _user())), as_json)


@command(app, "boxoffice flags delete seat-choice", status=STATUS)
def delete(key: Key) -> None:
    """Delete a flag; within two seconds it is off for everybody. Its changes stay on record."""
    refuse([*check_key(key)], OPTIONS)
    flag = ask(lambda conn: delete_flag(conn, key, _user()))
    if flag is None:
        raise Failure(f"there is no flag {key}", UNUSABLE)
    echo(f"deleted {key}")


@command(
    app,
    "boxoffice flags changes",
    "boxoffice flags changes seat-choice --first 5",
    status=STATUS,
)
def changes(
    key: Annotated[str | None, Argument(help="Of this flag only.")] = None,
    first: Annotated[int, Option(min=1, max=1_000, help="How many, the latest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the changes of flags: when, which, what it was, what it became, and by whom."""
    refuse([] if key is None else [*check_key(key)], OPTIONS)
    for change in ask(lambda conn: list_flag_changes(conn, first, key)):
        _print_change(change, as_json)


def _user() -> str:
    """Who does it, for the record."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        name = str(os.getuid())
    return f"cli:{name}"


def _print_flag(flag: Flag, as_json: bool) -> None:
    state = State(flag.value, flag.percentage)
    if as_json:
        echo(json.dumps({"key": flag.key, **_fields(state), **_record(flag)}))
    else:
        echo(f"{flag.key}  {_words(state)}  ({_trace(flag)})")


def _print_change(change: FlagChange, as_json: bool) -> None:
    before, after = change.before, change.after
    if as_json:
        fields = {"revision": change.revision, "key": change.key}
        states = {"before": before and _fields(before), "after": after and _fields(after)}
        echo(json.dumps({**fields, **states, **_record(change)}))
    else:
        became = f"{_words(before)} -> {_words(after)}"
        echo(f"{change.revision}  {change.key}  {became}  ({_trace(change)})")


def _fields(state: State) -> dict[str, Any]:
    return {"value": state.value, "percentage": state.percentage}


def _record(of: Flag | FlagChange) -> dict[str, Any]:
    return {"changedAt": write_time(of.changed_at), "changedBy": of.changed_by}


def _words(state: State | None) -> str:
    return f"{json.dumps(state.value)} for {state.percentage:g} %" if state else "none"


def _trace(of: Flag | FlagChange) -> str:
    return f"{write_time(of.changed_at)}, {printable(of.changed_by)}"
