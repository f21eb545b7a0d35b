"""The command line in this process, which spares each test the start of another."""

from dataclasses import dataclass

import pytest
from typer import rich_utils

from cli import house
from cli.commands import main


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it printed to stdout."""
        return self.out.splitlines()


class CommandLine:
    """Runs commands: `boxoffice("audit", "--show", 1, DATABASE_URL=url)`."""

    def __init__(self, patch: pytest.MonkeyPatch, printed: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._printed = printed
        # The log of a process is set up once; this one's is the tests'.
        patch.setattr(house, "begin_log", lambda config: None)
        # As in a terminal of the usual width, without colours, wherever the tests run.
        patch.setattr(rich_utils, "MAX_WIDTH", 80)
        patch.setattr(rich_utils, "FORCE_TERMINAL", False)

    def __call__(self, *arguments: object, **settings: str) -> Ran:
        """Run a command with these settings."""
        with self._patch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            self._printed.readouterr()
            status = main([str(argument) for argument in arguments])
        return Ran(status, *self._printed.readouterr())
