"""Ctrl-C, and a reader who has left (`| head`): a command ends by the signal, without a word."""

import signal
from typing import NoReturn


def end_at_once() -> None:
    """Let Ctrl-C end the process as long as there is nothing to put in order."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as behind `&`
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_in_order() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again, so that a command closes what it has opened."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def end_by(number: signal.Signals) -> NoReturn:
    """End as if the signal had never been handled: the shell sees what it was."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    raise SystemExit(128 + number)  # it is blocked
