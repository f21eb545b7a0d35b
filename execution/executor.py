"""The stock executor, bounded: in what its lists may hold, and in what it says of mistakes."""

from collections.abc import Iterable, Sequence
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, SelectionSetNode
from graphql.execution.collect_fields import FieldDetails
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from execution.limits import bound

# It takes some 5 us for each, and gets what closures don't know: introspection beside seats, say.
MAX_VALUES = 10_000


class BoundedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Refuses what takes it too long: values in lists, all lists of an operation together."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._values = 0
        # They know the executor as it knows them: all that was sent, which may be a mebibyte, would
        # stay until the collector comes by. No resolver of ours begins work that nobody awaits.
        self.async_helpers = None  # type: ignore[assignment]

    def complete_list_value(
        self,
        return_type: Any,
        field_details_list: list[FieldDetails],
        info: Any,
        path: Any,
        result: Any,
        *more: Any,
    ) -> Any:
        """Complete a list that is not too long for what is asked of each entry."""
        if isinstance(result, Sequence):
            self._values += len(result) * self._selected(field_details_list)
            bound("values", "values", self._values, MAX_VALUES, "The answer would have")
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, *more
        )

    def _selected(self, details: Iterable[FieldDetails]) -> int:
        waiting: list[SelectionSetNode | None] = [each.node.selection_set for each in details]
        fields = 0
        while waiting:
            selections = waiting.pop()
            for node in selections.selections if selections else ():
                if isinstance(node, FieldNode):
                    fields += 1
                elif isinstance(node, FragmentSpreadNode):
                    waiting.append(self.fragment_definitions[node.name.value].selection_set)
                else:
                    waiting.append(node.selection_set)  # type: ignore[attr-defined]
        return fields or 1


class DiscreetExecutor(BoundedExecutor):
    """For where introspection is off: names nothing that may have been meant by a variable."""

    @classmethod
    def build(cls, *args: Any, **options: Any) -> Any:
        """Build it for one execution."""
        return super().build(*args, **{**options, "hide_suggestions": True})
