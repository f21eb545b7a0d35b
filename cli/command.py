"""What all commands have in common: how their help is laid out."""

from collections.abc import Callable
from inspect import cleandoc
from typing import Any, TypeVar

import typer

IF_UNUSABLE = "2 if the command or a setting is unusable"
IF_NO_DATABASE = "3 if the database can't be had"

Function = TypeVar("Function", bound=Callable[..., Any])


def new_app(help: str | None = None) -> typer.Typer:
    """Where a command is added, or a group of them, which is for what `help` says."""
    return typer.Typer(
        help=help,
        rich_markup_mode="rich",
        add_completion=False,
        # They show every variable of the code that failed, secrets included.
        pretty_exceptions_enable=False,
    )


def command(
    app: typer.Typer, *examples: str, status: str, name: str | None = None
) -> Callable[[Function], Function]:
    """Add a function as a command: its docstring is the help.

    Args:
        examples: lines that can be pasted, shown below the options.
        status: what each exit status says.
        name: the command's, where the function can't be called so.
    """
    shown = "\n".join(f"  {example}" for example in examples)
    epilog = f"Examples:\n{shown}\n\nExit status: {status}."

    def add(function: Function) -> Function:
        paragraphs = cleandoc(function.__doc__ or "").split("\n\n")
        text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        return app.command(name, help=text, epilog=epilog)(function)

    return add
