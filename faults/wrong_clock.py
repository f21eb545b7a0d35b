"""Run a module as a process whose clock is wrong: python -m faults.wrong_clock SECONDS MODULE ...

Whatever it imports finds the wall clock so many seconds off; the monotonic clock is as it was.
"""

import datetime
import runpy
import sys
import time
from typing import Any

_true = datetime.datetime


class _Meta(type(_true)):  # type: ignore[misc] # it is `type`, which nobody promises
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _true)


def shift(seconds: float) -> None:
    """Set this process's wall clock wrong."""
    time_of_day, time_of_day_ns = time.time, time.time_ns

    class Wrong(_true, metaclass=_Meta):
        """A datetime in all but what it takes for now; its instances are true ones."""

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            return _true(*args, **kwargs)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _true.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return _true.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return _true.fromtimestamp(time.time())

    time.time = lambda: time_of_day() + seconds
    time.time_ns = lambda: time_of_day_ns() + int(seconds * 1e9)
    datetime.datetime = Wrong  # type: ignore[misc]


if __name__ == "__main__":
    seconds, module = float(sys.argv[1]), sys.argv[2]
    shift(seconds)
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
