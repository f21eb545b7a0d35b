"""A field's arguments as closures: from literals and variables to what its resolver takes."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
)
from graphql.type import is_required_argument, is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal
from strawberry.relay import GlobalID
from strawberry.schema import Schema
from strawberry.schema.compat import is_scalar
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.unset import UNSET

from execution.coercion import Irregular, Values

Read = Callable[[Values], Any]
"""What an argument is, given the variables; Undefined where it is left out."""
Convert = Callable[[Any], Any]


def compile_arguments(
    schema: Schema, definition: GraphQLField, node: FieldNode, converted: list[StrawberryArgument]
) -> Callable[[Values], dict[str, Any]]:
    """Compile what makes a resolver's arguments, as Strawberry would give them.

    With nothing in `converted` they are as graphql-core would give them.

    Raises:
        Irregular: here for what is wrong whatever the variables are, in the closure for variables
            that only the stock executor knows what to say about.
    """
    given = {argument.name.value: argument for argument in node.arguments or ()}
    name_of = schema.config.name_converter.from_argument
    by_name = {name_of(argument): argument for argument in converted}
    steps = []
    for name, argument in definition.args.items():
        read = _compile_argument(argument, given.get(name))
        if by_name:
            steps.append((by_name[name].python_name, read, _converter(schema, by_name[name].type)))
        else:
            steps.append((argument.out_name or name, read, _keep))

    def read_arguments(values: Values) -> dict[str, Any]:
        arguments = {}
        for name, read, convert in steps:
            value = read(values)
            if value is not Undefined:
                arguments[name] = convert(value)
        return arguments

    return read_arguments


def _compile_argument(argument: GraphQLArgument, node: ArgumentNode | None) -> Read:
    required, default = is_required_argument(argument), coerce_default_value(argument)
    if node is None:
        if required:
            raise Irregular
        return lambda values: default
    return _compile_value(node.value, argument, default, required)


def _compile_value(
    node: ValueNode, place: GraphQLArgument | GraphQLInputField, default: Any, required: bool
) -> Read:
    """Compile a value for an argument or an input field, which has its default."""
    if not isinstance(node, VariableNode):
        return _compile_literal(node, place.type)
    name, not_null = node.name.value, isinstance(place.type, GraphQLNonNull)

    def read_variable(values: Values) -> Any:
        value = values.get(name, Undefined)
        if value is Undefined and not required:
            return default
        if value is Undefined or (value is None and not_null):
            raise Irregular
        return value

    return read_variable


def _compile_literal(node: ValueNode, type_: GraphQLInputType) -> Read:
    if not _has_variables(node):
        constant = coerce_input_literal(node, type_)
        if constant is Undefined:
            raise Irregular
        return lambda values: constant
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    if isinstance(type_, GraphQLList):
        return _compile_list(node, type_.of_type)
    if isinstance(type_, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return _compile_object(node, type_)
    raise Irregular  # a custom scalar's literal with variables in it


def _has_variables(node: ValueNode) -> bool:
    match node:
        case VariableNode():
            return True
        case ListValueNode():
            return any(_has_variables(item) for item in node.values)
        case ObjectValueNode():
            return any(_has_variables(field.value) for field in node.fields)
    return False


def _compile_list(node: ValueNode, item_type: GraphQLInputType) -> Read:
    item = GraphQLInputField(item_type)
    required = isinstance(item_type, GraphQLNonNull)
    nodes = node.values if isinstance(node, ListValueNode) else [node]
    items = [_compile_value(value, item, None, required) for value in nodes]
    return lambda values: [read(values) for read in items]


def _compile_object(node: ObjectValueNode, type_: GraphQLInputObjectType) -> Read:
    given = {field.name.value: field.value for field in node.fields}
    plain = type_.out_type is GraphQLInputObjectType.out_type and not type_.is_one_of
    if not plain or not given.keys() <= type_.fields.keys():
        raise Irregular
    steps = []
    for name, field in type_.fields.items():
        default = coerce_default_value(field)
        value = given.get(name)
        if value is None and is_required_input_field(field):
            raise Irregular
        read = (
            (lambda values, default=default: default)
            if value is None
            else _compile_value(value, field, default, is_required_input_field(field))
        )
        steps.append((field.out_name or name, read))

    def read_object(values: Values) -> Any:
        fields = ((name, read(values)) for name, read in steps)
        return {name: value for name, value in fields if value is not Undefined}

    return read_object


def _keep(value: Any) -> Any:
    return value


def _converter(schema: Schema, type_: Any) -> Convert:
    """Compile Strawberry's `convert_argument` for a type: the same, without asking each time."""
    registry, config = schema.schema_converter.scalar_registry, schema.config
    if isinstance(type_, StrawberryMaybe):
        return lambda value: convert_argument(value, type_, registry, config)
    if isinstance(type_, StrawberryOptional):
        return _converter(schema, type_.of_type)
    if isinstance(type_, StrawberryList):
        return _list_converter(_converter(schema, type_.of_type))
    if type_ is not GlobalID and (
        is_scalar(type_, registry)
        or isinstance(type_, StrawberryEnumDefinition)
        or has_enum_definition(type_)
    ):
        return _keep
    if has_object_definition(type_) and type_.__strawberry_definition__.from_input is None:
        return _input_converter(schema, type_)
    return lambda value: convert_argument(value, type_, registry, config)


def _list_converter(convert: Convert) -> Convert:
    def convert_list(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        # A copy even of plain values: defaults are shared, and a resolver may change its own.
        return list(value) if convert is _keep else [convert(item) for item in value]

    return convert_list


def _input_converter(schema: Schema, type_: Any) -> Convert:
    definition = type_.__strawberry_definition__
    name_of = schema.config.name_converter.from_field
    left_out: Mapping[str, Any] = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }
    steps = [
        (
            name_of(field),
            field.python_name,
            _converter(schema, field.resolve_type(type_definition=definition)),
        )
        for field in definition.fields
    ]

    def convert_input(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        fields = dict(left_out)
        for name, python_name, convert in steps:
            if name in value:
                fields[python_name] = convert(value[name])
        return type_(**fields)

    return convert_input
