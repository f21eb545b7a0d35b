"""docs/cli.md has each command's help as it is printed: `python -m cli.manual` writes it anew."""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO

from typer import rich_utils
from typer.core import TyperGroup

from cli.commands import COMMANDS, load, main
from settings import PROJECT

MANUAL = PROJECT / "docs" / "cli.md"
WIDTH = 80
BLOCK = re.compile(r"^```text\n\$ boxoffice ([^\n]*)--help\n.*?^```$", re.MULTILINE | re.DOTALL)


def all_commands() -> Iterator[list[str]]:
    """Each command, and each one below a group, by the words that call it."""
    for name in (name for commands in COMMANDS.values() for name in commands):
        command = load(name)
        if isinstance(command, TyperGroup):
            yield from ([name, below] for below in command.commands)
        else:
            yield [name]


def write(text: str) -> str:
    """The manual with the helps that are printed now."""
    return BLOCK.sub(lambda block: _show(block[1].split()), text)


def _show(words: list[str]) -> str:
    command = " ".join(["boxoffice", *words, "--help"])
    lines = (line.rstrip() for line in _help(words).strip().splitlines())
    return "\n".join(["```text", f"$ {command}", *lines, "```"])


def _help(words: list[str]) -> str:
    """What is printed to a terminal of the usual width, without its colours."""
    rich_utils.MAX_WIDTH, rich_utils.FORCE_TERMINAL = WIDTH, False
    with redirect_stdout(StringIO()) as printed:
        main([*words, "--help"])
    return printed.getvalue()


if __name__ == "__main__":
    MANUAL.write_text(write(MANUAL.read_text("utf-8")), "utf-8")
