"""An operation, prepared once for its text and name: variables and selections as closures."""

from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import aclosing
from functools import partial
from hashlib import blake2b
from typing import Any

import orjson
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    located_error,
    print_ast,
    visit,
)
from graphql.execution.execute import assert_event_stream
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from execution import limits
from execution.coercion import Irregular, Values, compile_variables
from execution.counting import CountedSchema
from execution.objects import Steps, execute_serially, execute_together
from execution.pushing import Answers
from execution.run import Run, Source
from execution.selection import Selections, Subscribing
from execution.shared import EncodedResult
from execution.variables import check_variables
from execution.waiting import pends
from schema.errors import TooMuch
from telemetry.operations import names

# Each set of values for the variables of @include and @skip has a plan of its own. A page has a
# few of them; whoever tries all is served by the stock executor.
MAX_PLANS = 16

Variables = Mapping[str, Any]

_NONE: dict[Hashable, bytes] = {}


class Operation:
    """One operation of a valid document, compiled as it is used.

    Raises:
        Irregular: nobody can tell which operation is meant.

    Attributes:
        label: what it is called where operations are counted.
        type: query, mutation or subscription; `kind` in a word.
        document: what it is an operation of.
        weight: how many fields were compiled for it so far.
        grown: called whenever that has become more.
        fields_of_mutation: how many things it does; 0 for what only looks.
        cost: what it asks for, once it is known that it doesn't depend on the variables.
    """

    def __init__(self, schema: CountedSchema, document: DocumentNode, name: str | None) -> None:
        definition = _find(document, name)
        self.document = document
        self.grown: Callable[[], None] = _nothing
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self.label = names.admit(_name_of(definition))
        self.type = OperationType(definition.operation.value)
        self.kind = definition.operation.value  # which an enum takes longer to tell
        self.weight = 0
        self.cost: float | None = None
        mutates = self.type is OperationType.MUTATION
        self.fields_of_mutation = limits.root_fields(definition, document) if mutates else 0
        self._pages_by_variable = limits.pages_by_variable(definition, document)
        # In what is shared, which may outlive the operation: it doesn't keep it in memory.
        self._identity = object()
        self._execute_root: Any = execute_serially if mutates else execute_together
        self._source = Source(schema, document, definition, fragments, name)
        self._declared = [
            each.variable.name.value for each in definition.variable_definitions or ()
        ]
        self._defaults = {
            each.variable.name.value: int(each.default_value.value)
            for each in definition.variable_definitions or ()
            if isinstance(each.default_value, IntValueNode) and len(each.default_value.value) < 10
        }
        self._conditions = _condition_variables(document, definition)
        self._plans: dict[Hashable, Steps | Subscribing | None] = {}
        self._coerce = _compile_variables(schema, definition)

    def check_cost(self, sent: Variables, sizes: limits.Sizes) -> None:
        """Refuse what asks for too much, seen with these variables.

        Raises:
            TooMuch: it does.
        """
        values = {**self._defaults, **sent}
        cost = limits.cost_of(self.document, self._source.definition, values, sizes)
        if cost > limits.MAX_COST:
            message = f"The operation asks for too much: {cost:,} values or more."
            raise TooMuch(message, "cost", limits.MAX_COST)
        if not self._pages_by_variable:
            self.cost = cost

    async def execute(
        self, sent: Variables, context: Any, root: Any, extensions: dict[str, Any] | None
    ) -> ExecutionResult:
        """Run a query or a mutation.

        Raises:
            Irregular: this is for the stock executor; nothing was done yet.
            TooMuch: its variables are not as declared, and too much to be looked at.
        """
        steps, run = self._begin(sent, context, root, extensions)
        return await self._finish(steps, run)

    def stream(
        self, sent: Variables, context: Any, root: Any, extensions: dict[str, Any] | None
    ) -> AsyncGenerator[ExecutionResult, None]:
        """Begin a subscription; or run a query or a mutation, which has one result.

        Raises:
            Irregular: as `execute`.
        """
        plan, run = self._begin(sent, context, root, extensions)
        if self.type is OperationType.SUBSCRIPTION:
            answers = Answers()
            return answers.begin(self._answer_events(plan, run, answers))
        return self._answer_once(plan, run)

    def _begin(
        self, sent: Variables, context: Any, root: Any, extensions: dict[str, Any] | None
    ) -> tuple[Any, Run]:
        try:
            values = self._coerce(sent)
        except Irregular:
            check_variables(sent)
            raise
        if len(sent) > len(self._declared):  # what is not declared is not looked at
            check_variables(sent)
        run = Run(self._source, sent, values, context, root, extensions)
        return self._plan(values), run

    async def _finish(self, steps: Steps, run: Run) -> ExecutionResult:
        try:
            data = self._execute_root(steps, run.root, run, None)
            if pends(data):
                data = await data
        except GraphQLError as error:
            run.executor.collected_errors.add(error, None)
            return ExecutionResult(None, run.errors)
        return ExecutionResult(data, run.errors)

    async def _answer_once(self, steps: Steps, run: Run) -> AsyncGenerator[ExecutionResult, None]:
        yield await self._finish(steps, run)

    async def _answer_events(
        self, plan: Subscribing, run: Run, answers: Answers
    ) -> AsyncGenerator[ExecutionResult, None]:
        path = plan.field.path(None)
        try:
            events: Any = plan.subscribe(run.root, run, path)
            if pends(events):
                events = await events
            assert_event_stream(events)
        except Exception as error:
            located = located_error(error, plan.field.nodes, path.as_list())
            yield PreExecutionError(None, [located])
            return
        # What was sent beside the variables that there are must not keep equals apart.
        declared = {name: run.sent[name] for name in self._declared if name in run.sent}
        sharing = self._identity, _digest(declared)
        try:
            answers.opened(events, partial(_answer_at_once, plan, run, sharing))
            async with aclosing(events):
                async for event in events:
                    yield await _answer(plan, run, event, sharing)
        except Exception as error:  # of the source: events were promised, so this is one too
            yield ExecutionResult(None, [_as_graphql_error(error)])

    def _plan(self, values: Values) -> Any:
        shape = tuple(values.get(name) for name in self._conditions)
        if shape not in self._plans:
            if len(self._plans) >= MAX_PLANS:
                raise Irregular
            self._plans[shape] = self._compile(values)
        plan = self._plans[shape]
        if plan is None:
            raise Irregular
        return plan

    def _compile(self, values: Values) -> Steps | Subscribing | None:
        schema = self._source.schema._schema
        root_type = schema.get_root_type(self._source.definition.operation)
        assert root_type is not None, "the document is valid"
        selections = Selections(self._source, values)
        try:
            if self.type is OperationType.SUBSCRIPTION:
                return selections.subscribing(root_type)
            return selections.root_steps(root_type)
        except (Irregular, GraphQLError, RecursionError):
            return None
        finally:
            self.weight += selections.weight
            self.grown()


