"""What came back for a request, and whether and when a good client asks again. No I/O."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

# So often at the most, the first try counted.
MOST_TRIES = 6
# Who would have to wait for longer gives up.
LONGEST_PAUSE = 30.0
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 2.0
UNREADABLE = "an answer that can't be read"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    Attributes:
        result: the root field.
        code: an error's; None where there is none.
        failure: how it failed where there is no answer.
        retry_after: when the server wants to be asked again, in seconds.
        maybe_done: whether nobody here knows if it was done.
    """

    result: Any = None
    code: str | None = None
    failure: str | None = None
    retry_after: float | None = None
    maybe_done: bool = False

    @property
    def answered(self) -> bool:
        """Whether the question is answered, be it by a refusal."""
        return self.code is None and self.failure is None

    @property
    def outcome(self) -> str:
        """In a word, what came of it."""
        if self.failure is not None:
            return f"no answer: {self.failure}"
        if self.code is not None:
            return f"{self.code}, outcome unknown" if self.maybe_done else self.code
        typename = self.result.get("__typename") if isinstance(self.result, dict) else None
        return str(typename or ("found" if self.result is not None else "nothing found"))

    def pause(self, tried: int, chance: random.Random) -> float | None:
        """Seconds until the same is asked again after so many tries; None: not again.

        Each waits for a time of their own, so that they don't all come back at once.
        """
        wanted = self.failure is not None or self.code in ("UNAVAILABLE", "RATE_LIMITED")
        if not wanted or tried >= MOST_TRIES:
            return None
        if self.retry_after is not None:
            return self.retry_after * chance.uniform(1, 1.25) if self._worth_it else None
        return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0**tried) * chance.uniform(0.5, 1)

    @property
    def _worth_it(self) -> bool:
        return self.retry_after is not None and self.retry_after <= LONGEST_PAUSE


def read_answer(body: bytes) -> Answer:
    """Read the body of a response, which may come from anything on the way."""
    try:
        answer = orjson.loads(body)
        if errors := answer.get("errors"):
            return read_error(errors[0])
        return Answer(result=answer["data"]["result"])
    except (orjson.JSONDecodeError, AttributeError, LookupError, TypeError):
        return Answer(failure=UNREADABLE, maybe_done=True)


def read_error(error: Mapping[str, Any]) -> Answer:
    """Read an entry of `errors`."""
    extensions = error.get("extensions") or {}
    code = str(extensions.get("code") or "an error without a code")
    retry_after = extensions.get("retryAfter")
    return Answer(
        code=code,
        retry_after=float(retry_after) if isinstance(retry_after, int | float) else None,
        maybe_done=extensions.get("outcome") == "UNKNOWN" or code == "INTERNAL",
    )
