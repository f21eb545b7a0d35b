"""The operations that were seen lately, prepared: as many as fit."""

from collections import OrderedDict
from functools import partial

from graphql import DocumentNode

from execution.coercion import Irregular
from execution.counting import CountedSchema
from execution.operation import Operation

# Its text takes a syntax tree of 100 to 200 bytes a character, a field's closures some 2 KB: this
# is 40 MB at the most, or five hundred operations of a page's usual size.
MAX_WEIGHT = 200_000
CHARACTERS_A_FIELD = 15
# No page sends so much at once; a few such texts would drive everybody else's operations out.
LARGEST = MAX_WEIGHT // 10

Key = tuple[str, str | None]


class Operations:
    """A bounded cache by text and name, the least recently used going first."""

    def __init__(self, schema: CountedSchema) -> None:
        self._schema = schema
        self._known: OrderedDict[Key, Operation] = OrderedDict()
        self._weights: dict[Key, int] = {}
        self._weight = 0

    def find(self, text: str, name: str | None) -> Operation | None:
        """An operation that was added, if it is still here."""
        key = text, name
        operation = self._known.get(key)
        if operation is not None:
            self._known.move_to_end(key)
        return operation

    def add(self, text: str, name: str | None, document: DocumentNode) -> Operation | None:
        """Prepare an operation of a valid document; None if it cannot be told which."""
        try:
            operation = Operation(self._schema, document, name)
        except Irregular:
            return None
        if len(text) > LARGEST:
            return operation
        key = text, name
        self._known[key] = operation
        operation.grown = partial(self._account, key, operation)
        operation.grown()
        return operation

    def _account(self, key: Key, operation: Operation) -> None:
        """Count what an operation has grown by, and make room for it."""
        if self._known.get(key) is not operation:
            return  # it had to go already
        weight = len(key[0]) + CHARACTERS_A_FIELD * operation.weight
        self._weight += weight - self._weights.get(key, 0)
        self._weights[key] = weight
        while self._weight > MAX_WEIGHT and self._known:
            oldest, _ = self._known.popitem(last=False)
            self._weight -= self._weights.pop(oldest)
