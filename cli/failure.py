"""What ends a command without success: a sentence for stderr, and an exit status."""

from collections.abc import Mapping, Sequence

import typer

from booking.inputs import Problem

DIFFERENT, UNUSABLE, NO_DATABASE = 1, 2, 3


class Failure(typer.TyperException):
    """A command can't go on; the text says why and what to do."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_code = status


def refuse(problems: Sequence[Problem], options: Mapping[str, str]) -> None:
    """Tell every mistake of an input, a line each.

    Args:
        options: where the fields of the input stand on the command line.

    Raises:
        Failure: there is one.
    """
    if problems:
        said = (f"{options[problem.field]}: {problem.message}" for problem in problems)
        raise Failure("\n".join(said), UNUSABLE)
