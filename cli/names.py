"""Names on a command line, read as the API reads them."""

from typer import BadParameter

from booking.inputs import MAX_NAME_LENGTH, check_text


def read_name(text: str) -> str:
    """A name of 1 to 200 characters."""
    if problems := [*check_text("name", text, MAX_NAME_LENGTH)]:
        raise BadParameter(problems[0].message)
    return text
