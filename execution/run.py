"""One run of an operation: what its closures share, and the stock executor for what goes wrong."""

from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    OperationDefinitionNode,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import _OperationContextAwareGraphQLResolveInfo as ResolveInfo

from execution.coercion import Values
from execution.counting import CountedSchema
from schema.errors import TooMuch

# A hall of 100,000 seats with all that the contract has of each takes 9 MB. Its lists are counted
# before they are completed.
MAX_ANSWER_BYTES = 10_000_000
# What a value takes beside its name, about: seats' have 4 to 11, and quotes, colon and comma.
VALUE_BYTES = 12
# A hundred thousand seats of which nobody has asked in just these words take 0.3 s to be encoded,
# and who asks for a hall of 2,000 every second asks for no more than anybody may.
BYTES_OF_READ = 100_000


class Source(NamedTuple):
    """Where an operation stands: what the stock executor would begin with."""

    schema: CountedSchema
    document: DocumentNode
    definition: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    name: str | None


class Field:
    """A field of a selection: where it stands, and what it is to the stock executor."""

    def __init__(
        self,
        key: str,
        parent: GraphQLObjectType,
        definition: GraphQLField,
        details: list[FieldDetails],
    ) -> None:
        self.key = key
        self.parent = parent
        self.definition = definition
        self.type = definition.type
        self.details = details
        self.nodes = [detail.node for detail in details]
        self.name = self.nodes[0].name.value

    def path(self, above: Path | None) -> Path:
        """Its place in the answer."""
        return Path(above, self.key, self.parent.name)


class Run:
    """One run: its variables and context, and its stock executor once it is needed.

    The executor is asked whenever something is not as a closure expects, so that data and errors
    are its own, to the letter.
    """

    __slots__ = (
        "_answer_bytes",
        "_executor",
        "context",
        "extensions",
        "root",
        "sent",
        "source",
        "values",
    )

    def __init__(
        self,
        source: Source,
        sent: Mapping[str, Any],
        values: Values,
        context: Any,
        root: Any,
        extensions: dict[str, Any] | None,
    ) -> None:
        self.source = source
        self.sent = sent
        self.values = values
        self.context = context
        self.root = root
        self.extensions = extensions
        self._executor: Executor[Any] | None = None
        self._answer_bytes = 0

    def for_event(self, event: Any) -> "Run":
        """A run of its own for an event of a subscription, with the event as its root."""
        return Run(self.source, self.sent, self.values, self.context, event, self.extensions)

    def take(self, answer_bytes: int) -> Awaitable[None] | None:
        """Count what a list will take in the answer: a large one is as many reads as it is worth.

        What is returned, if anything, is to be awaited.

        Raises:
            TooMuch: with the lists before it that is more than an answer may have.
            RateLimited: there were too many reads.
        """
        self._answer_bytes += answer_bytes
        if self._answer_bytes > MAX_ANSWER_BYTES:
            message = f"The answer would be too large: at most {MAX_ANSWER_BYTES:,} bytes."
            raise TooMuch(message, "answerBytes", MAX_ANSWER_BYTES)
        reads, gate = answer_bytes // BYTES_OF_READ, self.source.schema.gate
        return gate.read(self.context, reads) if reads and gate else None

    @property
    def executor(self) -> Executor[Any]:
        """The stock executor, which collects the errors of this run."""
        if self._executor is None:
            schema, document, _, _, name = self.source
            executor = schema.execution_context_class.build(
                schema._schema,
                document,
                self.root,
                self.context,
                dict(self.sent),
                name,
                is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
                operation_extensions=self.extensions,
            )
            assert isinstance(executor, Executor), "its variables could be coerced"
            self._executor = executor
        return self._executor

    @property
    def errors(self) -> list[GraphQLError] | None:
        """What went wrong so far."""
        return None if self._executor is None else self._executor.collected_errors.errors or None

    def info(self, field: Field, path: Path) -> GraphQLResolveInfo[Any]:
        """What the stock executor tells a resolver, but for its helpers for unawaited work."""
        schema, _, definition, fragments, _ = self.source
        return ResolveInfo(  # type: ignore[return-value]
            field.name,
            field.nodes,
            field.type,
            field.parent,
            path,
            schema._schema,
            fragments,
            self.root,
            definition,
            self.values,
            self.context,
            optimized_is_awaitable,
            None,
            None,
            self.extensions,  # type: ignore[arg-type]  # None where none were sent
        )

    def fail(self, error: Exception, field: Field, type_: GraphQLOutputType, path: Path) -> Any:
        """Record an error and return null where that may stand; elsewhere raise it."""
        self.executor.handle_field_error(error, type_, field.details, path)
        return None

    def give_up(self, waiting: list[Any]) -> None:
        """Let what was begun come to its end, though nobody asks for it any more."""
        if waiting:
            self.executor.settle_in_background(waiting)

    def complete(self, value: Any, field: Field, type_: GraphQLOutputType, path: Path) -> Any:
        """Complete a value by the stock executor; returns it, or an awaitable of it."""
        own = path
        while isinstance(own.key, int) and own.prev:  # an item has the info of its list's field
            own = own.prev
        info = self.executor.build_resolve_info(field.definition, field.nodes, field.parent, own)
        return self.executor.complete_value(type_, field.details, info, path, value, None)
