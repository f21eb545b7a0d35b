"""The commands and how they end; a command's own module is imported when it is called."""

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli.interruption import end_by, end_in_order

PROGRAM = "boxoffice"

# What stands in the overview of each: the first sentence of its own help, which a test compares.
COMMANDS = {
    "Run it": {
        "serve": "Serve until stopped, with a PostgreSQL of its own unless DATABASE_URL is set.",
        "migrate": "Bring the database up to date.",
        "version": "Say which version this is, of Python, PostgreSQL and the schema, too.",
    },
    "Sell": {
        "show": "Add a show, and list what there is.",
        "flags": "List, set and delete feature flags, and see their changes.",
    },
    "Try it": {
        "seed": "Fill a new house with a demo: shows of this week, and bookings of every state.",
        "load": "Let people into a box office, who browse, watch, pick, hesitate and book.",
    },
    "Keep it right": {
        "expire": "Put all lapsed holds on record now, and print how many.",
        "audit": "Hold the log of changes against seats, bookings and counters.",
    },
    "Let them in": {
        "apikey": "Make, list and revoke keys for the scripts of admins.",
        "token": "Make a token for trying out, signed with AUTH_SECRET, and print it.",
    },
}


class Commands(TyperGroup):
    """Knows each command by name and a sentence, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, commands in COMMANDS.items():
            for name, summary in commands.items():
                self.add_command(TyperCommand(name, help=summary, rich_help_panel=panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find what is called."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(command.name or ""), rest

    def invoke(self, ctx: Any) -> Any:
        """Run it. Who goes away meanwhile, at the keyboard or behind a pipe, ends it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            end_by(signal.SIGPIPE)
        except KeyboardInterrupt:
            end_by(signal.SIGINT)


app = typer.Typer(
    cls=Commands,
    rich_markup_mode="rich",
    # They show every variable of the code that failed, secrets included.
    pretty_exceptions_enable=False,
    epilog="`boxoffice COMMAND --help` has examples. Settings come from the environment, from "
    "`.env` in the project and from the files of SECRETS_DIR; no secret need be an argument.\n\n"
    "Exit status: 0 where all is well, 1 where something differs, 2 if the command or a setting "
    "is unusable, 3 if the database can't be had.",
)


@app.callback()
def boxoffice() -> None:
    """Run a box office, and look after it."""


def load(name: str) -> Any:
    """The command with this name, whole."""
    module = import_module(f"cli.{name}")
    end_in_order()
    return typer.main.get_command(module.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status. What keeps us from it goes to stderr in words."""
    try:
        status = app(args=arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        sys.stdout.flush()
        sys.stderr.write(f"{PROGRAM}: {error.format_message()}{_hint(error)}\n")
        return error.exit_code
    except BrokenPipeError:
        end_by(signal.SIGPIPE)
    return int(status or 0)


def _hint(error: typer.TyperException) -> str:
    """Where it says how the command is used that was misused."""
    context = getattr(error, "ctx", None)
    return f" Try '{context.command_path} --help'." if context else ""
