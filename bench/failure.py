"""What keeps a figure from being printed."""


class Failure(Exception):
    """A contestant can't be measured, or its answers are wrong; the text says which and why."""
