"""What is the same for everybody who asks, so that it need be completed and encoded only once."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import orjson
from strawberry.types import ExecutionResult

_T = TypeVar("_T")


class SharedList(Sequence[_T]):
    """A list that many read, and that knows how to keep its encoded form for each selection.

    To whoever doesn't know better it is a sequence of its entries.
    """

    @abstractmethod
    def encoded(self, selection: Hashable, encode: Callable[[_T], bytes]) -> bytes:
        """Return the whole list as JSON.

        Args:
            selection: what is asked of each entry; equal selections encode an entry alike.
            encode: completes and encodes one entry. What it raises passes through, and nothing
                is kept.
        """


class EncodedResult(ExecutionResult):
    """A result without errors whose answer, `{"data": ...}`, is JSON already.

    To whoever doesn't know better it is a result with its data.
    """

    def __init__(self, encoded: bytes) -> None:
        self.encoded = encoded
        self.errors = None
        self.extensions = None

    @property
    def data(self) -> dict[str, Any] | None:
        """The data, read back."""
        data: dict[str, Any] | None = orjson.loads(self.encoded)["data"]
        return data

    @data.setter
    def data(self, data: dict[str, Any] | None) -> None:
        self.encoded = orjson.dumps({"data": data})
