"""What ends a command without success: a sentence for stderr, and an exit status."""

import typer

DIFFERENT, UNUSABLE, NO_DATABASE = 1, 2, 3


class Failure(typer.TyperException):
    """A command can't go on; the text says why and what to do."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_code = status
