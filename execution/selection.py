"""A selection as a plan: its fields for each type, collected once, as the stock executor would."""

from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types import ExecutionResult
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from execution.coercion import Irregular, Values
from execution.completion import (
    Completion,
    complete_abstract,
    complete_leaf,
    complete_list,
    complete_not_null,
)
from execution.guard import guards_of
from execution.limits import MAX_FIELDS
from execution.objects import complete_object
from execution.resolution import (
    Resolve,
    Step,
    attribute_step,
    compile_resolver,
    resolver_step,
    typename_step,
)
from execution.run import VALUE_BYTES, Field, Run, Source
from execution.waiting import pends

DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


@dataclass(frozen=True, slots=True)
class Subscribing:
    """A subscription's root field."""

    field: Field
    subscribe: Resolve
    completion: Completion

    async def execute(self, event: Any, run: Run) -> ExecutionResult:
        """Answer one event."""
        path = self.field.path(None)
        try:
            completed = self.completion.effectful(event, run, path)
            if pends(completed):
                completed = await completed
        except Exception as error:
            try:
                completed = run.fail(error, self.field, self.field.type, path)
            except GraphQLError as fatal:
                run.executor.collected_errors.add(fatal, None)
                return ExecutionResult(None, run.errors)
        return ExecutionResult({self.field.key: completed}, run.errors)


class Selections:
    """Compiles the selections of one operation, for variables that include and skip alike."""

    def __init__(self, source: Source, values: Values) -> None:
        self._source = source
        self._schema = source.schema._schema
        self._values = VariableValues({}, values)
        self.weight = 0
        self._fragments = {
            name: FragmentDetails(node, None) for name, node in source.fragments.items()
        }

    def root_steps(self, root_type: GraphQLObjectType) -> list[tuple[str, Step]]:
        """The root fields, by key.

        Raises:
            Irregular: the operation has something that only the stock executor knows.
        """
        return self._steps(root_type, self._root_fields(root_type))

    def subscribing(self, root_type: GraphQLObjectType) -> "Subscribing":
        """The one root field of a subscription: its source, and how its events are completed.

        Raises:
            Irregular: as `root_steps`.
        """
        fields = self._root_fields(root_type)
        if len(fields) != 1:
            raise Irregular
        [(key, details)] = fields.items()
        field = self._field(root_type, key, details)
        completion = self._complete(field.type, field)
        own = field.definition.extensions[DEFINITION]
        stock = field.definition.subscribe
        if stock is None or guards_of(own) is None or own.base_resolver is None:
            raise Irregular
        return Subscribing(field, compile_resolver(self._source, own, field, stock), completion)

    def _root_fields(self, root_type: GraphQLObjectType) -> GroupedFieldSet:
        definition = self._source.definition
        return collect_fields(
            self._schema, self._fragments, self._values, root_type, definition
        ).grouped_field_set

    def _steps(self, parent: GraphQLObjectType, fields: GroupedFieldSet) -> list[tuple[str, Step]]:
        return [(key, self._step(parent, key, details)) for key, details in fields.items()]

    def _step(self, parent: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Step:
        self._count()
        if details[0].node.name.value == "__typename":
            return typename_step(parent.name)
        field = self._field(parent, key, details)
        completion = self._complete(field.type, field)
        own = field.definition.extensions[DEFINITION]
        assert isinstance(own, StrawberryField)
        if own.is_basic_field and self._source.schema.config.default_resolver is getattr:
            return attribute_step(own.python_name, field, completion)
        return resolver_step(self._source, own, field, completion, self._entry_bytes(field))

    def _entry_bytes(self, field: Field) -> int:
        """What an entry of a field's list takes in the answer, without what its fields select."""
        type_: Any = get_named_type(field.type)
        if not is_list_type(get_nullable_type(field.type)):
            return 0
        if is_leaf_type(type_):
            return VALUE_BYTES
        members = self._schema.get_possible_types(type_) if is_abstract_type(type_) else [type_]
        names = [self._subfields(member, field) for member in members]
        return max(sum(len(name) + VALUE_BYTES for name in each) for each in names)

    def _count(self) -> None:
        self.weight += 1
        if self.weight > MAX_FIELDS:
            raise Irregular

    def _field(self, parent: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Field:
        definition = self._schema.get_field(parent, details[0].node.name.value)
        if definition is None or DEFINITION not in definition.extensions:
            raise Irregular  # introspection
        return Field(key, parent, definition, details)

    def _complete(self, type_: GraphQLOutputType, field: Field) -> Completion:
        if isinstance(type_, GraphQLNonNull):
            return complete_not_null(self._complete(type_.of_type, field), type_, field)
        if isinstance(type_, GraphQLList):
            item = self._complete(type_.of_type, field)
            return complete_list(item, type_.of_type, type_, field)
        if isinstance(type_, GraphQLObjectType):
            return self._complete_object(type_, field)
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            return self._complete_abstract(type_, field)
        assert isinstance(type_, GraphQLLeafType)
        return complete_leaf(type_, field)

    def _complete_abstract(self, type_: GraphQLAbstractType, field: Field) -> Completion:
        if isinstance(type_, GraphQLInterfaceType) and _definition(type_).resolve_type:
            raise Irregular
        members = {
            _plain(member): self._complete_object(member, field, known=True)
            for member in self._schema.get_possible_types(type_)
        }
        return complete_abstract(members, type_, field)

    def _complete_object(
        self, type_: GraphQLObjectType, field: Field, known: bool = False
    ) -> Completion:
        steps = self._steps(type_, self._subfields(type_, field))
        return complete_object(steps, None if known else _class_of(type_), type_, field)

    def _subfields(self, type_: GraphQLObjectType, field: Field) -> GroupedFieldSet:
        return collect_subfields(
            self._schema,
            self._fragments,
            self._values,
            self._source.definition,
            type_,
            field.details,
        ).grouped_field_set


def _definition(type_: GraphQLObjectType | GraphQLInterfaceType) -> StrawberryObjectDefinition:
    definition = type_.extensions[DEFINITION]
    assert isinstance(definition, StrawberryObjectDefinition)
    return definition


def _plain(type_: GraphQLObjectType) -> StrawberryObjectDefinition:
    """The definition that all objects of a type share, by which they are told apart."""
    definition = _definition(type_)
    if definition.is_type_of or definition.concrete_of or definition.is_graphql_generic:
        raise Irregular
    return definition


def _class_of(type_: GraphQLObjectType) -> type:
    """The class of a type's objects."""
    definition = _plain(type_) if type_.is_type_of else _definition(type_)
    expected: type = (definition.concrete_of or definition).origin
    if issubclass(expected, Exception) or hasattr(expected, "__await__"):
        raise Irregular
    return expected