async def _answer(plan: Subscribing, run: Run, event: Any, sharing: Hashable) -> ExecutionResult:
    """Answer one event; what was answered alike before is not done again.

    An event that several subscribers get as one object has `encodings` for that: the answers to
    it by operation and variables, for as long as it is in use.
    """
    shared: dict[Hashable, bytes] | None = getattr(event, "encodings", None)
    if shared and (encoded := shared.get(sharing)):
        return EncodedResult(encoded)
    result = await plan.execute(event, run.for_event(event))
    if result.errors:
        return result
    try:
        encoded = orjson.dumps({"data": result.data})
    except TypeError:  # a scalar wrote what is no JSON: whoever sends it will say so
        return result
    if shared is not None:
        shared[sharing] = encoded
    return EncodedResult(encoded)


def _answer_at_once(plan: Subscribing, run: Run, sharing: Hashable, event: Any) -> bytes | None:
    """The same, encoded; None where it has to be waited for, or isn't without errors."""
    shared: dict[Hashable, bytes] = getattr(event, "encodings", _NONE)
    if encoded := shared.get(sharing):
        return encoded
    answering = _answer(plan, run, event, sharing)
    try:
        answering.send(None)
    except StopIteration as done:
        return done.value.encoded if isinstance(done.value, EncodedResult) else None
    answering.close()
    return None


def _digest(variables: Variables) -> Hashable:
    """Equal for equal variables, and short; like no other where they cannot be compared."""
    try:
        text = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return object()
    return blake2b(text, digest_size=32).digest()


def _as_graphql_error(error: Exception) -> GraphQLError:
    if isinstance(error, GraphQLError):
        return error
    return GraphQLError(str(error), original_error=error)


def _find(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to run, unless that is in doubt."""
    found = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (name is None or (node.name and node.name.value == name))
    ]
    if len(found) != 1:
        raise Irregular
    return found[0]


def _name_of(definition: OperationDefinitionNode) -> str:
    """Its name, or that of the first field it asks for."""
    if definition.name:
        return definition.name.value
    first = definition.selection_set.selections[0]
    return first.name.value if isinstance(first, FieldNode) else "anonymous"


def _condition_variables(document: DocumentNode, definition: OperationDefinitionNode) -> list[str]:
    """The variables that decide what is included and what is skipped."""
    names: dict[str, None] = {}

    class Conditions(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    names[argument.value.name.value] = None

    visit(document, Conditions())
    # Another operation of the document may have variables of the same names, and other types.
    booleans = {
        each.variable.name.value
        for each in definition.variable_definitions or ()
        if print_ast(each.type) in ("Boolean", "Boolean!")
    }
    return [name for name in names if name in booleans]


def _compile_variables(
    schema: CountedSchema, definition: OperationDefinitionNode
) -> Callable[[Variables], Values]:
    """What coerces the variables; it refuses all where something odd is asked of all of it."""
    try:
        if definition.directives:
            raise Irregular
        return compile_variables(schema._schema, definition.variable_definitions or ())
    except Irregular:
        return _refuse


def _refuse(_: Variables) -> Values:
    raise Irregular


def _nothing() -> None: ...
